import { type ErrorKind, type ErrorName, findErrorKind, mayPass } from './model/error-kinds.ts';

/**
 * Base of everything that can go wrong in ways a caller may treat differently. One class per such thing, and a row in
 * `kinds`. `name` is written out because bundling renames classes and Step Functions matches on the name.
 */
export abstract class BackupError extends Error {
  abstract override readonly name: ErrorName;
  /**
   * Reach of the error: `one` item, which a loop over many names and leaves out, or `all` that the loop has to do, so
   * that going on is useless.
   */
  readonly concerns: 'one' | 'all' = 'all';

  get kind(): ErrorKind {
    return findErrorKind(this.name) ?? 'failed';
  }

  /** `later` may succeed unchanged, `never` needs somebody to act first. */
  get retry(): 'never' | 'later' {
    return mayPass(this.kind) ? 'later' : 'never';
  }
}

export function isOfKind(error: unknown, ...kinds: readonly ErrorKind[]): error is BackupError {
  return error instanceof BackupError && kinds.includes(error.kind);
}

/** True if stored bytes cannot be had from where they were read: another version of the object may still have them. */
export function isDamage(error: unknown): error is BackupError {
  return isOfKind(error, 'damage', 'absent');
}

/** True if an error is about one item only, so that a loop over many goes on without it. */
export function concernsOne(error: unknown): error is BackupError {
  return error instanceof BackupError && error.concerns === 'one';
}

/** The store or catalog did not answer, throttled or failed: the call may or may not have happened. */
export class StoreUnavailableError extends BackupError {
  override readonly name = 'StoreUnavailableError';
}

/** The store or catalog refused for lack of permission. */
export class AccessDeniedError extends BackupError {
  override readonly name = 'AccessDeniedError';
}

/**
 * The caller's credentials have expired or are not valid, or a clock is wrong. It says nothing of the thing asked for,
 * and hits every call alike: work on many things stops instead of counting each of them as failed.
 */
export class CredentialsRefusedError extends BackupError {
  override readonly name = 'CredentialsRefusedError';
}

/** The store does not let one object be read, while it gives others. */
export class ObjectRefusedError extends BackupError {
  override readonly name = 'ObjectRefusedError';
  override readonly concerns = 'one';
}

export class ObjectExistsError extends BackupError {
  override readonly name = 'ObjectExistsError';
  override readonly concerns = 'one';
  readonly objectName: string;
  constructor(objectName: string, options?: ErrorOptions) {
    super(`object ${objectName} exists already; write it under a new name`, options);
    this.objectName = objectName;
  }
}

export class ObjectNotFoundError extends BackupError {
  override readonly name = 'ObjectNotFoundError';
  override readonly concerns = 'one';
  readonly objectName: string;
  constructor(objectName: string, versionId?: string, options?: ErrorOptions) {
    super(
      `object ${objectName}${versionId === undefined ? '' : ` version ${versionId}`} does not exist in the store`,
      options,
    );
    this.objectName = objectName;
  }
}

export class ObjectArchivedError extends BackupError {
  override readonly name = 'ObjectArchivedError';
  override readonly concerns = 'one';
  constructor(objectName: string, options?: ErrorOptions) {
    super(
      `object ${objectName} is in an archive class; a restore by the restore machine thaws it first and waits`,
      options,
    );
  }
}

/** A version's lock has not ended, so the store refuses to delete it. */
export class ObjectLockedError extends BackupError {
  override readonly name = 'ObjectLockedError';
  override readonly concerns = 'one';
  constructor(objectName: string, versionId: string, options?: ErrorOptions) {
    super(
      `version ${versionId} of ${objectName} is locked and cannot be deleted before its lock ends`,
      options,
    );
  }
}

/** The stored lock is not the one asked for: the version is not protected as it must be. */
export class ObjectLockMissingError extends BackupError {
  override readonly name = 'ObjectLockMissingError';
  override readonly concerns = 'one';
  constructor(objectName: string, wanted: string, found: string) {
    super(
      `object ${objectName} should be locked ${wanted} but is locked ${found}; check that the bucket has Object Lock`,
    );
  }
}

