import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';

import {
  AccessDeniedError,
  BackupError,
  InvalidInputError,
  ObjectExistsError,
  ObjectLockedError,
  ObjectNotFoundError,
  StoreUnavailableError,
  toHex,
} from '@holdfast/engine';
import type {
  ByteRange,
  Clock,
  MultipartState,
  MultipartUpload,
  ObjectLock,
  ObjectState,
  ObjectStore,
  ObjectVersion,
  PutOptions,
  RandomBytes,
} from '@holdfast/engine';

import { errnoOf, isDeniedErrno, isMissing } from '../errno.ts';
import { FilesystemMultipartUpload, newUpload } from './filesystem-multipart-upload.ts';
import { makeDirectories } from '../target/make-directories.ts';
import { listObjectNames } from './list-object-names.ts';
import { bodyBytes, bodyParts, readStretch, writeParts } from './object-file.ts';
import { checkPutOptions, objectPathOf, privateDirectory } from './object-layout.ts';
import { ObjectLocator, stateOf, versionOf } from './object-locator.ts';
import type { ObjectRecord } from './object-record.ts';
import { syncDirectory } from './sync-directory.ts';

const versionIdDigits = 16;

type Keepers = Pick<ObjectState, 'versionId' | 'lock' | 'legalHold'>;

export interface FilesystemObjectStoreOptions {
  /** Directory of the objects, on one file system; made when it is missing. */
  readonly root: string;
  /** The store's own clock, with which dates of locks are compared. */
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Has a write on the disk before it is confirmed. @default true */
  readonly durable?: boolean;
}

/**
 * A directory as an object store: an object is a file of the same name. Below `.holdfast` lie, for each object, its
 * version id and locks (see `ObjectRecord`), and what is being written.
 *
 * - A version's id is 16 random hexadecimal digits. A name has one version, unless somebody went round the product.
 * - A file without a record (a bucket copied with `aws s3 sync`) is readable too: it has the version id `file`, no lock,
 *   and answers to every version id, since the references in a copied vault carry the bucket's.
 * - An object whose name is also a directory of others (`a` beside `a/b`) lies in its record.
 * - A write that died half-way may leave its name taken for good: write under a new one.
 * - Storage classes are written down and change nothing.
 * - **Locks and legal holds are kept by this class, not by the file system.** Whoever can write to the directory can delete from it:
 *   it is a store for tests, benchmarks and exported vaults, not a protection against an attacker.
 */
export class FilesystemObjectStore implements ObjectStore {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #durable: boolean;
  readonly #objects: ObjectLocator;
  #prepared = false;

  constructor(options: FilesystemObjectStoreOptions) {
    this.#root = path.resolve(options.root);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#durable = options.durable ?? true;
    this.#objects = new ObjectLocator(this.#root, this.#durable);
  }

