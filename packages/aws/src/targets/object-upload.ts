import type { S3Client } from '@aws-sdk/client-s3';
import {
  type BegunWrite,
  longestStretchBytes,
  PartBuffer,
  type RestoredContent,
  type WriteOptions,
} from '@holdfast/engine';
import * as z from 'zod';
import { errorName, httpStatus } from '../sdk/sdk-errors.ts';
import type { ObjectAddress } from '../store/s3-existing-object.ts';
import { findObjectHead } from '../store/s3-head.ts';
import { S3Parts } from '../store/s3-parts.ts';

/**
 * Parts after which an upload's progress is told again. An upload with more of them is also told before it is
 * completed; of a smaller one only the beginning is told, as it is uploaded anew when its call died.
 */
const toldParts = 64;

/** An upload's progress, as one call leaves it to the next. */
export const UploadState = z.object({
  step: z.literal('upload'),
  key: z.string(),
  uploadId: z.string(),
  partBytes: z.int(),
  parts: z.array(z.object({ number: z.int(), etag: z.string(), bytes: z.int(), sha256: z.string() })),
});
export type UploadState = z.infer<typeof UploadState>;

export interface ObjectUploadOptions extends Omit<WriteOptions, 'from'> {
  readonly s3: S3Client;
  readonly address: ObjectAddress;
  readonly size: number;
  /** For a new upload. */
  readonly partBytes: number;
  /** Begins a new upload. @returns its id */
  readonly begin: () => Promise<string>;
  /** The progress that an earlier call left. @default a new upload */
  readonly state?: UploadState | undefined;
}

/**
 * An object that is uploaded in parts, over any number of calls: each adds one at least. An upload is told of before
 * it has a part, so that no part is ever left that nobody knows of.
 */
export class ObjectUpload {
  readonly #options: ObjectUploadOptions;
  readonly #partBytes: number;
  #parts: S3Parts | undefined;
  #told: number;
  /** Parts that this call began to send. */
  #sent = 0;
  /** A repetition knows of the upload. */
  isRemembered: boolean;

  constructor(options: ObjectUploadOptions) {
    const { s3, address, state } = options;
    this.#options = options;
    this.#partBytes = state?.partBytes ?? options.partBytes;
    this.#parts = state && new S3Parts(s3, address, state);
    this.#told = state?.parts.length ?? 0;
    this.isRemembered = state !== undefined;
  }

  /**
   * Uploads the content behind that of earlier calls.
   * @returns the progress, when it was stopped.
   */
  async add(content: RestoredContent): Promise<BegunWrite | undefined> {
    const { size, state, shouldStop } = this.#options;
    await this.#begun();
    const left = size - this.#standing().bytes;
    const buffer = new PartBuffer(Math.min(this.#partBytes, left), async (part) => this.#send(part));
    try {
      for await (const piece of content) {
        const before = this.#sent;
        await buffer.write(piece);
        const given = ((state?.parts.length ?? 0) + this.#sent) * this.#partBytes;
        if (this.#sent === before || given >= size) continue;
        if (shouldStop?.(this.#partBytes) === true) {
          await buffer.settle();
          return this.#standing();
        }
        await this.#tell(toldParts);
      }
      await buffer.flush();
      return undefined;
    } finally {
      // No part is in flight any more when somebody gives the upload up.
      await buffer.settle().catch(() => undefined);
    }
  }

  /**
   * Makes an object of the parts. One that an earlier call completed, whose answer was lost, is known by its
   * checksum.
   * @returns the progress, when it was stopped.
   */
  async complete(condition: { readonly IfNoneMatch?: '*' }): Promise<'written' | BegunWrite> {
    const { s3, shouldStop, signal } = this.#options;
    const parts = await this.#begun();
    const isLong = parts.list.length > toldParts;
    if (isLong) await this.#tell(1);
    // S3 may take minutes to assemble many of them.
    if (isLong && this.#sent > 0 && shouldStop?.(longestStretchBytes) === true) return this.#standing();
    try {
      await s3.send(parts.completion(condition), { abortSignal: signal });
    } catch (error) {
      const mayBeDone = errorName(error) === 'NoSuchUpload' || httpStatus(error) === 412;
      if (!mayBeDone || !(await this.#isThere(parts.checksum))) throw error;
    }
    return 'written';
  }

  /** Best effort: what stays is removed by the bucket's own rule for unfinished uploads. */
  async giveUp(): Promise<void> {
    await this.#parts?.abort().catch(() => undefined);
  }

  async #begun(): Promise<S3Parts> {
    return (this.#parts ??= await this.#begin());
  }

  async #begin(): Promise<S3Parts> {
    const { s3, address, begin, remember } = this.#options;
    this.#parts = new S3Parts(s3, address, { uploadId: await begin(), parts: [] });
    this.isRemembered = false;
    await remember?.(this.#standing());
    this.isRemembered = remember !== undefined;
    return this.#parts;
  }

  async #send(part: Uint8Array): Promise<void> {
    const { state, signal } = this.#options;
    this.#sent += 1;
    const parts = await this.#begun();
    try {
      await parts.add(part, signal);
    } catch (error) {
      const isNew = state === undefined || state.uploadId !== parts.uploadId || state.parts.length > 0;
      if (errorName(error) !== 'NoSuchUpload' || isNew) throw error;
      // A call that died told of the upload before it had a part. It may have completed it: the object is the same then.
      await (await this.#begin()).add(part, signal);
    }
  }

  /** Tells the progress, when `least` parts were added since the last time. */
  async #tell(least: number): Promise<void> {
    const { list } = await this.#begun();
    if (list.length < this.#told + least) return;
    await this.#options.remember?.(this.#standing());
    this.#told = list.length;
  }

  #standing(): BegunWrite {
    const parts = [...(this.#parts?.list ?? [])];
    return {
      bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
      state: {
        step: 'upload',
        key: this.#options.address.Key,
        uploadId: this.#parts?.uploadId ?? '',
        partBytes: this.#partBytes,
        parts,
      } satisfies UploadState,
    };
  }

  /** The key holds an object of exactly these parts; one that may not be looked at counts as another. */
  async #isThere(checksum: string): Promise<boolean> {
    const { s3, address, signal } = this.#options;
    const input = { ...address, ChecksumMode: 'ENABLED' } as const;
    const head = await findObjectHead(s3, input, signal).catch(() => undefined);
    return head?.ChecksumSHA256 === checksum;
  }
}
