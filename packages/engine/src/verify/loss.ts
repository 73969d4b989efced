import { type BackupError, isOfKind } from '../errors.ts';

/** Something that cannot be had from the vault, as a report carries it. */
export interface Loss {
  /** Name of the error's class. */
  readonly name: string;
  readonly message: string;
}

/** Whether an error says that stored bytes cannot be had, and not that somebody did not answer or refused. */
export function isLoss(error: unknown): error is BackupError {
  return isOfKind(error, 'damage', 'absent', 'format', 'key');
}

/** An error as a report carries it. */
export function lossOf({ name, message }: Loss): Loss {
  return { name, message };
}
