import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ObjectVersion } from '@holdfast/engine';
import { toEngineError } from './sdk-errors.ts';
import { sendOptions } from './send-options.ts';

/** A bucket, and who has to own it. */
export interface BucketAddress {
  readonly Bucket: string;
  readonly ExpectedBucketOwner?: string;
}

/** Undoes the encoding of keys that a listing asks for, because XML cannot carry control characters. */
export function decodeListedKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}

/** Every version under a prefix, page by page, in S3's order: names by their bytes, newest first within a name. */
export async function* listObjectVersions(
  s3: S3Client,
  bucket: BucketAddress,
  prefix: string,
  options: { readonly startAfter?: string; readonly pageSize?: number; readonly signal?: AbortSignal } = {},
): AsyncIterable<ObjectVersion> {
  let keyMarker = options.startAfter;
  let versionMarker: string | undefined;
  for (;;) {
    const command = new ListObjectVersionsCommand({
      ...bucket,
      Prefix: prefix,
      EncodingType: 'url',
      KeyMarker: keyMarker,
      VersionIdMarker: versionMarker,
      MaxKeys: options.pageSize,
    });
    const page = await s3.send(command, sendOptions(options.signal)).catch((error: unknown) => {
      throw toEngineError(error, `listing ${prefix}* in bucket ${bucket.Bucket}`);
    });
    for (const { Key, VersionId, Size, LastModified } of page.Versions ?? []) {
      if (Key === undefined || VersionId === undefined) continue;
      yield {
        name: decodeListedKey(Key),
        versionId: VersionId,
        bytes: Size ?? 0,
        storedAt: LastModified ?? new Date(Number.NaN),
      };
    }
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    keyMarker = decodeListedKey(page.NextKeyMarker);
    versionMarker = page.NextVersionIdMarker;
  }
}
