import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import {
  type MultipartState,
  type MultipartUpload,
  ObjectExistsError,
  ObjectLockMissingError,
  type ObjectState,
  type ObjectStore,
  type ObjectVersion,
  type PutOptions,
  StoreUnavailableError,
} from '@holdfast/engine';
import type { S3Clients } from '../sdk/make-clients.ts';
import { isConditionFailure, toStoreError } from './s3-errors.ts';
import { headObject } from './s3-head.ts';
import { type BucketAddress, listObjectVersions } from './s3-listing.ts';
import { describeLock } from './s3-lock.ts';
import { errorName } from '../sdk/sdk-errors.ts';
import { sendOptions } from '../sdk/send-options.ts';

/** An upload in parts. Every part is verified by S3 with its SHA-256, and the whole by the list of them. */
export class S3MultipartUpload implements MultipartUpload {
  readonly #clients: S3Clients;
  readonly #bucket: BucketAddress;
  readonly #store: Pick<ObjectStore, 'head' | 'extendLock'>;
  readonly #name: string;
  readonly #uploadId: string;
  readonly #options: PutOptions;
  readonly #parts: MultipartState['parts'][number][];
  #nextNumber: number;

  constructor(
    clients: S3Clients,
    bucket: BucketAddress,
    store: Pick<ObjectStore, 'head' | 'extendLock'>,
    state: MultipartState,
    options: PutOptions,
  ) {
    this.#clients = clients;
    this.#bucket = bucket;
    this.#store = store;
    this.#name = state.name;
    this.#uploadId = state.uploadId;
    this.#options = options;
    this.#parts = [...state.parts];
    this.#nextNumber = state.parts.reduce((most, part) => Math.max(most, part.number), 0) + 1;
  }

  async addPart(body: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const number = this.#nextNumber++;
    const bytes = body instanceof Uint8Array ? body : Buffer.concat(body);
    const hash = createHash('sha256').update(bytes).digest();
    const command = new UploadPartCommand({
      ...this.#address(),
      PartNumber: number,
      Body: bytes,
      ChecksumSHA256: hash.toString('base64'),
    });
    // Uploading a part again replaces it, so the SDK may repeat this one.
    const answer = await this.#attempt(this.#clients.s3.send(command, sendOptions(this.#options.signal)));
    if (answer.ETag === undefined) {
      throw new StoreUnavailableError(
        `part ${number} of ${this.#name} was answered without an ETag; upload it again`,
      );
    }
    this.#parts.push({ number, etag: answer.ETag, bytes: bytes.length, sha256: hash.toString('hex') });
  }

  state(): MultipartState {
    const parts = this.#parts.toSorted((a, b) => a.number - b.number);
    return { name: this.#name, uploadId: this.#uploadId, parts };
  }

  async complete(): Promise<ObjectVersion> {
    const versionId = await this.#completeOnce();
    let state = await this.#store.head(this.#name, { versionId });
    const wanted = this.#options.lock;
    if (wanted !== undefined && !isLockedAsWanted(state, this.#options)) {
      await this.#store.extendLock(this.#name, versionId, wanted);
      state = await this.#store.head(this.#name, { versionId });
      if (!isLockedAsWanted(state, this.#options)) {
        throw new ObjectLockMissingError(this.#name, describeLock(wanted), describeLock(state.lock));
      }
    }
    return { name: this.#name, versionId, bytes: state.bytes, storedAt: state.storedAt };
  }

  async abort(): Promise<void> {
    try {
      await this.#clients.s3.send(new AbortMultipartUploadCommand(this.#address()));
    } catch (error) {
      if (errorName(error) !== 'NoSuchUpload') throw toStoreError(error, this.#name);
    }
  }

  async #completeOnce(): Promise<string> {
    const { parts } = this.state();
    const command = new CompleteMultipartUploadCommand({
      ...this.#address(),
      IfNoneMatch: '*',
      MultipartUpload: {
        Parts: parts.map((part) => ({
          PartNumber: part.number,
          ETag: part.etag,
          ChecksumSHA256: Buffer.from(part.sha256, 'hex').toString('base64'),
        })),
      },
    });
    try {
      const answer = await this.#clients.s3WithoutRetries.send(command, sendOptions(this.#options.signal));
      if (answer.VersionId !== undefined) return answer.VersionId;
    } catch (error) {
      const refused = isConditionFailure(error);
      if (!refused && errorName(error) !== 'NoSuchUpload') throw toStoreError(error, this.#name);
      // Either may mean that an earlier completion of this upload happened and its answer was lost.
      const own = await this.#findCompleted();
      if (own !== undefined) return own;
      throw refused ? new ObjectExistsError(this.#name, { cause: error }) : toStoreError(error, this.#name);
    }
    const own = await this.#findCompleted();
    if (own === undefined) {
      throw new StoreUnavailableError(
        `the completion of ${this.#name} was answered without a version id; repeat it`,
      );
    }
    return own;
  }

  /** The version of this name that consists of exactly these parts, if there is one. */
  async #findCompleted(): Promise<string | undefined> {
    const { parts } = this.state();
    const hash = createHash('sha256');
    for (const part of parts) hash.update(Buffer.from(part.sha256, 'hex'));
    const composite = `${hash.digest('base64')}-${parts.length}`;
    for await (const version of listObjectVersions(this.#clients.s3, this.#bucket, this.#name)) {
      if (version.name !== this.#name) return undefined;
      const address = { ...this.#bucket, Key: this.#name, VersionId: version.versionId };
      const head = await this.#attempt(headObject(this.#clients.s3, { ...address, ChecksumMode: 'ENABLED' }));
      if (head.ChecksumSHA256 === composite) return version.versionId;
    }
    return undefined;
  }

  #address(): BucketAddress & { readonly Key: string; readonly UploadId: string } {
    return { ...this.#bucket, Key: this.#name, UploadId: this.#uploadId };
  }

  async #attempt<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer;
    } catch (error) {
      throw toStoreError(error, this.#name);
    }
  }
}

function isLockedAsWanted(state: ObjectState, { lock }: PutOptions): boolean {
  if (lock === undefined) return true;
  const modeHolds = state.lock?.mode === lock.mode || state.lock?.mode === 'compliance';
  return state.lock !== undefined && modeHolds && state.lock.until >= lock.until;
}
