import { BackupError } from '@holdfast/engine';

/** The command line cannot be understood; the message says what to write instead. */
export class UsageError extends BackupError {
  override readonly name = 'UsageError';
  override readonly retry = 'never';
}

/** A backup or restore that was waited for did not succeed. */
export class ExecutionFailedError extends BackupError {
  override readonly name = 'ExecutionFailedError';
  override readonly retry = 'later';
}
