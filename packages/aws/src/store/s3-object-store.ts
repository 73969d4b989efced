import { createHash } from 'node:crypto';
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  PutObjectRetentionCommand,
  type StorageClass,
} from '@aws-sdk/client-s3';
import {
  type ByteRange,
  type Clock,
  type MultipartState,
  type MultipartUpload,
  ObjectExistsError,
  type ObjectLock,
  ObjectLockedError,
  ObjectNotFoundError,
  type ObjectState,
  type ObjectStore,
  type ObjectVersion,
  type PutOptions,
  StoreUnavailableError,
} from '@holdfast/engine';
import type { ThawSpeed } from '@holdfast/engine/model';
import type { S3Clients } from '../sdk/make-service-clients.ts';
import { objectAnswerOf, isConditionFailure, isGone, toStoreError } from './s3-errors.ts';
import { headObject } from './s3-head.ts';
import { hasLegalHold, putLegalHold } from './s3-legal-hold.ts';
import { type OwnedBucket, listObjectVersions } from './s3-listing.ts';
import { fromS3Lock, lockHeaders, toS3Mode } from './s3-lock.ts';
import { S3MultipartUpload } from './s3-multipart.ts';
import { S3ServerTime } from './s3-server-time.ts';
import { requestThaw, thawStateOf } from './s3-thaw.ts';
import { errorName, httpStatus, isDenied, isUnavailable } from '../sdk/sdk-errors.ts';

/** Tries for a body that breaks off, before the caller hears of it. */
const readAttempts = 3;

export interface S3ObjectStoreOptions {
  /** Account that has to own the bucket; every call fails if another does. @default whoever owns it */
  readonly expectedBucketOwner?: string;
}

type ReadOptions = { readonly versionId?: string; readonly range?: ByteRange; readonly signal?: AbortSignal };

/** A versioned bucket with Object Lock. The SDK never repeats a write: see the port. */
export class S3ObjectStore implements ObjectStore {
  readonly #clients: S3Clients;
  readonly #bucket: OwnedBucket;
  readonly #time: S3ServerTime;

