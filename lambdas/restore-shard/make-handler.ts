import {
  InvalidInputError,
  keysOfRestoreShard,
  type ObjectStore,
  PointReader,
  restoreRange,
  type RestoreTarget,
  selectKeys,
  type WorkStore,
} from '@holdfast/engine';
import * as z from 'zod';
import { largestFileBytes, restoreFiles, RestoreJob } from '../plan-restore/restore-job.ts';
import { defineHandler, type StepHandler } from '../shared/define-handler.ts';
import type { Logger } from '../shared/logger.ts';
import type { OpenKeys } from '../shared/open-vault-once.ts';
import { getJson, putJson } from '../shared/work-json.ts';

const RestoreShardInput = z.object({
  restoreId: z.string().min(1),
  shard: z.object({
    index: z.int().nonnegative(),
    from: z.base64().optional(),
    to: z.base64().optional(),
  }),
});

/** Restores one shard. What it came to lies in the work bucket, for the report. */
export function makeHandler(deps: {
  readonly store: ObjectStore;
  readonly work: WorkStore;
  readonly openKeys: OpenKeys;
  readonly openTarget: (bucket: string, prefix: string) => RestoreTarget;
  readonly targetBuckets: readonly string[];
  readonly log: Logger;
}): StepHandler<{ readonly index: number }> {
  const { store, work, openKeys, openTarget, targetBuckets, log } = deps;
  return defineHandler('restore-shard', RestoreShardInput, async ({ restoreId, shard }) => {
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
    const outcome = await restoreRange(reader, {
      range: keysOfRestoreShard(shard),
      selection: selectKeys(job.paths),
      target: openTarget(target.bucket, target.prefix),
      overwrite: job.overwrite,
      // Planning has not looked at the files of a large whole point.
      maxFileBytes: largestFileBytes,
    });
    await putJson(work, restoreFiles.result(restoreId, shard.index), outcome);
    const { files, bytes, written, kept, same, failed } = outcome;
    const numbers = { files, bytes, written, kept, same, failed: failed.length };
    log.info('restored a shard', { restoreId, index: shard.index, ...numbers });
    return { index: shard.index };
  });
}
