import type { ErrorRecord } from '../../model/error-record.ts';
import type { PointId, ResourceArn, RunId } from '../../ids.ts';
import type { BackupType } from '../../model/backup-type.ts';
import type { TimeRange } from './time-range.ts';

/**
 * `completed-with-warnings`: committed, and nothing is lacking that the source still had. `degraded`: committed, but some
 * entries could not be read: the point lacks them, or has them as an earlier point does.
 */
export const runStates = [
  'open',
  'cancelling',
  'completed',
  'completed-with-warnings',
  'degraded',
  'failed',
  'cancelled',
] as const;
export type RunState = (typeof runStates)[number];

/** One attempt to protect one resource. While it is open it is the resource's only one. */
export interface RunRow {
  readonly runId: RunId;
  readonly resourceArn: ResourceArn;
  readonly plan: string;
  readonly requestedType: BackupType;
  /** The type that is done: a full where an incremental has no base. */
  readonly type: BackupType;
  readonly typeReason?: string;
  readonly basePointId?: PointId;
  /** The full that started the chain; absent for the full itself. */
  readonly chainPointId?: PointId;
  /** The date that everything the run stores or reuses is leased to (rule 3 of docs/leases.md). */
  readonly leaseUntil: Date;
  readonly startedAt: Date;
  /** The time until which the run counts as alive; workers move it on. */
  readonly aliveUntil: Date;
  readonly state: RunState;
  readonly execution?: string;
  readonly endedAt?: Date;
  readonly pointId?: PointId;
  readonly error?: ErrorRecord;
}

/** Fields that a run may change while it is open, once its base has been decided. */
export type RunChange = Partial<
  Pick<RunRow, 'type' | 'typeReason' | 'basePointId' | 'chainPointId' | 'leaseUntil' | 'execution'>
>;

/** The end of a run, as `close` records it. */
export type RunOutcome = Pick<RunRow, 'endedAt' | 'pointId' | 'error'> & {
  readonly state: Exclude<RunState, 'open' | 'cancelling'>;
};

export interface RunFilter {
  readonly resourceArn?: ResourceArn;
  readonly plan?: string;
}

export interface Runs {
  /**
   * Opens a run as the resource's only one. Repeating it with the same run id returns the row as it stands,
   * whatever state it is in. A run of the resource that is open but no longer alive at `row.startedAt` is closed
   * as failed first.
   * @throws {@link RunOpenError} another run of the resource is open and alive.
   */
  open(row: RunRow): Promise<RunRow>;
  find(runId: RunId): Promise<RunRow | undefined>;
  /** @throws {@link RunClosedError} it is not open any more. */
  update(runId: RunId, change: RunChange): Promise<RunRow>;
  /**
   * Says that a run is alive.
   * @throws {@link RunClosedError} it was cancelled, is over, or lost its resource.
   */
  touch(runId: RunId, aliveUntil: Date): Promise<void>;
  /** Asks a run to stop: `cancelling` if it was open. @returns the row after the call. */
  cancel(runId: RunId): Promise<RunRow>;
  /**
   * Ends a run, records the outcome on the resource and frees the resource for the next run.
   * Ending it again with another outcome changes nothing: the first outcome stays. Returns the row as it stands.
   */
  close(runId: RunId, outcome: RunOutcome): Promise<RunRow>;
  /** Newest first. */
  list(filter: RunFilter, range?: TimeRange): AsyncIterable<RunRow>;
}
