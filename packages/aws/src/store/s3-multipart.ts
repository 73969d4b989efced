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
import type { S3Clients } from '../sdk/make-service-clients.ts';
import { objectAnswerOf, isConditionFailure, toStoreError } from './s3-errors.ts';
import { headObject } from './s3-head.ts';
import { type OwnedBucket, listObjectVersions } from './s3-listing.ts';
import { describeLock } from './s3-lock.ts';
import { S3Parts } from './s3-parts.ts';
import { errorName } from '../sdk/sdk-errors.ts';

export class S3MultipartUpload implements MultipartUpload {
  readonly #clients: S3Clients;
  readonly #bucket: OwnedBucket;
  readonly #store: Pick<ObjectStore, 'head' | 'extendLock'>;
  readonly #name: string;
  readonly #options: PutOptions;
  readonly #parts: S3Parts;

  constructor(
    clients: S3Clients,
    bucket: OwnedBucket,
    store: Pick<ObjectStore, 'head' | 'extendLock'>,
    state: MultipartState,
    options: PutOptions,
  ) {
    this.#clients = clients;
    this.#bucket = bucket;
    this.#store = store;
    this.#name = state.name;
    this.#options = options;
    this.#parts = new S3Parts(clients.s3, { ...bucket, Key: state.name }, state);
  }

  async addPart(body: Uint8Array | readonly Uint8Array[]): Promise<void> {
    const bytes = body instanceof Uint8Array ? body : Buffer.concat(body);
    await objectAnswerOf(this.#parts.add(bytes, this.#options.signal), this.#name);
  }

  state(): MultipartState {
    return { name: this.#name, uploadId: this.#parts.uploadId, parts: this.#parts.list };
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
    await objectAnswerOf(this.#parts.abort(), this.#name);
  }

  async #completeOnce(): Promise<string> {
    const command = this.#parts.completion({ IfNoneMatch: '*' });
    try {
      const answer = await this.#clients.s3WithoutRetries.send(command, {
        abortSignal: this.#options.signal,
      });
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

  /** Finds the version of this name that consists of exactly these parts. */
  async #findCompleted(): Promise<string | undefined> {
    const { checksum } = this.#parts;
    for await (const version of listObjectVersions(this.#clients.s3, this.#bucket, this.#name)) {
      if (version.name !== this.#name) return undefined;
      const address = { ...this.#bucket, Key: this.#name, VersionId: version.versionId };
      const head = await objectAnswerOf(
        headObject(this.#clients.s3, { ...address, ChecksumMode: 'ENABLED' }),
        this.#name,
      );
      if (head.ChecksumSHA256 === checksum) return version.versionId;
    }
    return undefined;
  }
}

function isLockedAsWanted(state: ObjectState, { lock }: PutOptions): boolean {
  if (lock === undefined) return true;
  const modeHolds = state.lock?.mode === lock.mode || state.lock?.mode === 'compliance';
  return state.lock !== undefined && modeHolds && state.lock.until >= lock.until;
}
