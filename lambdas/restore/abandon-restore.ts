import { findJson, type RestoreRow } from '@holdfast/engine';
import { type ErrorRecord, RestoredVolume } from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepServices } from '../runtime/services.ts';
import { closeRestore } from './close-restore.ts';
import { giveUpLaunch } from './give-up-launch.ts';
import { giveUpUploads } from './give-up-uploads.ts';
import { removeWritten } from './remove-written.ts';
import { restoreFiles } from './restore-job.ts';
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
  cause: ErrorRecord,
  shouldStop: () => boolean,
): Promise<ErrorRecord> {
  const { restoreId } = row;
  await giveUpUploads(services, restoreId, shouldStop);
  // First: EC2 keeps snapshots that an AMI is of.
  const launched = await giveUpLaunch(services, restoreId);
  const snapshots = await removeWritten(services, restoreId);
  const volumes = await findJson(services.work, restoreFiles.volumes(restoreId), z.array(RestoredVolume));
  const left = [...(volumes ?? []).map(({ volumeId }) => volumeId), ...launched, ...snapshots];
  const message =
    left.length === 0
      ? cause.message
      : `${cause.message}; it leaves ${left.join(', ')}, which cost until you delete them`;
  const error = { ...cause, message };
  await closeRestore(services, row, { state: 'failed', error });
  return error;
}
