import type { HoldId, PackId, PointId, ResourceArn, RunId } from '../ids.ts';
import type { BackupType } from '../model/backup-type.ts';
import type { ResourceKind } from '../model/resource-kind.ts';

/** A resource that a plan's tag selects, or once selected. */
export interface ResourceRow {
  readonly arn: ResourceArn;
  readonly kind: ResourceKind;
  /** The plan that the tag names, whether the plan exists or not. */
  readonly plan: string;
  /** The instance that a volume is backed up with, by that one's plan, although it carries the tag itself. */
  readonly partOf?: ResourceArn;
  /** Why the resource is not being protected although it carries the tag. */
  readonly problem?: string;
  readonly seenAt: Date;
  readonly lastRunId?: RunId;
  readonly lastRunState?: RunState;
  readonly lastPointId?: PointId;
  /** Source time of the newest committed point. */
  readonly lastSourceTime?: Date;
  /** The resource's tags when it was last discovered; holds on a tag go by them. */
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * `completed-with-warnings`: committed, and nothing is lacking that the source still had. `degraded`: committed, but some
 * entries could not be read: the point lacks them, or has them as an earlier point does.
 */
export type RunState =
  | 'open'
  | 'cancelling'
  | 'completed'
  | 'completed-with-warnings'
  | 'degraded'
  | 'failed'
  | 'cancelled';

/** One attempt to protect one resource. While it is open it is the resource's only one. */
export interface RunRow {
  readonly runId: RunId;
  readonly resourceArn: ResourceArn;
  readonly plan: string;
  /** What was asked for. */
  readonly requestedType: BackupType;
  /** What is being done: a full where an incremental has no base. */
  readonly type: BackupType;
  /** Why `type` differs from `requestedType`. */
  readonly typeReason?: string;
  readonly basePointId?: PointId;
  /** The full that started the chain; absent for the full itself. */
  readonly chainPointId?: PointId;
  /** The date that everything the run stores or reuses is leased to (rule 3 of docs/leases.md). */
  readonly leaseUntil: Date;
  readonly startedAt: Date;
  /** Until when the run counts as alive; workers move it on. */
  readonly aliveUntil: Date;
  readonly state: RunState;
  /** Step Functions execution that drives it. */
  readonly execution?: string;
  /** Set when the run ended. */
  readonly endedAt?: Date;
  readonly pointId?: PointId;
  readonly error?: { readonly name: string; readonly message: string };
}

/** Numbers that a recovery point reports. Bytes. */
export interface PointCounts {
  /** Entries in the manifest (files, objects, directories); volumes for an image. */
  readonly files: number;
  readonly filesChanged: number;
  readonly filesRemoved: number;
  /** Content bytes of all entries. */
  readonly logicalBytes: number;
  /** Bytes read from the source. */
  readonly readBytes: number;
  /** Plain bytes of chunks that the vault did not have. */
  readonly newBytes: number;
  /** Bytes written to the vault: packs and pages. */
  readonly storedBytes: number;
}

/** Entries that could not be read: `carried` as an earlier point has them, `missing` altogether. */
export interface UnreadCounts {
  readonly carried: number;
  readonly missing: number;
}

/** The catalog's copy of a root: always built from the root as read back from the vault. */
export interface PointRow {
  readonly pointId: PointId;
  readonly resourceArn: ResourceArn;
  readonly resourceKind: ResourceRow['kind'];
  readonly plan: string;
  readonly type: BackupType;
  readonly basePointId?: PointId;
  readonly chainPointId: PointId;
  readonly runId: RunId;
  /** When the source was in this state. Points of a resource are ordered by it. */
  readonly sourceTime: Date;
  readonly committedAt: Date;
  readonly expiresAt: Date;
  readonly retentionClass: string;
  /** The store's name of the archive class that the point's container lies in. Such a point is never a base. */
  readonly archiveClass?: string;
  readonly counts: PointCounts;
  readonly warnings: number;
  /** Absent in rows of before: ask `isDegraded`. */
  readonly unread?: UnreadCounts;
  readonly seconds: number;
  readonly rootName: string;
  readonly rootVersionId: string;
  /** Snapshots of an image that were not there when maintenance last looked. Absent where all were. */
  readonly snapshotsMissing?: number;
  /** Set by the expirer before it removes the root: such a point cannot be held, prolonged, or built on any more. */
  readonly expiring?: boolean;
  /** Legal holds on this point; while there is one it never expires. Sorted. */
  readonly holds?: readonly HoldId[];
}

/**
 * A stored object of chunks or pages, and its lease.
 * `lockUntil` is an intent, raised first and read by the sweeper; `lockedUntil` is what the store has confirmed.
 */
export interface PackRow {
  readonly packId: PackId;
  readonly kind: 'chunks' | 'pages' | 'container';
  readonly retentionClass: string;
  readonly state: 'writing' | 'live' | 'deleting';
  readonly runId: RunId;
  readonly lockUntil: Date;
  readonly lockedUntil?: Date;
  readonly versionId?: string;
  readonly bytes?: number;
  /** Set by verify: absent for writers. */
  readonly damaged?: boolean;
  /** Legal holds of the points whose container this is (rule 9); while there is one it is not swept. Sorted. */
  readonly holds?: readonly HoldId[];
}

/** What a legal hold keeps. A hold on a resource or a tag keeps the points that are still to come, too. */
export type HoldScope =
  | { readonly kind: 'point'; readonly pointId: PointId }
  | { readonly kind: 'resource'; readonly resourceArn: ResourceArn }
  | { readonly kind: 'tag'; readonly key: string; readonly value: string };

/** A legal hold: keeps points until a person releases it, whatever retention says. */
export interface HoldRow {
  readonly holdId: HoldId;
  readonly scope: HoldScope;
  /** Who set it: an ARN, or a name on a machine without AWS. */
  readonly setBy: string;
  readonly reason: string;
  readonly setAt: Date;
  readonly releasedAt?: Date;
  readonly releasedBy?: string;
  readonly releaseReason?: string;
}

/** A restore that somebody asked for. */
export interface RestoreRow {
  readonly restoreId: string;
  readonly pointId: PointId;
  readonly resourceArn: ResourceArn;
  readonly target: string;
  /**
   * `completed-with-failures`: entries were left out; `completed-with-warnings`: some are older than the point or lack
   * something; `recorded`: somebody's own process restores, and reports to nobody how it ended.
   */
  readonly state:
    | 'running'
    | 'completed'
    | 'completed-with-warnings'
    | 'completed-with-failures'
    | 'failed'
    | 'recorded';
  readonly startedAt: Date;
  readonly endedAt?: Date;
  readonly execution?: string;
  readonly files?: number;
  readonly bytes?: number;
  readonly error?: { readonly name: string; readonly message: string };
}

/** Parts that the list of overdue packs is divided into, so that sweepers can share the work. */
export const sweepPartitions = 16;
/** Later than any lease: the list of overdue packs before it has all packs. */
export const endOfTime = new Date('9999-12-31T00:00:00Z');

/** A span of time: `from` inclusive, `to` inclusive. */
export interface TimeRange {
  readonly from?: Date;
  readonly to?: Date;
}

/**
 * The queryable record of what the vault holds and who is working on it. Rebuildable from the bucket.
 *
 * What an adapter has to prove (the contract suite in `testing` does): every conditional method decides atomically
 * between any number of callers; a method that failed with {@link StoreUnavailableError} may have happened, and
 * repeating it gives the same end state.
 */
export interface Catalog {
  /** Writes what discovery found; keeps the `last…` fields that the row has. */
  putResource(
    row: Pick<ResourceRow, 'arn' | 'kind' | 'plan' | 'partOf' | 'problem' | 'seenAt' | 'tags'>,
  ): Promise<void>;
  findResource(arn: ResourceArn): Promise<ResourceRow | undefined>;
  /** By ARN. @param startAfter - only those behind this one, which need not be there. */
  listResources(startAfter?: ResourceArn): AsyncIterable<ResourceRow>;
  /** Takes away a resource's row; its points stay. */
  removeResource(arn: ResourceArn): Promise<void>;

