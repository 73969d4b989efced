import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandInput,
  type HeadObjectCommandOutput,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { OwnedBucket } from './s3-listing.ts';
import { keepMetadataNames } from './s3-raw-headers.ts';
import { httpStatus, withCode } from '../sdk/sdk-errors.ts';

/*
 * S3 answers a HEAD that it refuses with a status and nothing else: 400 may be an expired session or a version id that
 * it never gave out. A GET of the same permissions says which, and is what these functions throw then.
 */

export async function headObject(
  s3: S3Client,
  input: HeadObjectCommandInput,
  signal?: AbortSignal,
): Promise<HeadObjectCommandOutput> {
  try {
    return await s3.send(new HeadObjectCommand(input), { abortSignal: signal });
  } catch (error) {
    throw await withCode(error, () => getFirstByte(s3, input, signal));
  }
}

/** Finds the headers of an object that may well be absent, so a 404 is taken as it is: `undefined`. */
export async function findObjectHead(
  s3: S3Client,
  input: HeadObjectCommandInput,
  signal?: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const command = new HeadObjectCommand(input);
  keepMetadataNames(command);
  try {
    return await s3.send(command, { abortSignal: signal });
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw await withCode(error, () => getFirstByte(s3, input, signal));
  }
}

/**
 * Checks that a bucket can be reached.
 * @param command - the bucket's HEAD, where the caller reads more of the answer.
 */
export async function headBucket(
  s3: S3Client,
  bucket: OwnedBucket,
  command = new HeadBucketCommand(bucket),
): Promise<void> {
  try {
    await s3.send(command);
  } catch (error) {
    throw await withCode(error, async () => s3.send(new ListObjectsV2Command({ ...bucket, MaxKeys: 0 })));
  }
}

async function getFirstByte(
  s3: S3Client,
  { ChecksumMode: _checksums, ...address }: HeadObjectCommandInput,
  signal: AbortSignal | undefined,
): Promise<void> {
  const get = async (Range?: string): Promise<void> => {
    const { Body } = await s3.send(new GetObjectCommand({ ...address, Range }), { abortSignal: signal });
    await Body?.transformToByteArray();
  };
  try {
    await get('bytes=0-0');
  } catch (error) {
    // The object is empty, which says nothing of the refusal: it is asked for without a range.
    if (httpStatus(error) !== 416) throw error;
    await get();
  }
}
