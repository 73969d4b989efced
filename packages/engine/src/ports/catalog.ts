import type { PackId, PointId, ResourceArn, RunId } from '../ids.ts';

/** What a cycle reads from the source, and against which base (see docs/concepts.md). */
export type BackupType = 'full' | 'incremental' | 'differential' | 'synthetic-full';

/** A resource that a plan's tag selects, or once selected. */
export interface ResourceRow {
  readonly arn: ResourceArn;
  readonly kind: 's3-bucket' | 'ec2-instance' | 'ebs-volume' | 'directory';
  /** The plan that the tag names, whether the plan exists or not. */
  readonly plan: string;
  /** Why the resource is not being protected although it carries the tag. */
  readonly problem?: string;
  readonly seenAt: Date;
  readonly lastRunId?: RunId;
  readonly lastRunState?: RunState;
  readonly lastPointId?: PointId;
  /** Source time of the newest committed point. */
  readonly lastSourceTime?: Date;
}

/** `completed-with-warnings`: committed, but some entries could not be read. */
export type RunState =
  | 'open'
  | 'cancelling'
  | 'completed'
  | 'completed-with-warnings'
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
  readonly counts: PointCounts;
  readonly warnings: number;
  readonly seconds: number;
  readonly rootName: string;
  readonly rootVersionId: string;
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
}

/** A restore that somebody asked for. */
export interface RestoreRow {
  readonly restoreId: string;
  readonly pointId: PointId;
  readonly resourceArn: ResourceArn;
  readonly target: string;
  readonly state: 'running' | 'completed' | 'completed-with-warnings' | 'failed';
  readonly startedAt: Date;
  readonly endedAt?: Date;
  readonly execution?: string;
  readonly files?: number;
  readonly bytes?: number;
  readonly error?: { readonly name: string; readonly message: string };
}

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
  putResource(row: Pick<ResourceRow, 'arn' | 'kind' | 'plan' | 'problem' | 'seenAt'>): Promise<void>;
  findResource(arn: ResourceArn): Promise<ResourceRow | undefined>;
  listResources(): AsyncIterable<ResourceRow>;
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

  /** Writes a point's row and moves the resource's `last…` fields on if it is the newest. Repeatable. */
  putPoint(row: PointRow): Promise<void>;
  findPoint(pointId: PointId): Promise<PointRow | undefined>;
  /** Points of a resource by source time, newest first. */
  listPoints(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow>;
  /** Points whose retention ends in a span of time, in no order. */
  listPointsExpiring(range: TimeRange): AsyncIterable<PointRow>;
  removePoint(pointId: PointId): Promise<void>;

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

  putRestore(row: RestoreRow): Promise<void>;
  findRestore(restoreId: string): Promise<RestoreRow | undefined>;
  /** Newest first. */
  listRestores(range?: TimeRange): AsyncIterable<RestoreRow>;
}
