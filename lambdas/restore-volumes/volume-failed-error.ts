import { BackupError } from '@holdfast/engine';

/** EC2 could not make a volume out of a snapshot. */
export class VolumeFailedError extends BackupError {
  override readonly name = 'VolumeFailedError';
  override readonly retry = 'never';

  constructor(volumeId: string, snapshotId: string, state: string) {
    super(
      `volume ${volumeId} from snapshot ${snapshotId} is in state ${state}; check that the snapshot's KMS key is in ` +
        'restoreTargets.keys, and restore again',
    );
  }
}
