import { BackupError } from '@holdfast/engine';
import type { RestoredVolume } from '@holdfast/engine/model';

/** EC2 could not make a volume out of a snapshot. */
export class VolumeFailedError extends BackupError {
  override readonly name = 'VolumeFailedError';

  /** @param what - what became of it, such as "is in state error". */
  constructor(
    { volumeId, snapshotId, keyId }: Pick<RestoredVolume, 'volumeId' | 'snapshotId' | 'keyId'>,
    what: string,
  ) {
    const remedy =
      keyId === undefined
        ? "the snapshot is not encrypted, so if this region encrypts new volumes by default, name the region's default EBS key in restoreTargets.keys"
        : `its key is ${keyId}: name that in restoreTargets.keys`;
    super(
      `volume ${volumeId} from snapshot ${snapshotId} ${what}, mostly because EC2 may not use its key; ${remedy}, ` +
        "allow it in the key's own policy, deploy, and restore again",
    );
  }
}
