import { DeleteObjectCommand, GetBucketVersioningCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  type Clock,
  isOfKind,
  type PlacedObject,
  type RandomBytes,
  TargetEntryError,
  type TargetBucket,
  TargetUnavailableError,
} from '@holdfast/engine';
import { errorName, httpStatus, isDenied } from '../sdk/sdk-errors.ts';
import { S3FileSource } from '../sources/s3-file-source.ts';
import { isGone } from '../store/s3-errors.ts';
import { toTargetError } from './s3-target-errors.ts';

/** Tries of a deletion that another write of the same key got into the way of. */
const mostAttempts = 3;

/**
 * A bucket whose objects are hidden behind delete markers: `DeleteObject` without a version, under the condition that the
 * current version still has the ETag that was listed. No version is ever named, so none can be deleted where versions are
 * kept. Each name is a call of its own, which is free, takes names that no document of XML can hold, and has an answer
 * of its own.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
 */
export class S3TargetBucket implements TargetBucket {
  readonly #s3: S3Client;
  readonly #bucket: string;
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  constructor(s3: S3Client, bucket: string, clock: Clock, random: RandomBytes) {
    this.#s3 = s3;
    this.#bucket = bucket;
    this.#clock = clock;
    this.#random = random;
  }

  async *list(prefixes: readonly string[], signal?: AbortSignal): AsyncIterable<PlacedObject> {
    const bucket = this.#bucket;
    try {
      yield* new S3FileSource(this.#s3, bucket, this.#clock, this.#random, { prefixes }).list({}, signal);
    } catch (error) {
      if (!isOfKind(error, 'source')) throw error;
      throw new TargetUnavailableError(`what is in bucket ${bucket} is not known: ${error.message}`, {
        cause: error,
      });
    }
  }

  async checkKeepsVersions(signal?: AbortSignal): Promise<void> {
    const bucket = this.#bucket;
    const { Status } = await this.#s3
      .send(new GetBucketVersioningCommand({ Bucket: bucket }), { abortSignal: signal })
      .catch((error: unknown) => {
        if (!isDenied(error)) throw toTargetError(error, bucket, '');
        throw new TargetUnavailableError(
          `whether bucket ${bucket} keeps versions may not be read; allow s3:GetBucketVersioning on it`,
          { cause: error },
        );
      });
    if (Status === 'Enabled') return;
    throw new TargetUnavailableError(
      `bucket ${bucket} keeps no versions${Status === 'Suspended' ? ' (they are suspended)' : ''}, so what is deleted there would be lost; ` +
        `switch them on, wait the 15 minutes that S3 may take, and repeat it: aws s3api put-bucket-versioning --bucket ${bucket} ` +
        '--versioning-configuration Status=Enabled',
    );
  }

  async hide(object: PlacedObject, signal?: AbortSignal): Promise<'hidden' | 'changed'> {
    const key = Buffer.from(object.path).toString('utf8');
    // The SDK leaves an empty header out, and with it the condition.
    if (object.changeToken === '')
      throw new TargetEntryError(
        'unfit',
        key,
        'was listed without an ETag, by which S3 could tell that it is the same still; delete it by hand',
      );
    const command = new DeleteObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      IfMatch: object.changeToken,
    });
    for (let attempt = 1; ; attempt += 1) {
      try {
        const { DeleteMarker, VersionId } = await this.#s3.send(command, { abortSignal: signal });
        // Without versions, and where they are suspended, the answer names no marker of its own.
        if (DeleteMarker === true && VersionId !== undefined && VersionId !== 'null') return 'hidden';
        throw new TargetUnavailableError(
          `bucket ${this.#bucket} was asked to delete ${JSON.stringify(key)} and kept no version of it: versions are not at work ` +
            'there, so nothing more is deleted',
        );
      } catch (error) {
        if (httpStatus(error) === 412 || isGone(error)) return 'changed';
        if (errorName(error) === 'ConditionalRequestConflict' && attempt < mostAttempts) continue;
        if (!isDenied(error)) throw toTargetError(error, this.#bucket, key);
        const remedy =
          "may not be deleted; it takes s3:DeleteObject and s3:GetObject, and the bucket's policy must not deny it";
        throw new TargetEntryError('denied', key, `${remedy} (${errorName(error)})`, { cause: error });
      }
    }
  }
}
