import { BackupError } from '@holdfast/engine';

/** A point that was asked out of the archive has not become readable in twice the time that it may take. */
export class ThawOverdueError extends BackupError {
  override readonly name = 'ThawOverdueError';

  constructor(pointId: string, objectName: string, readableBy: string) {
    super(
      `point ${pointId} should have been readable by ${readableBy}, and ${objectName} is still in the archive; ` +
        'look at its restore status in S3 (HeadObject), and start the restore again',
    );
  }
}
