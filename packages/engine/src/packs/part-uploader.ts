import type { MultipartState, MultipartUpload, ObjectStore, PutOptions } from '../ports/object-store.ts';
import { defaultRetryPolicy, retryUnavailable, type RetryPolicy, type RetryPorts } from './retry.ts';

const defaultLeastPartBytes = 16 * 1024 * 1024;
const maxParts = 10_000;
/** Parts up to this size are filled while the one before goes up. A worker has room for only one larger part. */
const overlappedPartBytes = 256 * 1024 * 1024;
/** Parts of a larger object would not fit into a worker of 1,769 MB, which holds one: of 8 TiB they have 923 MiB. */
export const largestUploadBytes = 8 * 2 ** 40;

/** Parts for an object of about that size: small ones, but not so many that the store refuses. */
export function planPartBytes(expectedBytes: number, leastPartBytes = defaultLeastPartBytes): number {
  const mebibyte = 1024 * 1024;
  // A tenth in reserve, in case the object becomes larger than expected.
  const needed = Math.ceil((expectedBytes * 1.1) / (maxParts - 1) / mebibyte) * mebibyte;
  return Math.max(leastPartBytes, needed);
}

export interface PartUploaderOptions extends RetryPorts {
  readonly store: ObjectStore;
  readonly upload: MultipartUpload;
  readonly put: PutOptions;
  readonly partBytes: number;
  readonly retry?: RetryPolicy;
}

/**
 * Cuts written bytes into parts of one size and sends them one at a time. The next part fills meanwhile, unless parts
 * are large. Memory: two parts, or one of more than {@link overlappedPartBytes}.
 */
export class PartBuffer {
  readonly #partBytes: number;
  readonly #send: (part: Uint8Array) => Promise<void>;
  #buffer: Buffer;
  /** Filled while the other one goes up. Absent where parts are too large for two. */
  #spare: Buffer | undefined;
  #filled = 0;
  #sending: Promise<void> = Promise.resolve();

  /** @param send - its part is written over once it settles. */
  constructor(partBytes: number, send: (part: Uint8Array) => Promise<void>) {
    this.#partBytes = partBytes;
    this.#send = send;
    this.#buffer = Buffer.allocUnsafeSlow(partBytes);
    this.#spare = partBytes > overlappedPartBytes ? undefined : Buffer.allocUnsafeSlow(partBytes);
  }

  /** Bytes that are not part of the upload yet, not copied. */
  get rest(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  /** Takes a copy of the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let taken = 0; taken < bytes.length;) {
      const step = Math.min(bytes.length - taken, this.#partBytes - this.#filled);
      this.#buffer.set(bytes.subarray(taken, taken + step), this.#filled);
      this.#filled += step;
      taken += step;
      if (this.#filled === this.#partBytes) await this.#sendPart();
    }
  }

  async settle(): Promise<void> {
    await this.#sending;
  }

  async flush(): Promise<void> {
    if (this.#filled > 0) await this.#sendPart();
    await this.#sending;
  }

  async #sendPart(): Promise<void> {
    await this.#sending;
    const part = this.rest;
    this.#filled = 0;
    if (this.#spare === undefined) return this.#send(part);
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
    this.#sending = this.#send(part);
    // The next call gets the failure; until then nobody is listening.
    this.#sending.catch(() => {});
  }
}

/** Uploads what is written in parts of one size. Memory: that of its {@link PartBuffer}, and the largest write. */
export class PartUploader {
  readonly #options: PartUploaderOptions;
  readonly #parts: PartBuffer;
  #upload: MultipartUpload;

  constructor(options: PartUploaderOptions) {
    const { partBytes, upload } = options;
    this.#options = options;
    this.#upload = upload;
    this.#parts = new PartBuffer(partBytes, async (part) => this.#addPart(part));
  }

  /** Takes a copy of the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#parts.write(bytes);
  }

  /** Waits for the part on its way. @returns the upload so far, and the bytes that are not part of it, not copied. */
  async suspend(): Promise<{ readonly upload: MultipartState; readonly carry: Uint8Array }> {
    await this.#parts.settle();
    return { upload: this.#upload.state(), carry: this.#parts.rest };
  }

  /** Uploads the rest. @returns the upload, which only has to be completed. */
  async flush(): Promise<MultipartState> {
    await this.#parts.flush();
    return this.#upload.state();
  }

  async abort(): Promise<void> {
    await this.#parts.settle().catch(() => {});
    await this.#upload.abort();
  }

  async #addPart(part: Uint8Array): Promise<void> {
    const { store, put, retry = defaultRetryPolicy } = this.#options;
    const before = this.#upload.state();
    await retryUnavailable(
      async (attempt) => {
        // A part whose answer was lost may have counted: going on from the state before it writes it over.
        if (attempt > 1) this.#upload = store.resumeMultipart(before, put);
        await this.#upload.addPart(part);
      },
      this.#options,
      retry,
      put.signal,
    );
  }
}