  constructor(clients: S3Clients, bucket: string, clock: Clock, options: S3ObjectStoreOptions = {}) {
    this.#clients = clients;
    this.#bucket = {
      Bucket: bucket,
      ...(options.expectedBucketOwner === undefined
        ? {}
        : { ExpectedBucketOwner: options.expectedBucketOwner }),
    };
    this.#time = new S3ServerTime(clients.s3, this.#bucket, clock);
  }

  async put(
    name: string,
    body: Uint8Array | readonly Uint8Array[],
    options: PutOptions = {},
  ): Promise<ObjectVersion> {
    const bytes = body instanceof Uint8Array ? body : Buffer.concat(body);
    const command = new PutObjectCommand({
      ...this.#bucket,
      Key: name,
      Body: bytes,
      IfNoneMatch: '*',
      ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
      StorageClass: options.storageClass as StorageClass | undefined,
      ...lockHeaders(options.lock),
    });
    try {
      const answer = await this.#clients.s3WithoutRetries.send(command, { abortSignal: options.signal });
      if (answer.VersionId !== undefined) {
        return { name, versionId: answer.VersionId, bytes: bytes.length, storedAt: await this.now() };
      }
    } catch (error) {
      if (isConditionFailure(error)) throw new ObjectExistsError(name, { cause: error });
      throw toStoreError(error, name);
    }
    throw new StoreUnavailableError(
      `${name} was stored without a version id; switch versioning on for the bucket`,
    );
  }

  async startMultipart(name: string, options: PutOptions = {}): Promise<MultipartUpload> {
    const command = new CreateMultipartUploadCommand({
      ...this.#bucket,
      Key: name,
      ChecksumAlgorithm: 'SHA256',
      StorageClass: options.storageClass as StorageClass | undefined,
      ...lockHeaders(options.lock),
    });
    const answer = await objectAnswerOf(
      this.#clients.s3.send(command, { abortSignal: options.signal }),
      name,
    );
    if (answer.UploadId === undefined) {
      throw new StoreUnavailableError(`the upload of ${name} was answered without an id; start it again`);
    }
    return this.resumeMultipart({ name, uploadId: answer.UploadId, parts: [] }, options);
  }

  resumeMultipart(state: MultipartState, options: PutOptions = {}): MultipartUpload {
    return new S3MultipartUpload(this.#clients, this.#bucket, this, state, options);
  }

  async get(name: string, options: ReadOptions = {}): Promise<Uint8Array> {
    const versionId = options.versionId ?? (await this.#oldest(name, options.signal)).versionId;
    if (options.range?.length === 0) {
      await this.head(name, { ...options, versionId });
      return new Uint8Array(0);
    }
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#open(name, versionId, options);
      if (answer === undefined) return new Uint8Array(0);
      try {
        return withinRange(answer, await answer.Body?.transformToByteArray(), options.range);
      } catch (error) {
        options.signal?.throwIfAborted();
        // The SDK repeats requests, but not bodies that break off.
        if (attempt === readAttempts || !isUnavailable(error)) throw toStoreError(error, name, versionId);
      }
    }
  }

  async head(name: string, options: Omit<ReadOptions, 'range'> = {}): Promise<ObjectState> {
    const versionId = options.versionId ?? (await this.#oldest(name, options.signal)).versionId;
    const answer = await this.#head(name, versionId, options.signal);
    const thaw = thawStateOf(answer);
    const lock = fromS3Lock(answer.ObjectLockMode, answer.ObjectLockRetainUntilDate);
    return {
      name,
      versionId,
      bytes: answer.ContentLength ?? 0,
      storedAt: answer.LastModified ?? new Date(Number.NaN),
      lock,
      storageClass: answer.StorageClass,
      ...(answer.ObjectLockLegalHoldStatus === 'ON' && { legalHold: true }),
      thaw,
    };
  }

  async extendLock(
    name: string,
    versionId: string,
    lock: ObjectLock,
    signal?: AbortSignal,
  ): Promise<ObjectLock> {
    try {
      return await this.#putRetention(name, versionId, lock, signal);
    } catch (error) {
      if (!isDenied(error)) throw toStoreError(error, name, versionId);
      // S3 gives the same answer to a missing permission and to a date before the present one.
      const found = await this.#getRetention(name, versionId, signal);
      if (found !== undefined && found.until >= lock.until) return found;
      if (found?.mode !== 'compliance' || lock.mode === 'compliance')
        throw toStoreError(error, name, versionId);
    }
    const stronger: ObjectLock = { ...lock, mode: 'compliance' };
    return objectAnswerOf(this.#putRetention(name, versionId, stronger, signal), name, versionId);
  }

  setLegalHold(name: string, versionId: string, on: boolean, signal?: AbortSignal): Promise<void> {
    return putLegalHold(this.#clients.s3, this.#bucket, { name, versionId }, on, signal);
  }

  async thaw(
    name: string,
    versionId: string,
    options: { readonly days: number; readonly speed: ThawSpeed; readonly signal?: AbortSignal },
  ): Promise<void> {
    const answer = await this.#head(name, versionId, options.signal);
    // Asked first: S3 takes a request for what is thawed already as one for another number of days.
    if (thawStateOf(answer)?.state !== 'frozen') return;
    const tiered = answer.ArchiveStatus !== undefined;
    await requestThaw(this.#clients.s3, this.#bucket, { name, versionId, tiered }, options);
  }

  listVersions(
    prefix: string,
    options: { startAfter?: string; signal?: AbortSignal } = {},
  ): AsyncIterable<ObjectVersion> {
    return listObjectVersions(this.#clients.s3, this.#bucket, prefix, options);
  }

  async removeVersion(name: string, versionId: string, signal?: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand({ ...this.#bucket, Key: name, VersionId: versionId });
    try {
      await this.#clients.s3.send(command, { abortSignal: signal });
    } catch (error) {
      if (isGone(error, versionId)) return;
      if (isDenied(error) && (await this.#isLocked(name, versionId, signal))) {
        throw new ObjectLockedError(name, versionId, { cause: error });
      }
      throw toStoreError(error, name, versionId);
    }
  }

  now(): Promise<Date> {
    return this.#time.now();
  }

  async #open(
    name: string,
    versionId: string,
    { range, signal }: ReadOptions,
  ): Promise<GetAnswer | undefined> {
    const command = new GetObjectCommand({
      ...this.#bucket,
      Key: name,
      VersionId: versionId,
      Range: range && `bytes=${range.offset}-${range.offset + range.length - 1}`,
    });
    try {
      return await this.#clients.s3.send(command, { abortSignal: signal });
    } catch (error) {
      // The range begins at the end or beyond it.
      if (errorName(error) === 'InvalidRange' || httpStatus(error) === 416) return undefined;
      throw toStoreError(error, name, versionId);
    }
  }

  async #oldest(name: string, signal: AbortSignal | undefined): Promise<ObjectVersion> {
    let oldest: ObjectVersion | undefined;
    const options = { signal };
    for await (const version of this.listVersions(name, options)) {
      // Longer names follow: a name sorts before all that it is a prefix of.
      if (version.name !== name) break;
      oldest = version;
    }
    if (oldest === undefined) throw new ObjectNotFoundError(name);
    return oldest;
  }

  async #putRetention(
    name: string,
    versionId: string,
    lock: ObjectLock,
    signal?: AbortSignal,
  ): Promise<ObjectLock> {
    const command = new PutObjectRetentionCommand({
      ...this.#bucket,
      Key: name,
      VersionId: versionId,
      Retention: { Mode: toS3Mode(lock.mode), RetainUntilDate: lock.until },
    });
    await this.#clients.s3.send(command, { abortSignal: signal });
    return lock;
  }

  async #getRetention(
    name: string,
    versionId: string,
    signal?: AbortSignal,
  ): Promise<ObjectLock | undefined> {
    const command = new GetObjectRetentionCommand({ ...this.#bucket, Key: name, VersionId: versionId });
    try {
      const { Retention } = await this.#clients.s3.send(command, { abortSignal: signal });
      return fromS3Lock(Retention?.Mode, Retention?.RetainUntilDate);
    } catch (error) {
      if (errorName(error) === 'NoSuchObjectLockConfiguration') return undefined;
      throw toStoreError(error, name, versionId);
    }
  }

  #head(name: string, versionId: string, signal?: AbortSignal): Promise<HeadObjectCommandOutput> {
    const address = { ...this.#bucket, Key: name, VersionId: versionId };
    return objectAnswerOf(headObject(this.#clients.s3, address, signal), name, versionId);
  }

  /** A lock or a legal hold refuses; a role that may not read them takes the refusal for a lack of rights. */
  async #isLocked(name: string, versionId: string, signal?: AbortSignal): Promise<boolean> {
    const found = await this.#getRetention(name, versionId, signal).catch(() => undefined);
    if (found !== undefined && found.until > (await this.now())) return true;
    return hasLegalHold(this.#clients.s3, this.#bucket, { name, versionId }, signal).catch(() => false);
  }
}

interface GetAnswer {
  readonly Body?: { transformToByteArray(): Promise<Uint8Array> } | undefined;
  readonly ContentRange?: string | undefined;
}

/** Keeps the range's bytes: a server may answer a range with the whole object (RFC 9110, section 14.2), and some do. */
function withinRange(
  answer: GetAnswer,
  body: Uint8Array | undefined,
  range: ByteRange | undefined,
): Uint8Array {
  if (body === undefined) return new Uint8Array(0);
  if (range === undefined || answer.ContentRange !== undefined) return body;
  return body.subarray(range.offset, range.offset + range.length);
}
