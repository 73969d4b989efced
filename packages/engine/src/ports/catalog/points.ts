import * as z from 'zod';
import type { UnreadCounts } from '../../points/unread-facts.ts';
import type { HoldId, PointId, ResourceArn, RunId } from '../../ids.ts';
import type { BackupType } from '../../model/backup-type.ts';
import type { ResourceRow } from './resources.ts';
import type { NameMarks } from '../../signs/name-marks.ts';
import type { PointSign } from '../../signs/point-signs.ts';
import type { TimeRange } from './time-range.ts';

/** Numbers that a recovery point reports. Bytes. */
export interface PointCounts {
  /** Entries in the manifest (files, objects, directories); volumes for an image. */
  readonly files: number;
  readonly filesChanged: number;
  readonly filesRemoved: number;
  /** Content bytes of all entries. */
  readonly logicalBytes: number;
  readonly readBytes: number;
  /** Plain bytes of chunks that the vault did not have. */
  readonly newBytes: number;
  /** Bytes written to the vault: packs and pages. */
  readonly storedBytes: number;
}

/** The signs of a point, or that it has none, as was found when there were more points to compare it with. */
export interface KeptSigns {
  readonly pointId: PointId;
  /** ISO 8601, UTC. */
  readonly sourceTime: string;
  readonly signs: readonly PointSign[];
}

/** The catalog's copy of a root: built from the root as read back from the vault, but for `marks` and `keptSigns`. */
export interface PointRow {
  readonly pointId: PointId;
  readonly resourceArn: ResourceArn;
  readonly resourceKind: ResourceRow['kind'];
  readonly plan: string;
  readonly type: BackupType;
  readonly basePointId?: PointId;
  readonly chainPointId: PointId;
  readonly runId: RunId;
  /** The time at which the source was in this state; points of a resource are ordered by it. */
  readonly sourceTime: Date;
  readonly committedAt: Date;
  readonly expiresAt: Date;
  readonly retentionClass: string;
  /** The store's name of the archive class that the point's container lies in. Such a point is never a base. */
  readonly archiveClass?: string;
  /** The vault has the blocks of the image; absent for one of snapshots alone, and for what is no image. */
  readonly hasBlocks?: true;
  readonly counts: PointCounts;
  readonly warnings: number;
  /** Absent in older rows: ask `isDegraded`. */
  readonly unread?: UnreadCounts;
  /**
   * New names that an attack may have given. Absent where the run met none, and where the row comes from the root: that
   * has no place for them.
   */
  readonly marks?: NameMarks;
  /**
   * Its own signs or that it has none, and those of points before it that are gone, of many the first and the last: what
   * comes after is not clean either.
   */
  readonly keptSigns?: readonly KeptSigns[];
  readonly seconds: number;
  readonly rootName: string;
  readonly rootVersionId: string;
  /** Snapshots of an image that were missing when maintenance last looked; absent where none was. */
  readonly snapshotsMissing?: number;
  /** Set by the expirer before it removes the root: such a point cannot be held, prolonged, or built on any more. */
  readonly expiring?: boolean;
  /** Legal holds on this point; while there is one it never expires. Sorted. */
  readonly holds?: readonly HoldId[];
}

/** A point's place in the lists of those whose retention ends, as a call leaves it to the next one. */
export const ExpiryPlace = z.object({
  pointId: z.string().transform((text) => text as PointId),
  expiresAt: z.coerce.date(),
});
export type ExpiryPlace = Readonly<z.infer<typeof ExpiryPlace>>;

export interface Points {
  /**
   * Writes a point's row and moves the resource's `last…` fields on if it is the newest. Repeatable. A row that is
   * there already keeps its `holds`, its `expiring` and a later `expiresAt`.
   */
  put(row: PointRow): Promise<void>;
  find(pointId: PointId): Promise<PointRow | undefined>;
  /**
   * Lists points of a resource by source time, newest first; those of one time by id, the last first. So a list goes on
   * behind any of its ids.
   */
  list(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow>;
  /**
   * Lists points whose retention ends in a span of time, in an order of the catalog's own.
   * @param after - a point as an earlier list had it, also one of another span: this one goes on behind it, whatever
   * became of it.
   */
  listExpiring(range: TimeRange, after?: ExpiryPlace): AsyncIterable<PointRow>;
  /**
   * Decides that a point is removed: sets `expiring` if its retention ended at or before `now` and nobody holds it.
   * Repeatable. @returns the row, or `kept` when the point is not due, held, or gone.
   */
  startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'>;
  remove(pointId: PointId): Promise<void>;
  /** Raises a point's expiry (rule 7: after all that it needs is leased); never lowers it. @returns `gone` also for a point that is expiring. */
  prolong(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'>;
  /** Notes how many of an image's snapshots are gone, 0 for none. A point that is gone is no error. */
  noteSnapshotsMissing(pointId: PointId, count: number): Promise<void>;
  /** Notes signs that could not be found any more once earlier points are gone. Repeatable. A point that is gone is no error. */
  noteSigns(pointId: PointId, kept: readonly KeptSigns[]): Promise<void>;
  /** Adds a hold to a point's set. Repeatable. @returns `gone` also for a point that is expiring. */
  addHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'>;
  /** Takes a hold out of a point's set. Repeatable; a point that is gone is no error. */
  removeHold(pointId: PointId, holdId: HoldId): Promise<void>;
  /** Lists points with at least one hold, by id. @param startAfter - only those behind this one, which need not be there. */
  listHeld(startAfter?: PointId): AsyncIterable<PointRow>;
}
