/**
 * The meaning of an error to whoever meets it: callers decide by it, and never by lists of classes or names.
 *
 * - `damage`: stored bytes are not what was written. `absent`: what was stored is not there any more.
 * - `format`: written by a newer version. `key`: no key at hand opens it. `archived`: it has to be thawed first.
 * - `denied`: somebody who may say so refused. `credentials`: the caller's own are expired or wrong, for every call alike.
 * - `unavailable`: no answer, or throttled. `conflict`: somebody else changed it first. `busy`: somebody else is at it.
 * - `taken`: a name that is written once. `locked`: a lock that has not ended. `unlocked`: a lock that is not as it must be.
 * - `input`: what a person or program wrote. `unknown`: a name that stands for nothing. `configuration`: deploy again.
 * - `source`, `target`: it cannot be read, or does not take it. `unsupported`: the product does not do it.
 * - `over`: the run or restore has ended. `failed`: work that did not succeed, and may when it is done again.
 */
export const errorKinds = [
  'damage',
  'absent',
  'format',
  'key',
  'archived',
  'denied',
  'credentials',
  'unavailable',
  'conflict',
  'busy',
  'taken',
  'locked',
  'unlocked',
  'input',
  'unknown',
  'configuration',
  'source',
  'target',
  'unsupported',
  'over',
  'failed',
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/**
 * The kind of every error of the product, by the name of its class. It is the name that crosses borders: Step Functions
 * matches on it, reports and the catalog keep it.
 */
const kinds = {
  StoredBytesDamagedError: 'damage',
  ChunkCorruptError: 'damage',
  VolumeDamagedError: 'damage',
  ObjectNotFoundError: 'absent',
  SnapshotMissingError: 'absent',
  FormatVersionError: 'format',
  KeyUnavailableError: 'key',
  ObjectArchivedError: 'archived',
  ThawNeededError: 'archived',
  AccessDeniedError: 'denied',
  ObjectRefusedError: 'denied',
  StoreUnavailableError: 'unavailable',
  CredentialsRefusedError: 'credentials',
  CatalogConflictError: 'conflict',
  RunOpenError: 'busy',
  SnapshotNotVisibleYetError: 'busy',
  SnapshotsBusyError: 'busy',
  ThawOverdueError: 'busy',
  ObjectExistsError: 'taken',
  ObjectLockedError: 'locked',
  ObjectLockMissingError: 'unlocked',
  InvalidInputError: 'input',
  ScheduleExpressionError: 'input',
  UsageError: 'input',
  UnknownNameError: 'unknown',
  UnclearSystemError: 'unknown',
  VaultMissingError: 'unknown',
  DeployedConfigurationError: 'configuration',
  SourceEntryError: 'source',
  UnrelatedSnapshotsError: 'source',
  SourceUnavailableError: 'source',
  NothingReadError: 'source',
  TargetEntryError: 'target',
  TargetUnavailableError: 'target',
  RestorePathError: 'target',
  VolumeFailedError: 'target',
  LaunchRefusedError: 'target',
  InstanceFailedError: 'target',
  NotSupportedError: 'unsupported',
  RunClosedError: 'over',
  RestoreOverError: 'over',
  LeaseTooShortError: 'failed',
  SnapshotFailedError: 'failed',
  SnapshotUnwrittenError: 'failed',
  CycleFailedError: 'failed',
  MaintenanceFailedError: 'failed',
  ExecutionFailedError: 'failed',
  FileSystemError: 'source',
  VerificationStoppedError: 'failed',
  RestoreUnrecordedError: 'failed',
  WorkerDiedError: 'failed',
} as const satisfies Readonly<Record<string, ErrorKind>>;
export type ErrorName = keyof typeof kinds;

/** An execution ends with this when its failure path failed: nobody was told, and what it had opened is open still. */
export const unreportedError = 'UnreportedError';

/** An execution ends with this when a command stopped it, as nobody wants its outcome any more. */
export const cancelledError = 'Cancelled';

/** Kinds of errors that may be gone later although nobody did anything. */
const passing: ReadonlySet<ErrorKind> = new Set(['unavailable', 'credentials', 'conflict', 'busy', 'failed']);

export function mayPass(kind: ErrorKind): boolean {
  return passing.has(kind);
}

/** Finds the kind by the name alone; `undefined` for an error that is not the product's. */
export function findErrorKind(name: string): ErrorKind | undefined {
  return Object.hasOwn(kinds, name) ? kinds[name as ErrorName] : undefined;
}

/** For those who can match on names only. */
export function errorNamesOf(...wanted: readonly ErrorKind[]): readonly ErrorName[] {
  return (Object.keys(kinds) as ErrorName[]).filter((name) => wanted.includes(kinds[name]));
}