  /**
   * Opens a run as the resource's only one. Repeating it with the same run id returns the row as it stands,
   * whatever state it is in. A run of the resource that is open but no longer alive at `row.startedAt` is closed
   * as failed first.
   * @throws {@link RunOpenError} another run of the resource is open and alive.
   */
  openRun(row: RunRow): Promise<RunRow>;
  findRun(runId: RunId): Promise<RunRow | undefined>;
  /**
   * Changes an open run's plan fields, once its base has been decided.
   * @throws {@link RunClosedError} it is not open any more.
   */
  updateRun(
    runId: RunId,
    change: Partial<
      Pick<RunRow, 'type' | 'typeReason' | 'basePointId' | 'chainPointId' | 'leaseUntil' | 'execution'>
    >,
  ): Promise<RunRow>;
  /**
   * Says that a run is alive.
   * @throws {@link RunClosedError} it was cancelled, is over, or lost its resource.
   */
  touchRun(runId: RunId, aliveUntil: Date): Promise<void>;
  /** Asks a run to stop: `cancelling` if it was open. Returns the row after the call. */
  cancelRun(runId: RunId): Promise<RunRow>;
  /**
   * Ends a run, records the outcome on the resource and frees the resource for the next run.
   * Ending it again with another outcome changes nothing: the first outcome stays. Returns the row as it stands.
   */
  closeRun(
    runId: RunId,
    outcome: Pick<RunRow, 'endedAt' | 'pointId' | 'error'> & {
      readonly state: Exclude<RunState, 'open' | 'cancelling'>;
    },
  ): Promise<RunRow>;
  /** Newest first. */
  listRuns(
    filter: { readonly resourceArn?: ResourceArn; readonly plan?: string },
    range?: TimeRange,
  ): AsyncIterable<RunRow>;

