import { BackupError, findJson, type RestoreRow } from '@holdfast/engine';
import { type ErrorRecord, RestoredVolume } from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepServices } from '../runtime/services.ts';
import { closeRestore } from './close-restore.ts';
import { giveUpLaunch } from './give-up-launch.ts';
import { giveUpUploads } from './give-up-uploads.ts';
import { RESTORE_TAG } from './launch-tags.ts';
import { removeWritten } from './remove-written.ts';
import { restoreFiles, RestoreJob } from './restore-job.ts';
import type { restoreSteps } from './steps.ts';

type Services = Pick<
  StepServices<(typeof restoreSteps)['finish-restore']['needs']>,
  'work' | 'openUploads' | 'images' | 'launches' | 'catalog' | 'audit' | 'clock' | 'log'
>;

/**
 * Ends a restore that did not succeed: frees what nobody sees and somebody pays for, and closes it.
 * @returns its error, which names what is left in EC2.
 */
export async function abandonRestore(
  services: Services,
  row: RestoreRow,
  { state, error: cause }: { readonly state: 'failed' | 'cancelled'; readonly error: ErrorRecord },
  shouldStop: () => boolean,
): Promise<ErrorRecord> {
  const { restoreId } = row;
  await giveUpUploads(services, restoreId, shouldStop);
  // First: EC2 keeps snapshots that an AMI is of.
  const launched = await giveUpLaunch(services, restoreId);
  const snapshots = await removeWritten(services, restoreId);
  const left = [...(await findMade(services, restoreId)), ...launched, ...snapshots];
  const message =
    left.length === 0
      ? cause.message
      : `${cause.message}; it leaves ${left.join(', ')}, which cost until you delete them`;
  const error = { ...cause, message };
  await closeRestore(services, row, { state, error });
  return error;
}

/** Volumes that the restore ordered: those that EC2 answered for, and those that it shows with the restore's tag. */
async function findMade({ work, images, log }: Services, restoreId: string): Promise<ReadonlySet<string>> {
  const job = await findJson(work, restoreFiles.job(restoreId), RestoreJob);
  // Those of an instance go with it.
  if (job?.target.kind !== 'volumes') return new Set();
  const told = (await findJson(work, restoreFiles.volumes(restoreId), z.array(RestoredVolume))) ?? [];
  const made = new Set(told.map(({ volumeId }) => volumeId));
  if (made.size === job.target.snapshots.length) return made;
  try {
    for (const volumeId of await images.findVolumes(RESTORE_TAG, restoreId)) made.add(volumeId);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    log.warn('volumes whose orders were not answered were not looked for', {
      restoreId,
      reason: error.message,
    });
  }
  return made;
}