  put(
    name: string,
    body: Uint8Array | readonly Uint8Array[],
    options: PutOptions = {},
  ): Promise<ObjectVersion> {
    return this.#writing(name, options, async () => {
      const written = this.#privatePath('writing', this.#newId());
      const file = await open(written, 'wx');
      try {
        await writeParts(file, bodyParts(body), 0);
        return await this.#publish(name, this.#newId(), written, file, bodyBytes(body), options);
      } finally {
        await file.close();
        await rm(written, { force: true });
      }
    });
  }

  startMultipart(name: string, options: PutOptions = {}): Promise<MultipartUpload> {
    return this.#writing(name, options, async () => {
      const uploadId = this.#newId();
      await newUpload(this.#uploadPath(uploadId));
      return this.resumeMultipart({ name, uploadId, parts: [] }, options);
    });
  }

  resumeMultipart(state: MultipartState, options: PutOptions = {}): MultipartUpload {
    const { name, uploadId } = state;
    const written = this.#uploadPath(uploadId);
    return new FilesystemMultipartUpload(written, state, {
      guarded: (work) => this.#writing(name, options, work),
      publish: (file, bytes) => this.#publish(name, uploadId, written, file, bytes, options),
      findPublished: async () => {
        const versions = await this.#objects.locateAll(name);
        const found = versions.find((version) => version.versionId === uploadId.slice(0, versionIdDigits));
        return found === undefined ? undefined : versionOf(found);
      },
    });
  }

  get(
    name: string,
    options: { versionId?: string; range?: ByteRange; signal?: AbortSignal } = {},
  ): Promise<Uint8Array> {
    return this.#reading(name, options.signal, async () => {
      const version = await this.#objects.locate(name, options.versionId);
      const offset = Math.min(options.range?.offset ?? 0, version.bytes);
      const length = Math.min(options.range?.length ?? version.bytes, version.bytes - offset);
      return readStretch(version.path, offset, length);
    });
  }

  head(name: string, options: { versionId?: string; signal?: AbortSignal } = {}): Promise<ObjectState> {
    return this.#reading(name, options.signal, async () => {
      return stateOf(await this.#objects.locate(name, options.versionId));
    });
  }

  extendLock(name: string, versionId: string, lock: ObjectLock, signal?: AbortSignal): Promise<ObjectLock> {
    return this.#writing(name, { lock, signal }, async () => {
      const { lock: current, versionId: storedId } = await this.#objects.locate(name, versionId);
      if (current !== undefined && current.until >= lock.until) return current;
      // A lock of compliance mode is never weakened, whatever the caller's mode is.
      const mode = current?.mode === 'compliance' ? current.mode : lock.mode;
      await this.#objects.record(name).addLock(storedId, { mode, until: lock.until });
      // Looked for after the lock was added: a remover that did not see it has taken the file away by now.
      const { lock: confirmed } = await this.#objects.locate(name, storedId);
      if (confirmed === undefined) throw new ObjectNotFoundError(name, versionId);
      return confirmed;
    });
  }

  setLegalHold(name: string, versionId: string, on: boolean, signal?: AbortSignal): Promise<void> {
    return this.#writing(name, { signal }, async () => {
      const { versionId: storedId } = await this.#objects.locate(name, versionId);
      await this.#objects.record(name).setLegalHold(storedId, on);
      // As for a lock: a remover that did not see the hold has taken the file away by now.
      await this.#objects.locate(name, storedId);
    });
  }

  /** Nothing is archived here, so there is nothing to wait for. */
  async thaw(name: string, versionId: string, options: { readonly signal?: AbortSignal }): Promise<void> {
    await this.head(name, { versionId, signal: options.signal });
  }

  async *listVersions(
    prefix: string,
    options: { startAfter?: string; signal?: AbortSignal } = {},
  ): AsyncGenerator<ObjectVersion, void, undefined> {
    const { startAfter, signal } = options;
    try {
      for (const name of listObjectNames(this.#root, {
        prefix,
        startAfter,
      })) {
        signal?.throwIfAborted();
        for (const version of (await this.#objects.locateAll(name)).toReversed()) yield versionOf(version);
      }
    } catch (error) {
      throw this.#engineError(error, prefix);
    }
  }

  removeVersion(name: string, versionId: string, signal?: AbortSignal): Promise<void> {
    return this.#writing(name, { signal }, async () => {
      const record = this.#objects.record(name);
      const version = (await this.#objects.locateAll(name)).find((one) => one.versionId === versionId);
      if (version === undefined) return;
      this.#checkFree(name, version);
      const aside = this.#privatePath('removing', this.#newId());
      try {
        await rename(version.path, aside);
      } catch (error) {
        if (isMissing(error)) return;
        throw error;
      }
      // Locks and holds added meanwhile: who adds one looks for the file afterwards, so one of the two sees the other.
      const keepers = { versionId, ...(await record.findKeepers(versionId)) };
      if (this.#isKept(keepers)) {
        await rename(aside, version.path);
      } else {
        await record.forget(versionId);
        await rm(aside);
      }
      this.#checkFree(name, keepers);
    });
  }

  now(): Promise<Date> {
    return Promise.resolve(this.#clock.now());
  }

  #isKept({ lock, legalHold }: Keepers): boolean {
    return legalHold === true || (lock !== undefined && lock.until > this.#clock.now());
  }

  #checkFree(name: string, version: Keepers): void {
    if (this.#isKept(version)) throw new ObjectLockedError(name, version.versionId);
  }

  /** Gives a written file its name, or refuses when the name is taken. */
  async #publish(
    name: string,
    id: string,
    written: string,
    file: FileHandle,
    bytes: number,
    options: PutOptions,
  ): Promise<ObjectVersion> {
    const { size } = await file.stat();
    if (size !== bytes)
      throw new StoreUnavailableError(
        `object ${name} has ${size} bytes on disk instead of ${bytes}; write it again`,
      );
    const { lock, storageClass } = options;
    const version = {
      versionId: id.slice(0, versionIdDigits),
      storedAt: this.#clock.now(),
      storageClass,
    };
    const record = this.#objects.record(name);
    // Both at once: until the bytes have their name, nobody sees either of them.
    const [claimed, flushed] = await Promise.allSettled([
      record.claim(version, lock),
      this.#durable ? file.datasync() : undefined,
    ]);
    if (claimed.status === 'rejected') throw claimed.reason;
    if (!claimed.value) throw new ObjectExistsError(name);
    try {
      if (flushed.status === 'rejected') throw flushed.reason;
      await this.#moveToName(name, written, record, version.versionId);
    } catch (error) {
      await record.forget(version.versionId);
      throw error;
    }
    return { name, versionId: version.versionId, bytes, storedAt: version.storedAt };
  }

  /**
   * Moves written bytes to where their object lies. The record has been claimed, so nobody else of this store moves
   * anything there; moving needs no hard links, which many file systems lack. A file that somebody put there past the
   * store before is refused.
   */
  async #moveToName(name: string, written: string, record: ObjectRecord, versionId: string): Promise<void> {
    const target = this.#objects.filePath(name);
    try {
      if (await this.#objects.hasFile(name)) throw new ObjectExistsError(name);
      // Not into a file's place: that fails with ENOTDIR, and the bytes go into the record.
      makeDirectories(path.dirname(target));
      await rename(written, target);
      if (this.#durable) await syncDirectory(path.dirname(target));
    } catch (error) {
      const code = errnoOf(error);
      // Names below this one have a directory in its place, which is never empty for long.
      if (code !== 'ENOTDIR' && code !== 'EISDIR' && code !== 'EEXIST' && code !== 'ENOTEMPTY') throw error;
      await record.takeBytes(written, versionId);
    }
  }

  #newId(): string {
    return toHex(this.#random.bytes(16));
  }

  #privatePath(directory: 'writing' | 'removing', file: string): string {
    return path.join(this.#root, privateDirectory, directory, file);
  }

  #uploadPath(uploadId: string): string {
    if (!/^[0-9a-f]{32}$/.test(uploadId)) {
      throw new InvalidInputError(
        `upload id ${JSON.stringify(uploadId)} is not one of this store; start a new upload`,
      );
    }
    return this.#privatePath('writing', `upload-${uploadId}`);
  }

  /** Only writers make directories: a vault on a read-only medium can be read. */
  #prepare(): void {
    if (this.#prepared) return;
    for (const directory of ['writing', 'removing', 'versions']) {
      makeDirectories(path.join(this.#root, privateDirectory, directory));
    }
    this.#prepared = true;
  }

  async #writing<T>(name: string, options: PutOptions, work: () => Promise<T>): Promise<T> {
    options.signal?.throwIfAborted();
    objectPathOf(name);
    checkPutOptions(name, options);
    try {
      this.#prepare();
      return await work();
    } catch (error) {
      throw this.#engineError(error, name);
    }
  }

  async #reading<T>(name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (isMissing(error)) throw new ObjectNotFoundError(name, undefined, { cause: error });
      throw this.#engineError(error, name);
    }
  }

  #engineError(error: unknown, name: string): Error {
    const code = errnoOf(error);
    if (error instanceof BackupError || code === undefined)
      return error instanceof Error ? error : new Error(String(error));
    const what = `directory store ${this.#root}: ${code} at object ${JSON.stringify(name)}`;
    if (isDeniedErrno(error))
      return new AccessDeniedError(`${what}; give this user the right to read and write there`, {
        cause: error,
      });
    return new StoreUnavailableError(`${what}; check the disk`, { cause: error });
  }
}
