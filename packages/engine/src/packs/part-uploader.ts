import { InvalidInputError } from '../errors.ts';
import type { MultipartState, MultipartUpload, ObjectStore, PutOptions } from '../ports/object-store.ts';
import { defaultRetryPolicy, retryUnavailable, type RetryPolicy, type RetryPorts } from './retry.ts';

/** Smallest part that is used. Bytes. */
const minPartBytes = 8 * 1024 * 1024;
const maxParts = 10_000;
/** Parts up to this size are filled while the one before goes up; of larger ones a worker has room for one only. Bytes. */
const overlappedPartBytes = 256 * 1024 * 1024;
/**
 * A container that is expected to be larger would need parts that do not fit into a worker of 1,769 MB, which holds one
 * of them: parts of 8 TiB have 923 MiB.
 */
export const largestContainerBytes = 8 * 2 ** 40;

/** The size of the parts for an object of about that size: small ones, but not so many that the store refuses. */
export function planPartBytes(expectedBytes: number): number {
  const mebibyte = 1024 * 1024;
  // A tenth in reserve, in case the object becomes larger than expected.
  const needed = Math.ceil((expectedBytes * 1.1) / (maxParts - 1) / mebibyte) * mebibyte;
  return Math.max(2 * minPartBytes, needed);
}

/** What an uploader works with. */
export interface PartUploaderOptions extends RetryPorts {
  readonly store: ObjectStore;
  readonly upload: MultipartUpload;
  readonly put: PutOptions;
  readonly partBytes: number;
  readonly retry?: RetryPolicy;
}

/**
 * Cuts what is written into parts of one size and uploads them, one at a time, while the next fills, if parts are not
 * large. Memory: two parts, or one of more than {@link overlappedPartBytes}, and the largest write.
 */
export class PartUploader {
  readonly #options: PartUploaderOptions;
  #upload: MultipartUpload;
  #buffer: Buffer;
  /** Filled while the other one goes up. Absent where parts are too large for two. */
  #spare: Buffer | undefined;
  #filled = 0;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: PartUploaderOptions) {
    const { partBytes, upload } = options;
    if (partBytes < minPartBytes)
      throw new InvalidInputError(`parts of ${partBytes} bytes; use at least ${minPartBytes}`);
    this.#options = options;
    this.#upload = upload;
    this.#buffer = Buffer.allocUnsafeSlow(partBytes);
    this.#spare = partBytes > overlappedPartBytes ? undefined : Buffer.allocUnsafeSlow(partBytes);
  }

  /** Takes a copy of the bytes. */
  async write(bytes: Uint8Array): Promise<void> {
    const { partBytes } = this.#options;
    for (let taken = 0; taken < bytes.length;) {
      const step = Math.min(bytes.length - taken, partBytes - this.#filled);
      this.#buffer.set(bytes.subarray(taken, taken + step), this.#filled);
      this.#filled += step;
      taken += step;
      if (this.#filled === partBytes) await this.#send();
    }
  }

  /** Waits for what is on its way. @returns the upload so far and the bytes that are not part of it, not copied. */
  async suspend(): Promise<{ readonly upload: MultipartState; readonly carry: Uint8Array }> {
    await this.#sending;
    return { upload: this.#upload.state(), carry: this.#buffer.subarray(0, this.#filled) };
  }

  /** Uploads the rest. @returns the upload, of which nothing is missing but its completion. */
  async flush(): Promise<MultipartState> {
    if (this.#filled > 0) await this.#send();
    await this.#sending;
    return this.#upload.state();
  }

  /** Gives the upload up. */
  async abort(): Promise<void> {
    await this.#sending.catch(() => {});
    await this.#upload.abort();
  }

  async #send(): Promise<void> {
    await this.#sending;
    const part = this.#buffer.subarray(0, this.#filled);
    this.#filled = 0;
    if (this.#spare === undefined) return this.#addPart(part);
    [this.#buffer, this.#spare] = [this.#spare, this.#buffer];
    this.#sending = this.#addPart(part);
    // The next call gets the failure; until then nobody is listening.
    this.#sending.catch(() => {});
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
