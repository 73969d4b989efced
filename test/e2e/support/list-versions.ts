import { ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';

/** Every version of every object of a bucket, and every delete marker, as sorted lines. */
export async function listVersions(s3: S3Client, Bucket: string): Promise<string[]> {
  const found: string[] = [];
  let after: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
  for (;;) {
    const page = await s3.send(new ListObjectVersionsCommand({ Bucket, ...after }));
    for (const { Key, VersionId, Size } of page.Versions ?? []) found.push(`${Key} ${VersionId} ${Size}`);
    for (const { Key } of page.DeleteMarkers ?? []) found.push(`${Key} deleted`);
    if (page.IsTruncated !== true) return found.sort();
    after = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
  }
}
