import { BackupError } from '@holdfast/engine';

/** How the program ends; part of its interface (docs/cli.md). */
export const exitCodes = {
  ok: 0,
  /** Something went wrong that has no code of its own. */
  failed: 1,
  /** The command line cannot be understood, or names something ambiguously. */
  usage: 2,
  /** A point, run, resource, path, stack or vault that was named does not exist. */
  notFound: 3,
  /** Stored bytes are damaged: some files cannot be restored. */
  damaged: 4,
  /** `status --check`: a resource is degraded, overdue or unprotected. */
  unprotected: 5,
  /** `backup --wait`: the point was made, and could not read everything. */
  degraded: 6,
  /** Stopped by Ctrl-C. What was started in AWS goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Names of errors that say that what a point needs is damaged or missing. */
export const damageNames: ReadonlySet<string> = new Set([
  'ChunkCorruptError',
  'StoredBytesDamagedError',
  'ObjectNotFoundError',
  'SnapshotMissingError',
]);

const codes: Readonly<Record<string, ExitCode>> = {
  UsageError: exitCodes.usage,
  InvalidInputError: exitCodes.usage,
  UnknownNameError: exitCodes.notFound,
  VaultMissingError: exitCodes.notFound,
  ChunkCorruptError: exitCodes.damaged,
  StoredBytesDamagedError: exitCodes.damaged,
  // The catalog knows the object that the vault has lost.
  ObjectNotFoundError: exitCodes.damaged,
  SnapshotMissingError: exitCodes.damaged,
};

/** The code of an error that ends the program. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof BackupError ? (codes[error.name] ?? exitCodes.failed) : exitCodes.failed;
}
