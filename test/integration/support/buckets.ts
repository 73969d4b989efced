import {
  CreateBucketCommand,
  type CreateBucketCommandInput,
  DeleteObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { uniqueName } from './emulated-aws.ts';

export async function makeBucket(
  s3: S3Client,
  options: Partial<CreateBucketCommandInput> = {},
): Promise<string> {
  const bucket = uniqueName('holdfast-test');
  await s3.send(new CreateBucketCommand({ Bucket: bucket, ...options }));
  return bucket;
}

export async function makeVaultBucket(s3: S3Client): Promise<string> {
  const bucket = await makeBucket(s3, { ObjectLockEnabledForBucket: true });
  await s3.send(
    new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  return bucket;
}

/** Writes an object as somebody does who knows nothing of the product; returns the version's id. */
export async function putPlain(s3: S3Client, bucket: string, key: string, body: Uint8Array): Promise<string> {
  const { VersionId } = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  return VersionId ?? '';
}

/** Deletes an object without naming a version: leaves a marker in a bucket with versions. */
export async function deletePlain(s3: S3Client, bucket: string, key: string): Promise<void> {
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
}
