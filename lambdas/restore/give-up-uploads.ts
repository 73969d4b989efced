import { findJson, putJson, BackupError, forEachConcurrent } from '@holdfast/engine';
import type { StepServices } from '../runtime/services.ts';
import { restoreFiles, RestoreJob, ShardProgress } from './restore-job.ts';
import type { restoreSteps } from './steps.ts';

const shardsAtOnce = 32;

type Services = Pick<
  StepServices<(typeof restoreSteps)['finish-restore']['needs']>,
  'work' | 'openUploads' | 'log'
>;

/**
 * Frees the parts of large objects that a restore left in its target when it was over without having ended: nobody sees
 * them, and somebody pays for them. Workers that are still at it learn that it is over. Parts that cannot be freed are
 * logged and left.
 * @param shouldStop - asked between shards: what a call has no time for stays.
 */
export async function giveUpUploads(
  { work, openUploads, log }: Services,
  restoreId: string,
  shouldStop: () => boolean,
): Promise<void> {
  // First: a worker tells of an upload before it looks whether it may go on.
  await putJson(work, restoreFiles.over(restoreId), {});
  const job = await findJson(work, restoreFiles.job(restoreId), RestoreJob);
  if (job?.target.kind !== 'bucket') return;
  const { target, shardCount } = job;
  const uploads = openUploads(target.bucket);
  function* indexes(): Generator<number> {
    for (let index = 0; index < shardCount && !shouldStop(); index += 1) yield index;
  }
  await forEachConcurrent(indexes(), shardsAtOnce, async (index) => {
    const at = await findJson(work, restoreFiles.progress(restoreId, index), ShardProgress);
    if (at?.begun === undefined) return;
    try {
      await uploads.giveUp(at.begun);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      log.warn('an unfinished upload was left', { restoreId, index, reason: error.message });
    }
  });
}
