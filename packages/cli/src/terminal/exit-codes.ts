import { BackupError } from '@holdfast/engine';
import type { ErrorKind } from '@holdfast/engine/model';

/** Exit codes, part of the program's interface (docs/cli.md). */
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
  /** `status --check`: a resource is degraded, overdue, unprotected or suspect; `coverage --check`: something has no plan or no point, or nobody may look. */
  unprotected: 5,
  /** `backup --wait` and `--directory`, `cycle start --wait`: a point was made, and could not read everything. */
  degraded: 6,
  /** `doctor --templates`: a deployment would replace or remove what holds data, or would not keep it any more. */
  refused: 7,
  /** Stopped by Ctrl-C. What was started in AWS goes on. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Tells kinds of errors that mean that what a point needs is damaged or missing. */
export function saysDamage(kind: ErrorKind | undefined): boolean {
  return kind === 'damage' || kind === 'absent';
}

export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof BackupError)) return exitCodes.failed;
  if (saysDamage(error.kind)) return exitCodes.damaged;
  if (error.kind === 'input') return exitCodes.usage;
  return error.kind === 'unknown' ? exitCodes.notFound : exitCodes.failed;
}
