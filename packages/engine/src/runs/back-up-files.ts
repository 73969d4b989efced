import { safety } from '../model/safety.ts';
import { RunClosedError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { BufferPool } from '../packs/buffer-pool.ts';
import { joinShards } from '../protect/join-shards.ts';
import { listShards, type ListingState } from '../protect/list-shards.ts';
import { protectShard } from '../protect/protect-shard.ts';
import { defaultShardLimits, type Shard, type ShardLimits } from '../protect/shards.ts';
import type { FileSource } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { WriteServices } from '../services.ts';
import { failRun } from './close-run.ts';
import { errorRecordOf } from '../model/error-record.ts';
import { commitPoint, type CommittedPoint } from './commit-point.ts';
import { aliveUntil, openRun, type RunRequest } from './open-run.ts';
import { runPrefix, type RunPlan } from './run-plan.ts';

/** Options of a run whose shards one process works off. */
export interface BackUpFilesOptions {
  readonly source: FileSource;
  readonly limits?: ShardLimits;
  /**
   * Lists the source, cuts it into shards and protects them, in any order: with worker threads, for instance.
   * @returns the shards' indexes in the order of their keys.
   * @default listed first, then one after the other, in this thread
   */
  readonly protectAll?: (plan: RunPlan, keys: VaultKeys) => Promise<readonly number[]>;
  /** Buffers that many runs use, one after the other. @default a pool of this run's own */
  readonly buffers?: BufferPool;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Backs up a file source from one process, with the same steps as the state machine. For directories, the command line
 * and tests.
 * @throws {@link RunOpenError} another run of the resource is at work.
 * @throws {@link RunClosedError} the run id was used before, and that run is over.
 */
export async function backUpFiles(
  services: WriteServices,
  request: Omit<RunRequest, 'sourceNow'>,
  options: BackUpFilesOptions,
): Promise<CommittedPoint> {
  const { source, signal } = options;
  const opened = await openRun(services, { ...request, sourceNow: async () => source.now() });
  if (opened.state === 'over') throw new RunClosedError(request.runId, `it ended as ${opened.run.state}`);
  const { plan, keys } = opened;
  try {
    const order =
      options.protectAll === undefined
        ? await protectHere(services, plan, keys, options)
        : await options.protectAll(plan, keys);
    return await commitPoint(services, keys, plan, async () =>
      joinShards(services, keys, plan, order.length, { order, signal }),
    );
  } catch (error) {
    // The first error says more than that it could not be written down; the run then counts as abandoned after a while.
    await failRun(services, plan.runId, errorRecordOf(error)).catch(() => {});
    throw error;
  }
}

async function protectHere(
  services: WriteServices,
  plan: RunPlan,
  keys: VaultKeys,
  { source, limits = defaultShardLimits, buffers = new BufferPool(), onProgress, signal }: BackUpFilesOptions,
): Promise<readonly number[]> {
  const shards = await listAll(services, source, plan, limits, signal);
  const shardOptions = { keys, plan, source, buffers, onProgress, signal };
  for (const shard of shards) await protectShard(services, shard, shardOptions);
  return shards.map(({ index }) => index);
}

/** Lists in steps, between which the run is touched: a large source takes longer than a silent run stays open. */
async function listAll(
  { work, catalog, clock, random }: WriteServices,
  source: FileSource,
  plan: RunPlan,
  limits: ShardLimits,
  signal: AbortSignal | undefined,
): Promise<readonly Shard[]> {
  let state: ListingState | undefined;
  for (;;) {
    const touchAt = clock.now().getTime() + safety.runTouchMinutes * 60_000;
    const step = await listShards(
      {
        source,
        work,
        random,
        workPrefix: runPrefix(plan.runId),
        limits,
        shouldStop: () => clock.now().getTime() >= touchAt,
        signal,
      },
      state,
    );
    if (step.done) return step.shards;
    state = step.state;
    await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  }
}
