import { NotSupportedError, ObjectNotFoundError } from '../errors.ts';
import type { ByteRange, ObjectState, ObjectStore, ObjectVersion } from '../ports/object-store.ts';

export interface ContainerBytes {
  readonly bytes: number;
  /** A range that reaches beyond the end gives the bytes that exist. */
  read(range: ByteRange, signal?: AbortSignal): Promise<Uint8Array>;
}

/** The one version that everything has here. */
const versionId = 'alone';
const never = new Date(0);

/**
 * A vault that consists of one container: its own object, and the files of its key block. Read-only. It answers to
 * every version id, as the references in a container are those of the bucket that it was written to.
 */
export class ContainerStore implements ObjectStore {
  readonly #container: ContainerBytes;
  readonly #name: string;
  readonly #files: ReadonlyMap<string, Uint8Array>;

  /** @param name - the name that the container had in its vault. */
  constructor(container: ContainerBytes, name: string, files: ReadonlyMap<string, Uint8Array>) {
    this.#container = container;
    this.#name = name;
    this.#files = files;
  }

  async get(name: string, options: { range?: ByteRange; signal?: AbortSignal } = {}): Promise<Uint8Array> {
    const { bytes } = this.#find(name);
    const range = options.range ?? { offset: 0, length: bytes };
    if (name === this.#name) return this.#container.read(range, options.signal);
    return (this.#files.get(name) ?? new Uint8Array(0)).slice(range.offset, range.offset + range.length);
  }

  async head(name: string): Promise<ObjectState> {
    return Promise.resolve(this.#find(name));
  }

  async *listVersions(prefix: string, options: { startAfter?: string } = {}): AsyncGenerator<ObjectVersion> {
    for (const name of [this.#name, ...this.#files.keys()].sort())
      if (name.startsWith(prefix) && name > (options.startAfter ?? '')) yield this.#find(name);
  }

  async put(): Promise<never> {
    return refuse();
  }

  async startMultipart(): Promise<never> {
    return refuse();
  }

  resumeMultipart(): never {
    throw readOnly();
  }

  async extendLock(): Promise<never> {
    return refuse();
  }

  async setLegalHold(): Promise<never> {
    return refuse();
  }

  async thaw(): Promise<never> {
    return refuse();
  }

  async removeVersion(): Promise<never> {
    return refuse();
  }

  async now(): Promise<never> {
    return refuse();
  }

  #find(name: string): ObjectVersion {
    const bytes = name === this.#name ? this.#container.bytes : this.#files.get(name)?.length;
    if (bytes === undefined) throw new ObjectNotFoundError(name);
    return { name, versionId, bytes, storedAt: never };
  }
}

async function refuse(): Promise<never> {
  return Promise.reject(readOnly());
}

function readOnly(): NotSupportedError {
  return new NotSupportedError(
    'a container by itself can only be read; write into the vault that it came from',
  );
}
