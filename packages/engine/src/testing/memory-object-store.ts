import {
  InvalidInputError,
  ObjectArchivedError,
  ObjectExistsError,
  ObjectLockedError,
  ObjectLockMissingError,
  ObjectNotFoundError,
} from '../errors.ts';
import { compareBytes, utf8 } from '../bytes.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  ByteRange,
  MultipartState,
  MultipartUpload,
  ObjectLock,
  ObjectState,
  ObjectStore,
  ObjectVersion,
  PutOptions,
  ThawState,
} from '../ports/object-store.ts';
import type { ThawSpeed } from '../model/machines/restore-request.ts';
import {
  bytesContent,
  describe,
  wholeSeconds,
  type SparseContent,
  type StoredVersion,
} from './stored-version.ts';
import { MemoryMultipart, type UploadInProgress } from './memory-multipart.ts';

export interface MemoryObjectStoreOptions {
  /** The store's own clock: decides when locks end and what `now` says. */
  readonly clock: Clock;
  /** @default true; false is a bucket without Object Lock: a write with a lock is refused */
  readonly objectLock?: boolean;
  /** Parts smaller than this, but for the last, make `complete` fail. @default 5 MiB, as in S3 */
  readonly minPartBytes?: number;
  /**
   * A name's versions are numbered by themselves, not in the order of all writes of the store: so the order of writes
   * of other names leaves no trace.
   * @default false
   */
  readonly numberByName?: boolean;
}

export type StoreOperation =
  | 'put'
  | 'get'
  | 'head'
  | 'extendLock'
  | 'setLegalHold'
  | 'thaw'
  | 'listVersions'
  | 'removeVersion'
  | 'now'
  | 'startMultipart'
  | 'addPart'
  | 'complete'
  | 'abort';

