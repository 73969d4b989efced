import { BackupError, KeyUnavailableError } from '../errors.ts';

const lossNames: ReadonlySet<string> = new Set([
  'ChunkCorruptError',
  'FormatVersionError',
  'KeyUnavailableError',
  'ObjectNotFoundError',
  'SnapshotMissingError',
  'StoredBytesDamagedError',
]);

/** Something that cannot be had from the vault, as a report carries it. */
export interface Loss {
  /** Name of the error's class. */
  readonly name: string;
  readonly message: string;
}

/** Whether an error says that stored bytes cannot be had, and not that somebody did not answer or refused. */
export function isLoss(error: unknown): error is BackupError {
  if (error instanceof KeyUnavailableError && error.refusal !== undefined) return false;
  return error instanceof BackupError && lossNames.has(error.name);
}

/** An error as a report carries it. */
export function lossOf({ name, message }: Loss): Loss {
  return { name, message };
}
