import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type MultipartState, StoreUnavailableError } from '@holdfast/engine';
import { errorName } from '../sdk/sdk-errors.ts';
import type { ObjectAddress } from './s3-existing-object.ts';

/** An upload in parts. S3 verifies every part with its SHA-256, and the whole with the list of them. */
export class S3Parts {
  readonly uploadId: string;
  readonly #s3: S3Client;
  readonly #address: ObjectAddress & { readonly UploadId: string };
  readonly #parts: MultipartState['parts'][number][];
  #nextNumber: number;

  constructor(
    s3: S3Client,
    address: ObjectAddress,
    { uploadId, parts }: Pick<MultipartState, 'uploadId' | 'parts'>,
  ) {
    this.#s3 = s3;
    this.uploadId = uploadId;
    this.#address = { ...address, UploadId: uploadId };
    this.#parts = [...parts];
    this.#nextNumber = parts.reduce((most, part) => Math.max(most, part.number), 0) + 1;
  }

  /** Parts that S3 has, in their order. */
  get list(): MultipartState['parts'] {
    return this.#parts.toSorted((a, b) => a.number - b.number);
  }

  /** The checksum that S3 gives to an object of these parts. */
  get checksum(): string {
    const hash = createHash('sha256');
    for (const part of this.list) hash.update(Buffer.from(part.sha256, 'hex'));
    return `${hash.digest('base64')}-${this.#parts.length}`;
  }

  async add(bytes: Uint8Array, signal?: AbortSignal): Promise<void> {
    const number = this.#nextNumber++;
    const hash = createHash('sha256').update(bytes).digest();
    const command = new UploadPartCommand({
      ...this.#address,
      PartNumber: number,
      Body: bytes,
      ChecksumSHA256: hash.toString('base64'),
    });
    // Uploading a part again replaces it, so the SDK may repeat this one.
    const answer = await this.#s3.send(command, { abortSignal: signal });
    if (answer.ETag === undefined) {
      throw new StoreUnavailableError(
        `part ${number} of ${this.#address.Key} was answered without an ETag; upload it again`,
      );
    }
    this.#parts.push({ number, etag: answer.ETag, bytes: bytes.length, sha256: hash.toString('hex') });
  }

  completion(condition: { readonly IfNoneMatch?: '*' }): CompleteMultipartUploadCommand {
    return new CompleteMultipartUploadCommand({
      ...this.#address,
      ...condition,
      MultipartUpload: {
        Parts: this.list.map((part) => ({
          PartNumber: part.number,
          ETag: part.etag,
          ChecksumSHA256: Buffer.from(part.sha256, 'hex').toString('base64'),
        })),
      },
    });
  }

  /** Frees the parts. Succeeds when they are gone already. */
  async abort(): Promise<void> {
    try {
      await this.#s3.send(new AbortMultipartUploadCommand(this.#address));
    } catch (error) {
      if (errorName(error) !== 'NoSuchUpload') throw error;
    }
  }
}
