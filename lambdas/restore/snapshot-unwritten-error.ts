import { BackupError } from '@holdfast/engine';

/** A snapshot that was written out of the vault came to nothing. */
export class SnapshotUnwrittenError extends BackupError {
  override readonly name = 'SnapshotUnwrittenError';

  /** @param what - what became of it, such as "is in state error". */
  constructor(snapshotId: string, volumeId: string, what: string) {
    super(`snapshot ${snapshotId}, written for volume ${volumeId}, ${what}; restore again`);
  }
}
