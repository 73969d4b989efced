import { createHash } from 'node:crypto';
import { open, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

import { InvalidInputError, ObjectNotFoundError } from '@holdfast/engine';
import type { MultipartState, MultipartUpload, ObjectVersion } from '@holdfast/engine';

import { isMissing } from '../errno.ts';
import { bodyBytes, bodyParts, writeParts } from './object-file.ts';

type Part = MultipartState['parts'][number];

interface UploadStore {
  /** Turns the file system's errors into the engine's. */
  readonly guarded: <T>(work: () => Promise<T>) => Promise<T>;
  readonly publish: (file: FileHandle, bytes: number) => Promise<ObjectVersion>;
  /** The object, if this upload made it: the answer of an earlier completion may have been lost. */
  readonly findPublished: () => Promise<ObjectVersion | undefined>;
}

export async function newUpload(written: string): Promise<void> {
  await writeFile(written, '', { flag: 'wx' });
}

/**
 * An object that grows in one file, each part at the place that its number gives it.
 * A part whose write failed leaves a hole: the upload can only be resumed from the parts before it, or aborted.
 */
export class FilesystemMultipartUpload implements MultipartUpload {
  readonly #written: string;
  readonly #store: UploadStore;
  readonly #name: string;
  readonly #uploadId: string;
  /** By number; a part that is under way, or failed, has none. */
  readonly #parts: (Part | undefined)[];
  #bytes: number;

  constructor(written: string, state: MultipartState, store: UploadStore) {
    this.#written = written;
    this.#store = store;
    this.#name = state.name;
    this.#uploadId = state.uploadId;
    this.#parts = [...state.parts];
    this.#bytes = state.parts.reduce((sum, part) => sum + part.bytes, 0);
  }

  addPart(body: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const index = this.#parts.length;
    const position = this.#bytes;
    const bytes = bodyBytes(body);
    this.#parts.push(undefined);
    this.#bytes += bytes;
    return this.#withFile(async (file) => {
      const hash = createHash('sha256');
      for (const part of bodyParts(body)) hash.update(part);
      const sha256 = hash.digest('hex');
      await writeParts(file, bodyParts(body), position);
      this.#parts[index] = { number: index + 1, etag: sha256, bytes, sha256 };
    });
  }

  state(): MultipartState {
    const hole = this.#parts.indexOf(undefined);
    const parts = this.#parts.slice(0, hole < 0 ? undefined : hole).filter((part) => part !== undefined);
    return { name: this.#name, uploadId: this.#uploadId, parts };
  }

  async complete(): Promise<ObjectVersion> {
    if (this.#parts.length === 0)
      throw new InvalidInputError(`upload of ${this.#name} has no parts; add at least one`);
    if (this.#parts.includes(undefined)) {
      throw new InvalidInputError(
        `upload of ${this.#name} lacks part ${this.#parts.indexOf(undefined) + 1}; wait for it, or resume from the parts before`,
      );
    }
    const published = await this.#store.guarded(() => this.#store.findPublished());
    const version =
      published ??
      (await this.#withFile(async (file) => {
        // A process that died may have written beyond the last part that the state has.
        await file.truncate(this.#bytes);
        return this.#store.publish(file, this.#bytes);
      }));
    await this.abort();
    return version;
  }

  async abort(): Promise<void> {
    await this.#store.guarded(() => rm(this.#written, { force: true }));
  }

  #withFile<T>(work: (file: FileHandle) => Promise<T>): Promise<T> {
    return this.#store.guarded(async () => {
      const file = await this.#open();
      try {
        return await work(file);
      } finally {
        await file.close();
      }
    });
  }

  async #open(): Promise<FileHandle> {
    try {
      return await open(this.#written, 'r+');
    } catch (error) {
      throw isMissing(error) ? new ObjectNotFoundError(this.#name, this.#uploadId, { cause: error }) : error;
    }
  }
}
