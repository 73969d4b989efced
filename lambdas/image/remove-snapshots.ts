import type { Ec2Images } from '@holdfast/aws';
import { BackupError, type RunId } from '@holdfast/engine';
import type { Logger } from '../runtime/logger.ts';

export interface RemovedSnapshots {
  readonly removed: number;
  /** Those that an AMI is made of: EC2 keeps them until somebody deregisters it. */
  readonly inUse: number;
}

/**
 * Removes snapshots of a run; one that fails does not keep the others.
 * @throws the first error that EC2 gave for one of them, after all have been tried.
 */
export async function removeSnapshots(
  { images, log }: { readonly images: Pick<Ec2Images, 'removeSnapshot'>; readonly log: Logger },
  runId: RunId,
  snapshotIds: readonly string[],
): Promise<RemovedSnapshots> {
  let removed = 0;
  let inUse = 0;
  let refusal: BackupError | undefined;
  for (const snapshotId of snapshotIds) {
    try {
      if ((await images.removeSnapshot(snapshotId)) === 'removed') {
        removed += 1;
        log.info('removed a snapshot', { runId, snapshotId });
        continue;
      }
      inUse += 1;
      log.warn('a snapshot is in use by an AMI and stays until that is deregistered', { runId, snapshotId });
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      log.warn('a snapshot could not be removed', { runId, snapshotId, reason: error.message });
      refusal ??= error;
    }
  }
  if (refusal !== undefined) throw refusal;
  return { removed, inUse };
}
