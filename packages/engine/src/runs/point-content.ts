import * as z from 'zod';
import { Root } from '../points/root.ts';
import { PointWarning, UnreadCounts } from '../points/unread-facts.ts';
import { NameMarks } from '../signs/name-marks.ts';

const { counts, manifest, packMap, pagePacks, pagePacksCounted, container, image } = Root.shape;

/** A point's content as it can be written down between two calls. */
export const StoredContent = z.object({
  counts,
  warnings: z.array(PointWarning).readonly(),
  /**
   * Number of all warnings, where `warnings` lacks some: a container knows only those that its original's root spells
   * out. @default their number
   */
  warningCount: z.int().nonnegative().optional(),
  /** Entries that could not be read: with any of them the point is degraded. */
  unread: UnreadCounts,
  /** New names that an attack may have given. The format has no place for them: they are in the catalog alone. */
  marks: NameMarks.optional(),
  manifest,
  packMap,
  pagePacks,
  pagePacksCounted,
  container,
  image,
});

export type PointContent = Readonly<z.infer<typeof StoredContent>> & {
  /** The smallest lock that the store has confirmed among all objects that the point uses; absent if it uses none. */
  readonly lockedUntil?: Date;
};