  /**
   * Writes a point's row and moves the resource's `last…` fields on if it is the newest. Repeatable. Of a row that is
   * there already, `holds`, `expiring` and a later `expiresAt` stay.
   */
  putPoint(row: PointRow): Promise<void>;
  findPoint(pointId: PointId): Promise<PointRow | undefined>;
  /** Points of a resource by source time, newest first. */
  listPoints(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow>;
  /** Points whose retention ends in a span of time, in no order. */
  listPointsExpiring(range: TimeRange): AsyncIterable<PointRow>;
  /**
   * Decides that a point is removed: sets `expiring` if its retention ended at or before `now` and nobody holds it.
   * Repeatable. @returns the row, or `kept` when the point is not due, held, or gone.
   */
  startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'>;
  removePoint(pointId: PointId): Promise<void>;
  /** Raises a point's expiry (rule 7: after all that it needs is leased); never lowers it. @returns `gone` also for a point that is expiring. */
  prolongPoint(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'>;
  /** Notes how many of an image's snapshots are gone, 0 for none. A point that is gone is no error. */
  noteSnapshotsMissing(pointId: PointId, count: number): Promise<void>;
  /** Adds a hold to a point's set. Repeatable. @returns `gone` also for a point that is expiring. */
  addPointHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'>;
  /** Takes a hold out of a point's set. Repeatable; a point that is gone is no error. */
  removePointHold(pointId: PointId, holdId: HoldId): Promise<void>;
  /** Points with at least one hold, in no order. */
  listHeldPoints(): AsyncIterable<PointRow>;

  /** Writes a hold; repeating it, and releasing it by writing it again with `releasedAt`, are both fine. */
  putHold(row: HoldRow): Promise<void>;
  findHold(holdId: HoldId): Promise<HoldRow | undefined>;
  /** Holds, newest first, released ones included. */
  listHolds(): AsyncIterable<HoldRow>;

  /** Claims a new pack before its bytes are written (state `writing`). @throws {@link CatalogConflictError} the id is taken. */
  claimPack(row: Pick<PackRow, 'packId' | 'kind' | 'retentionClass' | 'runId' | 'lockUntil'>): Promise<void>;
  /**
   * `writing` → `live`, with what the store confirmed. Repeatable.
   * @returns `lost` when the row is gone or `deleting`: the bytes must be stored again under a new name.
   */
  confirmPack(
    packId: PackId,
    stored: { versionId: string; bytes: number; lockedUntil: Date },
  ): Promise<'live' | 'lost'>;
  /** Raises the intent of a live pack. @returns `not-live` when it is absent, `writing`, `deleting` or damaged. */
  raiseLockUntil(packId: PackId, lockUntil: Date): Promise<'raised' | 'not-live'>;
  /** Records a lock that the store confirmed; never lowers it. @returns `not-live` as above. */
  confirmLockedUntil(packId: PackId, lockedUntil: Date): Promise<'confirmed' | 'not-live'>;
  /** Rows of those packs that exist, at most 1,000 ids a call. */
  getPacks(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, PackRow>>;
  /**
   * Packs whose intent (`lockUntil`) ended before a time, whatever their state, the longest overdue first within a
   * partition. `partition` limits the list to one of {@link sweepPartitions} parts, by pack id.
   */
  listPacksDue(before: Date, partition?: number): AsyncIterable<PackRow>;
  /**
   * `live` or `writing` → `deleting` (rule 6), if the intent still ends before `dueBefore` and the hold set is empty.
   * There is no way back. Repeatable: a row that is `deleting` already is returned again.
   */
  startDeleting(packId: PackId, dueBefore: Date): Promise<PackRow | 'kept'>;
  /** Takes away a row that is `deleting`; any other stays. Repeatable. */
  removePack(packId: PackId): Promise<void>;
  /**
   * A row that is `deleting` whose version the store still refuses to delete: moves it to where the sweeper finds it
   * again after `lockUntil`. Never changes the state.
   */
  postponeDeleting(packId: PackId, lockUntil: Date): Promise<void>;
  /** Marks a pack as damaged (rule 12): absent for writers from now on. Repeatable; a row that is gone is no error. */
  markDamaged(packId: PackId): Promise<void>;
  /** Packs that are marked as damaged, in no order. */
  listDamagedPacks(): AsyncIterable<PackRow>;
  /** Adds a hold to a live pack's set (rule 9: before the store's flag goes on). Repeatable. */
  addPackHold(packId: PackId, holdId: HoldId): Promise<'held' | 'not-live'>;
  /** Takes a hold out of a pack's set. Repeatable. */
  removePackHold(packId: PackId, holdId: HoldId): Promise<void>;
  /**
   * Writes a row for an object that was found in the store (rule 10). Where there is a row already, only later dates,
   * and hold ids that it lacks, are taken over; its state stays.
   */
  recoverPack(row: PackRow): Promise<void>;

  putRestore(row: RestoreRow): Promise<void>;
  findRestore(restoreId: string): Promise<RestoreRow | undefined>;
  /** Newest first. */
  listRestores(range?: TimeRange): AsyncIterable<RestoreRow>;
}
