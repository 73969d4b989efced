import { BackupError, findJson } from '@holdfast/engine';
import type { StepServices } from '../runtime/services.ts';
import { restoreFiles, StartedSnapshots } from './restore-job.ts';
import { RESTORE_TAG, writtenDescription } from './launch-tags.ts';
import type { restoreSteps } from './steps.ts';

type Services = Pick<
  StepServices<(typeof restoreSteps)['finish-restore']['needs']>,
  'work' | 'images' | 'log'
>;

/**
 * Removes the snapshots that a restore wrote, once it is over: volumes are made of them by then and need them no more,
 * and somebody pays for them. EC2 refuses to while an AMI is of them. Those whose beginning was not told are found by
 * their tag and description; others with the tag were taken of restored volumes, and are not the restore's. What cannot
 * be removed is logged and left.
 * @returns ids of the snapshots that are left.
 */
export async function removeWritten({ work, images, log }: Services, restoreId: string): Promise<string[]> {
  const started = await findJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots);
  const ids = new Set(Object.values(started ?? {}));
  const attempt = async (what: string, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      log.warn('snapshots that the restore wrote were left', {
        restoreId,
        snapshots: what,
        reason: error.message,
      });
    }
  };
  await attempt('those whose beginning was not told', async () => {
    for (const { snapshotId, description } of await images.findSnapshots(RESTORE_TAG, restoreId))
      if (description?.startsWith(writtenDescription(restoreId)) === true) ids.add(snapshotId);
  });
  const left = new Set(ids);
  for (const snapshotId of ids)
    await attempt(snapshotId, async () => {
      const outcome = await images.removeSnapshot(snapshotId);
      if (outcome === 'in-use')
        return log.warn('a snapshot of the restore was left: an AMI is of it', { restoreId, snapshotId });
      left.delete(snapshotId);
      log.info('removed a snapshot of the restore', { restoreId, snapshotId });
    });
  return [...left];
}
