import { RunClosedError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { joinShards } from '../protect/join-shards.ts';
import { listShards, type ListingState } from '../protect/list-shards.ts';
import { protectShard } from '../protect/protect-shard.ts';
import { defaultShardLimits, type Shard, type ShardLimits } from '../protect/shards.ts';
import type { FileSource } from '../ports/file-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { WriteServices } from '../services.ts';
import { errorRecordOf, failRun } from './close-run.ts';
import { commitPoint, type CommittedPoint } from './commit-point.ts';
import { openRun, type RunRequest } from './open-run.ts';
import { runPrefix, type RunPlan } from './run-plan.ts';

/** How the shards of a run that one process drives are worked off. */
export interface BackUpFilesOptions {
  readonly source: FileSource;
  readonly limits?: ShardLimits;
  /**
   * Protects all shards, in any order: with worker threads, for instance.
   * @default one after the other in this thread
   */
  readonly protectAll?: (shards: readonly Shard[], plan: RunPlan, keys: VaultKeys) => Promise<void>;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Backs up a file source from one process: what the state machine does, with the same steps. For directories, the
 * command line and tests.
 * @throws {@link RunOpenError} another run of the resource is at work.
 * @throws {@link RunClosedError} the run id was used before, and that run is over.
 */
export async function backUpFiles(
  services: WriteServices,
  request: Omit<RunRequest, 'sourceNow'>,
  options: BackUpFilesOptions,
): Promise<CommittedPoint> {
  const { source, limits = defaultShardLimits, signal, onProgress } = options;
  const opened = await openRun(services, { ...request, sourceNow: async () => source.now() });
  if (opened.state === 'over') throw new RunClosedError(request.runId, `it ended as ${opened.run.state}`);
  const { plan, keys } = opened;
  try {
    const shards = await listAll(services, source, plan, limits, signal);
    if (options.protectAll !== undefined) {
      await options.protectAll(shards, plan, keys);
    } else {
      const shardOptions = {
        keys,
        plan,
        source,
        ...(onProgress && { onProgress }),
        ...(signal && { signal }),
      };
      await forEachConcurrent(
        shards,
        1,
        async (shard) => void (await protectShard(services, shard, shardOptions)),
      );
    }
    return await commitPoint(services, keys, plan, async () =>
      joinShards(services, keys, plan, shards.length, signal),
    );
  } catch (error) {
    // What went wrong says more than that it could not be written down; the run then counts as abandoned after a while.
    await failRun(services, plan.runId, errorRecordOf(error)).catch(() => {});
    throw error;
  }
}

async function listAll(
  { work }: WriteServices,
  source: FileSource,
  plan: RunPlan,
  limits: ShardLimits,
  signal: AbortSignal | undefined,
): Promise<readonly Shard[]> {
  let state: ListingState | undefined;
  for (;;) {
    const step = await listShards(
      {
        source,
        work,
        workPrefix: runPrefix(plan.runId),
        limits,
        shouldStop: () => false,
        ...(signal && { signal }),
      },
      state,
    );
    if (step.done) return step.shards;
    state = step.state;
  }
}
