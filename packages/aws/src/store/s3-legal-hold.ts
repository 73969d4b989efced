import { GetObjectLegalHoldCommand, PutObjectLegalHoldCommand, type S3Client } from '@aws-sdk/client-s3';
import { ObjectLockMissingError } from '@holdfast/engine';
import { toStoreError } from './s3-errors.ts';
import type { OwnedBucket } from './s3-listing.ts';
import { errorName } from '../sdk/sdk-errors.ts';

interface StoredVersion {
  readonly name: string;
  readonly versionId: string;
}

/** @throws {@link ObjectLockMissingError} the bucket has no Object Lock. */
export async function putLegalHold(
  s3: S3Client,
  bucket: OwnedBucket,
  { name, versionId }: StoredVersion,
  on: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const command = new PutObjectLegalHoldCommand({
    ...bucket,
    Key: name,
    VersionId: versionId,
    LegalHold: { Status: on ? 'ON' : 'OFF' },
  });
  try {
    await s3.send(command, { abortSignal: signal });
  } catch (error) {
    if (errorName(error) === 'InvalidRequest') {
      throw new ObjectLockMissingError(name, 'by a legal hold', 'not at all');
    }
    throw toStoreError(error, name, versionId);
  }
}

export async function hasLegalHold(
  s3: S3Client,
  bucket: OwnedBucket,
  { name, versionId }: StoredVersion,
  signal?: AbortSignal,
): Promise<boolean> {
  const command = new GetObjectLegalHoldCommand({ ...bucket, Key: name, VersionId: versionId });
  const answer = await s3.send(command, { abortSignal: signal });
  return answer.LegalHold?.Status === 'ON';
}