/** Stored bytes do not authenticate or do not parse: they are damaged, or belong to another vault or object. */
export class StoredBytesDamagedError extends BackupError {
  override readonly name = 'StoredBytesDamagedError';
  override readonly concerns = 'one';
  readonly objectName: string;
  constructor(objectName: string, what: string, options?: ErrorOptions) {
    super(`${objectName} is damaged: ${what}; run verify on the points that use it`, options);
    this.objectName = objectName;
  }
}

export class ChunkCorruptError extends BackupError {
  override readonly name = 'ChunkCorruptError';
  override readonly concerns = 'one';
  readonly chunkId: string;
  readonly packId: string;
  constructor(chunkId: string, packId: string, options?: ErrorOptions) {
    super(
      `chunk ${chunkId} in pack ${packId} does not match its id; run verify on the points that use it`,
      options,
    );
    this.chunkId = chunkId;
    this.packId = packId;
  }
}

/** A stretch of a volume cannot be read out of a point. */
export class VolumeDamagedError extends BackupError {
  override readonly name = 'VolumeDamagedError';
  override readonly concerns = 'one';
  /** First byte of the volume that cannot be read. */
  readonly offset: number;
  constructor(volumeId: string, pointId: string, offset: number, cause: BackupError) {
    super(`volume ${volumeId} of point ${pointId} cannot be read from byte ${offset} on: ${cause.message}`, {
      cause,
    });
    this.offset = offset;
  }
}

/** The vault was written by a version of the format that this program does not read. */
export class FormatVersionError extends BackupError {
  override readonly name = 'FormatVersionError';
  override readonly concerns = 'one';
  constructor(objectName: string, found: number, supported: number) {
    super(`${objectName} has format version ${found}, this program reads ${supported}; use a newer Holdfast`);
  }
}

/** The bucket holds no vault. */
export class VaultMissingError extends BackupError {
  override readonly name = 'VaultMissingError';
  constructor(options?: ErrorOptions) {
    super(
      'the bucket holds no vault (format.json is missing); run a first backup, or name another bucket',
      options,
    );
  }
}

/** No recipient of a wrapped key can be opened with the keys at hand. */
export class KeyUnavailableError extends BackupError {
  override readonly name = 'KeyUnavailableError';
  /**
   * Reason why a recipient's key may not be used now: no permission, disabled, about to be deleted. Nothing of the
   * vault is lost then. Absent where no stored recipient fits the keys at hand.
   */
  readonly refusal: string | undefined;
  constructor(
    keyId: string,
    recipients: readonly string[],
    options?: ErrorOptions & { readonly keyAtHand?: string; readonly refusal?: string | undefined },
  ) {
    const { keyAtHand, refusal } = options ?? {};
    const atHand = keyAtHand === undefined ? '' : `, the key at hand is ${keyAtHand}`;
    super(
      `key ${keyId} cannot be unwrapped here${refusal === undefined ? '' : ` (${refusal})`}; its recipients are ` +
        `${recipients.join(', ') || 'none'}${atHand}; allow kms:Decrypt on that key, or use the offline key`,
      options,
    );
    this.refusal = refusal;
  }

  override get kind(): ErrorKind {
    return this.refusal === undefined ? 'key' : 'denied';
  }
}

/** One file of a source could not be read as it was listed. The rest of the source is not affected. */
export class SourceEntryError extends BackupError {
  override readonly name = 'SourceEntryError';
  override readonly concerns = 'one';
  /**
   * `archived`: there, and to be thawed before it can be read. `left-out`: not a file's content at all, such as a
   * socket; nothing is lacking that a restore should bring.
   */
  readonly reason: 'vanished' | 'changed' | 'denied' | 'unreadable' | 'archived' | 'left-out';
  readonly path: string;
  constructor(reason: SourceEntryError['reason'], path: string, detail: string, options?: ErrorOptions) {
    super(`${JSON.stringify(path)} ${detail}`, options);
    this.reason = reason;
    this.path = path;
  }
}

