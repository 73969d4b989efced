import type { UnreadCounts } from '../points/unread-counts.ts';
import type { PointWarning, Root } from '../points/root.ts';

/** What the new point consists of. */
export interface PointContent {
  readonly counts: Root['counts'];
  readonly warnings: readonly PointWarning[];
  /** How many there are, where `warnings` lacks some: a container knows what the root it was made from spells out. @default their number */
  readonly warningCount?: number;
  /** What could not be read: with any of it the point is degraded. */
  readonly unread: UnreadCounts;
  readonly manifest?: string;
  readonly packMap?: string;
  readonly pagePacks: Root['pagePacks'];
  readonly pagePacksCounted: number;
  readonly container?: Root['container'];
  readonly image?: Root['image'];
  /** The smallest lock that the store has confirmed among all objects that the point uses; absent if it uses none. */
  readonly lockedUntil?: Date;
}
