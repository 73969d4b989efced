import { BackupError } from '@holdfast/engine';

/** The command line cannot be understood; the message says what to write instead. */
export class UsageError extends BackupError {
  override readonly name = 'UsageError';
}

/** The point that was asked for lies in an archive class and has to be thawed before this process can read it. */
export class ThawNeededError extends BackupError {
  override readonly name = 'ThawNeededError';
}

/** A verification ended early. What it did not see is not known to be damaged. */
export class VerificationStoppedError extends BackupError {
  override readonly name = 'VerificationStoppedError';
}

/** A restore by this process could not be put on the audit log, and so did not begin. */
export class RestoreUnrecordedError extends BackupError {
  override readonly name = 'RestoreUnrecordedError';
}

/** A backup or restore that was waited for did not succeed. */
export class ExecutionFailedError extends BackupError {
  override readonly name = 'ExecutionFailedError';
}
