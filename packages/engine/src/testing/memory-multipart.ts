import { createHash } from 'node:crypto';
import { InvalidInputError, ObjectNotFoundError } from '../errors.ts';
import type { MultipartState, MultipartUpload, ObjectVersion } from '../ports/object-store.ts';

/** Parts that the memory store holds for an upload. Outlives the process that started it, as in S3. */
export interface UploadInProgress {
  readonly parts: Map<number, Uint8Array>;
  state: 'open' | ObjectVersion;
}

export interface MultipartHost {
  upload(): UploadInProgress | undefined;
  forget(): void;
  count(operation: 'addPart' | 'complete' | 'abort'): Promise<void>;
  store(body: Uint8Array): ObjectVersion;
  readonly minPartBytes: number;
}

export class MemoryMultipart implements MultipartUpload {
  readonly #host: MultipartHost;
  readonly #name: string;
  readonly #uploadId: string;
  readonly #parts: MultipartState['parts'][number][];
  #nextNumber: number;

  constructor(state: MultipartState, host: MultipartHost) {
    this.#host = host;
    this.#name = state.name;
    this.#uploadId = state.uploadId;
    this.#parts = [...state.parts];
    this.#nextNumber = state.parts.reduce((most, part) => Math.max(most, part.number), 0) + 1;
  }

  async addPart(body: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const number = this.#nextNumber++;
    const bytes = new Uint8Array(Buffer.concat(body instanceof Uint8Array ? [body] : body));
    await this.#host.count('addPart');
    const upload = this.#openUpload();
    upload.parts.set(number, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#parts.push({ number, etag: `"${sha256.slice(0, 32)}"`, bytes: bytes.length, sha256 });
  }

  state(): MultipartState {
    const parts = this.#parts.toSorted((a, b) => a.number - b.number);
    return { name: this.#name, uploadId: this.#uploadId, parts };
  }

  async complete(): Promise<ObjectVersion> {
    await this.#host.count('complete');
    const upload = this.#host.upload();
    // Repeating a completion that happened gives the same version: its first answer may have been lost.
    if (upload !== undefined && upload.state !== 'open') return upload.state;
    const { parts } = this.#openUpload();
    const bodies = this.state().parts.map((part, index, all) => {
      const body = parts.get(part.number);
      if (body === undefined)
        throw new InvalidInputError(`part ${part.number} of ${this.#name} was never uploaded`);
      if (index < all.length - 1 && body.length < this.#host.minPartBytes) {
        throw new InvalidInputError(
          `part ${part.number} of ${this.#name} has ${body.length} bytes; all but the last need ${this.#host.minPartBytes}`,
        );
      }
      return body;
    });
    if (bodies.length === 0) throw new InvalidInputError(`${this.#name} has no parts; add at least one`);
    const version = this.#host.store(Buffer.concat(bodies));
    parts.clear();
    if (upload !== undefined) upload.state = version;
    return version;
  }

  async abort(): Promise<void> {
    await this.#host.count('abort');
    if (this.#host.upload()?.state === 'open') this.#host.forget();
  }

  #openUpload(): UploadInProgress {
    const upload = this.#host.upload();
    if (upload === undefined || upload.state !== 'open')
      throw new ObjectNotFoundError(this.#name, this.#uploadId);
    return upload;
  }
}
