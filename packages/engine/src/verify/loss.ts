import { type BackupError, isOfKind } from '../errors.ts';

/** True if an error says that stored bytes cannot be had, and not that somebody did not answer or refused. */
export function isLoss(error: unknown): error is BackupError {
  return isOfKind(error, 'damage', 'absent', 'format', 'key');
}
