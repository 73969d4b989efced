import { type BackupError, isOfKind } from '../errors.ts';

/** A report's record of something that cannot be had from the vault. */
export interface Loss {
  /** Name of the error's class. */
  readonly name: string;
  readonly message: string;
}

/** True if an error says that stored bytes cannot be had, and not that somebody did not answer or refused. */
export function isLoss(error: unknown): error is BackupError {
  return isOfKind(error, 'damage', 'absent', 'format', 'key');
}

export function lossOf({ name, message }: Loss): Loss {
  return { name, message };
}