const archiveClasses: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/**
 * A bucket in memory that behaves like S3 with versions and Object Lock, refusals included. `plant…`, `finishThaw`
 * and the counters are for tests; everything else is the port.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly #clock: Clock;
  readonly #objectLock: boolean;
  readonly #minPartBytes: number;
  readonly #numberByName: boolean;
  /** Versions of each name, oldest first. */
  readonly #names = new Map<string, readonly StoredVersion[]>();
  readonly #writes = new Map<string, number>();
  readonly #uploads = new Map<string, UploadInProgress>();
  readonly #counts = new Map<StoreOperation, number>();
  #serial = 0;
  #bytesFetched = 0;

  constructor(options: MemoryObjectStoreOptions) {
    this.#clock = options.clock;
    this.#objectLock = options.objectLock ?? true;
    this.#minPartBytes = options.minPartBytes ?? 5 * 1024 * 1024;
    this.#numberByName = options.numberByName ?? false;
  }

  /** A store with the same versions that goes its own way, by another clock. Uploads in parts stay behind. */
  fork(clock: Clock): MemoryObjectStore {
    const copy = new MemoryObjectStore({
      clock,
      objectLock: this.#objectLock,
      minPartBytes: this.#minPartBytes,
      numberByName: this.#numberByName,
    });
    for (const [name, versions] of this.#names) copy.#names.set(name, versions);
    for (const [name, writes] of this.#writes) copy.#writes.set(name, writes);
    copy.#serial = this.#serial;
    return copy;
  }

  /** Every name and its versions, oldest first, in no order. An array is never changed. */
  entries(): Iterable<readonly [string, readonly StoredVersion[]]> {
    return this.#names.entries();
  }

  get bytesFetched(): number {
    return this.#bytesFetched;
  }

  /** Calls of an operation so far, those that failed included. */
  requests(operation: StoreOperation): number {
    return this.#counts.get(operation) ?? 0;
  }

  resetCounters(): void {
    this.#counts.clear();
    this.#bytesFetched = 0;
  }

  async put(
    name: string,
    body: Uint8Array | readonly Uint8Array[],
    options: PutOptions = {},
  ): Promise<ObjectVersion> {
    await this.#begin('put', options.signal);
    return this.#store(name, bytesContent(body), options);
  }

  async startMultipart(name: string, options: PutOptions = {}): Promise<MultipartUpload> {
    await this.#begin('startMultipart', options.signal);
    this.#checkLockable(name, options);
    const uploadId = `upload-${++this.#serial}`;
    this.#uploads.set(uploadId, { parts: new Map(), state: 'open' });
    return this.resumeMultipart({ name, uploadId, parts: [] }, options);
  }

  resumeMultipart(state: MultipartState, options: PutOptions = {}): MultipartUpload {
    return new MemoryMultipart(state, {
      upload: () => this.#uploads.get(state.uploadId),
      forget: () => this.#uploads.delete(state.uploadId),
      count: (operation) => this.#begin(operation, options.signal),
      store: (body) => this.#store(state.name, bytesContent(body), options),
      minPartBytes: this.#minPartBytes,
    });
  }

  async get(
    name: string,
    options: { versionId?: string; range?: ByteRange; signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    await this.#begin('get', options.signal);
    const version = this.#find(name, options.versionId);
    const thaw = this.#thawOf(version);
    if (thaw !== undefined && thaw.state !== 'thawed') throw new ObjectArchivedError(name);
    const offset = Math.min(options.range?.offset ?? 0, version.content.bytes);
    const length = Math.min(options.range?.length ?? version.content.bytes, version.content.bytes - offset);
    const bytes = version.content.read(offset, length);
    this.#bytesFetched += bytes.length;
    return bytes;
  }

  async head(name: string, options: { versionId?: string; signal?: AbortSignal } = {}): Promise<ObjectState> {
    await this.#begin('head', options.signal);
    const version = this.#find(name, options.versionId);
    const thaw = this.#thawOf(version);
    return {
      ...describe(name, version),
      lock: version.lock,
      storageClass: version.storageClass,
      ...(version.legalHold === true && { legalHold: true }),
      thaw,
    };
  }

  async extendLock(
    name: string,
    versionId: string,
    lock: ObjectLock,
    signal?: AbortSignal,
  ): Promise<ObjectLock> {
    await this.#begin('extendLock', signal);
    const version = this.#find(name, versionId);
    this.#checkLockable(name, { lock });
    if (version.lock !== undefined && version.lock.until >= lock.until) return version.lock;
    const mode = version.lock?.mode === 'compliance' ? 'compliance' : lock.mode;
    const moved = { mode, until: wholeSeconds(lock.until) };
    this.#change(name, version, { lock: moved });
    return moved;
  }

  async setLegalHold(name: string, versionId: string, on: boolean, signal?: AbortSignal): Promise<void> {
    await this.#begin('setLegalHold', signal);
    const version = this.#find(name, versionId);
    if (!this.#objectLock) throw new ObjectLockMissingError(name, 'a legal hold', 'not at all');
    this.#change(name, version, { legalHold: on });
  }

  async thaw(
    name: string,
    versionId: string,
    options: { readonly days: number; readonly speed: ThawSpeed; readonly signal?: AbortSignal },
  ): Promise<void> {
    await this.#begin('thaw', options.signal);
    const version = this.#find(name, versionId);
    if (this.#thawOf(version)?.state === 'frozen')
      this.#change(name, version, { thaw: { state: 'thawing' } });
  }

  async *listVersions(
    prefix: string,
    options: { startAfter?: string; signal?: AbortSignal } = {},
  ): AsyncIterable<ObjectVersion> {
    await this.#begin('listVersions', options.signal);
    const after = options.startAfter;
    const names = [...this.#names.keys()]
      .filter(
        (name) =>
          name.startsWith(prefix) && (after === undefined || compareBytes(utf8(name), utf8(after)) > 0),
      )
      .sort((a, b) => compareBytes(utf8(a), utf8(b)));
    for (const name of names) {
      for (const version of (this.#names.get(name) ?? []).toReversed()) {
        options.signal?.throwIfAborted();
        if (!version.marker) yield describe(name, version);
      }
    }
  }

  async removeVersion(name: string, versionId: string, signal?: AbortSignal): Promise<void> {
    await this.#begin('removeVersion', signal);
    const versions = this.#names.get(name) ?? [];
    const version = versions.find((one) => one.versionId === versionId);
    if (version === undefined) return;
    if (version.lock !== undefined && version.lock.until > this.#clock.now()) {
      throw new ObjectLockedError(name, versionId);
    }
    if (version.legalHold === true) throw new ObjectLockedError(name, versionId);
    const left = versions.filter((one) => one !== version);
    if (left.length === 0) this.#names.delete(name);
    else this.#names.set(name, left);
  }

  async now(): Promise<Date> {
    await this.#begin('now');
    return wholeSeconds(this.#clock.now());
  }

  /**
   * Adds a version without any condition, as somebody who goes round the product can: a second version of a name,
   * damaged bytes, or sparse content. Returns its version id.
   */
  plantVersion(name: string, content: Uint8Array | SparseContent, options: PutOptions = {}): string {
    return this.#append(name, content instanceof Uint8Array ? bytesContent(content) : content, options)
      .versionId;
  }

  /** Hides a name behind a delete marker, as DeleteObject does; its versions stay. Returns the marker's version id. */
  plantMarker(name: string): string {
    return this.#append(name, bytesContent(new Uint8Array(0)), {}, true).versionId;
  }

  /** Ends the thawing of a version, as S3 does hours after it was asked for. */
  finishThaw(name: string, versionId: string, until: Date): void {
    this.#change(name, this.#find(name, versionId), { thaw: { state: 'thawed', until } });
  }

  async #begin(operation: StoreOperation, signal?: AbortSignal): Promise<void> {
    this.#counts.set(operation, this.requests(operation) + 1);
    signal?.throwIfAborted();
    // Gives other callers their turn, so that races are races.
    await Promise.resolve();
  }

  #store(name: string, content: SparseContent, options: PutOptions): ObjectVersion {
    const newest = this.#names.get(name)?.at(-1);
    // As in S3: only the current version counts, so a delete marker lets a name be written again.
    if (newest !== undefined && !newest.marker) throw new ObjectExistsError(name);
    return describe(name, this.#append(name, content, options));
  }

  #append(name: string, content: SparseContent, options: PutOptions, marker = false): StoredVersion {
    this.#checkLockable(name, options);
    this.#serial++;
    const writes = (this.#writes.get(name) ?? 0) + 1;
    this.#writes.set(name, writes);
    const serial = String(this.#numberByName ? writes : this.#serial).padStart(8, '0');
    const version: StoredVersion = {
      versionId: `version-${serial}`,
      content,
      storedAt: this.#clock.now(),
      storageClass: options.storageClass,
      marker,
      lock: options.lock && { mode: options.lock.mode, until: wholeSeconds(options.lock.until) },
    };
    this.#names.set(name, [...(this.#names.get(name) ?? []), version]);
    return version;
  }

  #change(name: string, version: StoredVersion, change: Partial<StoredVersion>): void {
    const versions = this.#names.get(name) ?? [];
    this.#names.set(
      name,
      versions.map((one) => (one === version ? { ...version, ...change } : one)),
    );
  }

  #checkLockable(name: string, options: PutOptions): void {
    if (options.lock === undefined) return;
    if (!this.#objectLock) {
      throw new ObjectLockMissingError(
        name,
        `${options.lock.mode} until ${options.lock.until.toISOString()}`,
        'not at all',
      );
    }
    if (Number.isNaN(options.lock.until.getTime()))
      throw new InvalidInputError(`the lock date of ${name} is not a date`);
  }

  /** @returns `undefined` for a version that can be read at any time. */
  #thawOf(version: StoredVersion): ThawState | undefined {
    if (!archiveClasses.has(version.storageClass ?? '')) return undefined;
    const thaw = version.thaw ?? { state: 'frozen' };
    return thaw.state === 'thawed' && thaw.until <= this.#clock.now() ? { state: 'frozen' } : thaw;
  }

  #find(name: string, versionId: string | undefined): StoredVersion {
    const versions = (this.#names.get(name) ?? []).filter((one) => !one.marker);
    const version =
      versionId === undefined ? versions[0] : versions.find((one) => one.versionId === versionId);
    if (version === undefined) throw new ObjectNotFoundError(name, versionId);
    return version;
  }
}
