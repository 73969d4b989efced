import { BackupError } from '@holdfast/engine';

/** Snapshots were ordered, and EC2 does not show them yet: ordering them again now could make them twice. */
export class SnapshotNotVisibleYetError extends BackupError {
  override readonly name = 'SnapshotNotVisibleYetError';

  constructor(runId: string, claimedAt: Date) {
    super(
      `the snapshots of run ${runId} were ordered ${claimedAt.toISOString()} and are not visible yet; look again in some seconds`,
    );
  }
}

/** EC2 takes no order of snapshots for now. */
export class SnapshotsBusyError extends BackupError {
  override readonly name = 'SnapshotsBusyError';

  /** @param work - what orders them, such as "run 12". */
  constructor(work: string) {
    super(
      `EC2 takes no snapshots for ${work} for now: too many of the account are pending, or of the volume, or were ` +
        'ordered at once; order them again in some minutes',
    );
  }
}

export class SnapshotFailedError extends BackupError {
  override readonly name = 'SnapshotFailedError';

  constructor(snapshotId: string, volumeId: string, why: string) {
    super(`snapshot ${snapshotId} of volume ${volumeId} failed: ${why}; start the next run`);
  }
}
