import { BackupError, findJson } from '@holdfast/engine';
import type { StepServices } from '../runtime/services.ts';
import { restoreFiles, StartedSnapshots } from './restore-job.ts';
import { RUN_TAG } from '../image/image-record.ts';
import { RESTORE_TAG } from './launch-tags.ts';
import type { restoreSteps } from './steps.ts';

type Services = Pick<
  StepServices<(typeof restoreSteps)['finish-restore']['needs']>,
  'work' | 'images' | 'log'
>;

/**
 * Removes the snapshots that a restore wrote, once it is over: volumes are made of them by then and need them no more,
 * and somebody pays for them. EC2 refuses to while an AMI is of them. Those whose beginning was not told are found by their tag. What cannot be removed is
 * logged and left.
 */
export async function removeWritten({ work, images, log }: Services, restoreId: string): Promise<void> {
  const started = await findJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots);
  const ids = new Set(Object.values(started ?? {}));
  try {
    // A restored volume carries the tag, too, and its snapshots copy it: those of a run are a backup.
    for (const { snapshotId, tags } of await images.findSnapshots(RESTORE_TAG, restoreId))
      if (!Object.hasOwn(tags, RUN_TAG)) ids.add(snapshotId);
    for (const snapshotId of ids) {
      const outcome = await images.removeSnapshot(snapshotId);
      if (outcome === 'removed') log.info('removed a snapshot of the restore', { restoreId, snapshotId });
      else log.warn('a snapshot of the restore was left: an AMI is of it', { restoreId, snapshotId });
    }
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    log.warn('snapshots that the restore wrote were left', {
      restoreId,
      snapshots: [...ids].join(', '),
      reason: error.message,
    });
  }
}
