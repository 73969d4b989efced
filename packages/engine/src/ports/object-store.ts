import type { ThawSpeed } from '../model/machines/restore-request.ts';
/** The store's own refusal to delete a version. */
export interface ObjectLock {
  readonly mode: 'governance' | 'compliance';
  /** The version cannot be deleted before this time. Whole seconds. */
  readonly until: Date;
}

export interface PutOptions {
  /** Absent only in stores without Object Lock (the work bucket). */
  readonly lock?: ObjectLock;
  /** The store's name of a storage class. @default the store's standard class */
  readonly storageClass?: string;
  readonly signal?: AbortSignal;
}

export interface ObjectVersion {
  readonly name: string;
  readonly versionId: string;
  readonly bytes: number;
  /** The time at which the store took the version, by the store's clock. */
  readonly storedAt: Date;
}

export interface ObjectState extends ObjectVersion {
  readonly lock?: ObjectLock;
  readonly storageClass?: string;
  /** The store's legal hold is on: like a lock without an end; one flag for all who hold. */
  readonly legalHold?: boolean;
  /** Only for an object in a class that must be thawed before it can be read. */
  readonly thaw?: ThawState;
}

/** An archived object's readability: `until` is when its readable copy goes away again. */
export type ThawState =
  | { readonly state: 'frozen' | 'thawing' }
  | { readonly state: 'thawed'; readonly until: Date };

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * A bucket: named, versioned, immutable byte strings.
 *
 * What an adapter has to prove (the contract suite in `testing` does):
 * - read-after-write for `get`, `head` and both lists;
 * - `put` is atomic (all bytes or nothing), verified end to end with SHA-256, and refuses a name that has a
 *   version already, so one name has one version unless somebody goes round the product;
 * - a locked version cannot be removed, and its lock can be moved to a later time only;
 * - a call that failed with a {@link StoreUnavailableError} may have happened all the same. A caller repeats a
 *   `put` under a NEW name and every other call as it was. An adapter never repeats a `put` by itself.
 */
export interface ObjectStore {
  /**
   * Writes an object of at most 5 GiB under a name that is free.
   * The caller must not change `body` until the promise settles.
   * @throws {@link ObjectExistsError} the name has a version already.
   */
  put(name: string, body: Uint8Array | readonly Uint8Array[], options?: PutOptions): Promise<ObjectVersion>;

  /**
   * Starts an object that is written in parts (containers). Parts are of one size, at least 5 MiB, except the last.
   * Parts carry no lock: `complete` sets it, reads it back and compares.
   */
  startMultipart(name: string, options?: PutOptions): Promise<MultipartUpload>;
  /** Goes on with an upload that another process started. */
  resumeMultipart(state: MultipartState, options?: PutOptions): MultipartUpload;

  /**
   * Reads a version, or a range of it; without `versionId` the OLDEST version of the name.
   * A range that reaches beyond the end gives the bytes that exist, perhaps none. The bytes are the caller's, and their buffer.
   * @throws {@link ObjectNotFoundError} no such name or version.
   * @throws {@link ObjectArchivedError} the object must be thawed before it can be read.
   */
  get(
    name: string,
    options?: { versionId?: string; range?: ByteRange; signal?: AbortSignal },
  ): Promise<Uint8Array>;

  /** @throws {@link ObjectNotFoundError} no such name or version (the oldest, when no version is named). */
  head(name: string, options?: { versionId?: string; signal?: AbortSignal }): Promise<ObjectState>;

  /**
   * Moves a version's lock to a later time. A lock that is already as late is left as it is.
   * @returns the lock that the store confirms after the call: never earlier than `lock.until`.
   * @throws {@link ObjectNotFoundError} the version is gone.
   */
  extendLock(name: string, versionId: string, lock: ObjectLock, signal?: AbortSignal): Promise<ObjectLock>;

  /**
   * Switches the store's legal hold of a version on or off. Repeatable.
   * @throws {@link ObjectNotFoundError} the version is gone.
   */
  setLegalHold(name: string, versionId: string, on: boolean, signal?: AbortSignal): Promise<void>;

  /**
   * Asks for an archived version to be made readable for some days. Repeatable: a version that thaws, is thawed or is
   * not archived is left as it is.
   * @throws {@link ObjectNotFoundError} the version is gone.
   */
  thaw(
    name: string,
    versionId: string,
    options: { readonly days: number; readonly speed: ThawSpeed; readonly signal?: AbortSignal },
  ): Promise<void>;

  /**
   * Lists every version of every object under a prefix, ordered by name (as bytes); versions of one name newest
   * first. Delete markers are left out.
   */
  listVersions(
    prefix: string,
    options?: { startAfter?: string; signal?: AbortSignal },
  ): AsyncIterable<ObjectVersion>;

  /**
   * Deletes one version. Succeeds when it is gone already.
   * @throws {@link ObjectLockedError} its lock has not ended, or its legal hold is on.
   */
  removeVersion(name: string, versionId: string, signal?: AbortSignal): Promise<void>;

  /** The store's own clock: the only source of retention dates. */
  now(): Promise<Date>;
}

/** The state of an upload, with which another process can go on. Plain JSON. */
export interface MultipartState {
  readonly name: string;
  readonly uploadId: string;
  readonly parts: readonly {
    readonly number: number;
    readonly etag: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
}

/** An object that grows by parts until it is completed or given up. */
export interface MultipartUpload {
  /** Uploads the next part. Parts are numbered by call order. */
  addPart(body: Uint8Array | readonly Uint8Array[]): Promise<void>;
  /** A snapshot of the upload that `resumeMultipart` takes. */
  state(): MultipartState;
  /** @throws {@link ObjectExistsError} the name has a version already. */
  complete(): Promise<ObjectVersion>;
  /** Frees the parts. Succeeds when they are gone already. */
  abort(): Promise<void>;
}
