import type { UnreadCounts } from '../points/unread-counts.ts';
import type { PointWarning, Root } from '../points/root.ts';

export interface PointContent {
  readonly counts: Root['counts'];
  readonly warnings: readonly PointWarning[];
  /**
   * Number of all warnings, where `warnings` lacks some: a container knows only those that its original's root spells
   * out. @default their number
   */
  readonly warningCount?: number;
  /** Entries that could not be read: with any of them the point is degraded. */
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
