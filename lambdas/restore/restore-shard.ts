import {
  InvalidInputError,
  keysOfRestoreShard,
  type ObjectStore,
  PointReader,
  type RestoreOutcome,
  restoreRange,
  type RestoreTarget,
  selectKeys,
  type WorkStore,
} from '@holdfast/engine';
import * as z from 'zod';
import { restoreFiles, RestoreJob, ShardProgress } from './restore-job.ts';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';
import { findJson, getJson, putJson } from '../runtime/work-json.ts';
import { addOutcomes, nothingRestored } from './add-outcomes.ts';

/** A call ends before a file, or a part of one, when less than this would be left after it. Milliseconds. */
const reserveMs = 60_000;
/** Slowest rate that a restore gets along with: 5 GiB, which may be compared at once, and not in parts, in half a call. */
const bytesPerMs = 15_500;

const RestoreShardInput = z.object({
  restoreId: z.string().min(1),
  shard: z.object({
    index: z.int().nonnegative(),
    from: z.base64().optional(),
    to: z.base64().optional(),
  }),
});

/** Whether the shard is restored. */
export interface RestoreShardOutput {
  readonly index: number;
  readonly done: boolean;
}

/**
 * Restores one shard, as far as the time of one call goes. Where it stands, and in the end what it came to, lies in the
 * work bucket.
 */
export function makeHandler(deps: {
  readonly store: ObjectStore;
  readonly work: WorkStore;
  readonly openKeys: OpenKeys;
  readonly openTarget: (bucket: string, prefix: string) => RestoreTarget;
  readonly targetBuckets: readonly string[];
  readonly log: Logger;
}): StepHandler<RestoreShardOutput> {
  const { store, work, openKeys, openTarget, targetBuckets, log } = deps;
  return defineHandler('restore-shard', RestoreShardInput, async ({ restoreId, shard }, context) => {
    const job = await getJson(work, restoreFiles.job(restoreId), RestoreJob);
    const { target } = job;
    // The plan lies in a bucket; what may be written to is decided by this function's own configuration.
    if (target.kind !== 'bucket' || !targetBuckets.includes(target.bucket)) {
      const name = target.kind === 'bucket' ? `bucket ${target.bucket}` : target.kind;
      throw new InvalidInputError(
        `${name} is not a restore target any more; add it to restoreTargets, deploy and restore again`,
      );
    }
    const reader = await PointReader.open(
      store,
      await openKeys(),
      job.resourceArn,
      job.pointId,
      job.rootVersionId,
    );
    const { index } = shard;
    const before = await findJson(work, restoreFiles.progress(restoreId, index), ShardProgress);
    const from = before?.next ?? shard.from;
    const outcomeWith = (did: RestoreOutcome) => addOutcomes(before?.outcome ?? nothingRestored, did);
    const putProgress = async ({ next, begun, ...did }: RestoreOutcome): Promise<void> => {
      if (next === undefined) return;
      const progress = { next: Buffer.from(next).toString('base64'), begun, outcome: outcomeWith(did) };
      await putJson(work, restoreFiles.progress(restoreId, index), progress);
    };
    const did = await restoreRange(reader, {
      range: keysOfRestoreShard({ ...shard, ...(from !== undefined && { from }) }),
      selection: selectKeys(job.paths),
      target: openTarget(target.bucket, target.prefix),
      overwrite: job.overwrite,
      begun: before?.begun,
      shouldStop: (nextBytes) => context.getRemainingTimeInMillis() < reserveMs + nextBytes / bytesPerMs,
      remember: putProgress,
    });
    const outcome = outcomeWith(did);
    if (did.next !== undefined) {
      await putProgress(did);
      log.info('restored a part of a shard', { restoreId, index, files: outcome.files });
      return { index, done: false };
    }
    await putJson(work, restoreFiles.result(restoreId, index), outcome);
    const { files, bytes, written, kept, same, failed } = outcome;
    const numbers = { files, bytes, written, kept, same, failed: failed.length };
    log.info('restored a shard', { restoreId, index, ...numbers });
    return { index, done: true };
  });
}