/** A snapshot that an image consists of is not there any more: its volume cannot be restored from that point. */
export class SnapshotMissingError extends BackupError {
  override readonly name = 'SnapshotMissingError';
  /** @param volumeId - of its volume; absent where only the snapshot's own id is known. */
  constructor(snapshotId: string, volumeId?: string, state?: string) {
    super(
      `snapshot ${snapshotId}${volumeId === undefined ? '' : ` of volume ${volumeId}`} ${state === undefined ? 'does not exist any more' : `is in state ${state}`}; ` +
        'look for it in the Recycle Bin, or restore another point',
    );
  }
}

/** Two snapshots have nothing in common by which their blocks could be compared. */
export class UnrelatedSnapshotsError extends BackupError {
  override readonly name = 'UnrelatedSnapshotsError';
  /** The reason, as the source of blocks gives it. */
  readonly detail: string;
  constructor(snapshotId: string, baseId: string, detail: string) {
    super(`snapshot ${snapshotId} cannot be compared with ${baseId}: ${detail}; read all of its blocks`);
    this.detail = detail;
  }
}

/** A source cannot be read at all: gone, denied, or its key is missing. */
export class SourceUnavailableError extends BackupError {
  override readonly name = 'SourceUnavailableError';
}

/** Nothing that a source listed could be read, so there is no point to make of it. */
export class NothingReadError extends BackupError {
  override readonly name = 'NothingReadError';
  /** @param first - the message of the first of them, with the remedy. */
  constructor(resourceArn: string, unread: number, first: string) {
    super(
      `none of the ${unread.toLocaleString('en-US')} entries that ${resourceArn} listed could be read, ` +
        `and no point was made: ${first}`,
    );
  }
}

/** Reason why a restore target did not take an entry; see {@link TargetEntryError}. */
export type EntryRefusal = 'denied' | 'unfit' | 'contended';

/**
 * A restore target takes other entries, but not this one: `denied` by rights, policies or locks on it, `unfit` as it is
 * (its name, size, headers, tags), or `contended`: somebody else is writing it.
 */
export class TargetEntryError extends BackupError {
  override readonly name = 'TargetEntryError';
  override readonly concerns = 'one';
  readonly reason: EntryRefusal;
  constructor(reason: EntryRefusal, path: string, detail: string, options?: ErrorOptions) {
    super(`${JSON.stringify(path)} ${detail}`, options);
    this.reason = reason;
  }
}

/** A restore target takes nothing at all: it refuses everything, is full, vanished, or is not one that the configuration allows. */
export class TargetUnavailableError extends BackupError {
  override readonly name = 'TargetUnavailableError';
}

/** A manifest's path cannot be written inside the target. */
export class RestorePathError extends BackupError {
  override readonly name = 'RestorePathError';
  override readonly concerns = 'one';
  constructor(path: string, why: string) {
    super(`${JSON.stringify(path)} cannot be restored here: ${why}`);
  }
}

/** Input that a person or program gave is not usable; the message names the value and the remedy. */
export class InvalidInputError extends BackupError {
  override readonly name = 'InvalidInputError';
}

/** A named thing does not exist: a point, a run, a resource, a plan. */
export class UnknownNameError extends BackupError {
  override readonly name = 'UnknownNameError';
}

/** A resource has an open run already; runs of one resource never overlap. */
export class RunOpenError extends BackupError {
  override readonly name = 'RunOpenError';
  readonly openRunId: string;
  constructor(resourceArn: string, openRunId: string, aliveUntil: Date) {
    super(
      `${resourceArn} has an open run ${openRunId}, alive until ${aliveUntil.toISOString()}; ` +
        `wait for it, or cancel it with "holdfast cancel ${openRunId}"`,
    );
    this.openRunId = openRunId;
  }
}

/** The run was cancelled, was closed, or lost its resource to a newer run; it must not commit. */
export class RunClosedError extends BackupError {
  override readonly name = 'RunClosedError';
  constructor(runId: string, why: string) {
    super(`run ${runId} is over: ${why}; start a new one`);
  }
}

/** Another process changed a row since it was read. */
export class CatalogConflictError extends BackupError {
  override readonly name = 'CatalogConflictError';
}

/** Something that the run builds on could not be leased to the run's date, so committing would lose data. */
export class LeaseTooShortError extends BackupError {
  override readonly name = 'LeaseTooShortError';
}

/** The product does not do this, and says so. */
export class NotSupportedError extends BackupError {
  override readonly name = 'NotSupportedError';
}
