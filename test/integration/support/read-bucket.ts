import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';

/** All objects under a prefix: content, type and metadata as one text, by key without the prefix. */
export async function listObjects(
  s3: S3Client,
  bucket: string,
  prefix: string,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket, Prefix: prefix })) {
    for (const { Key } of page.Contents ?? []) {
      if (Key === undefined) continue;
      const { Body, ContentType, Metadata } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
      found[Key.slice(prefix.length)] =
        `${ContentType} ${JSON.stringify(Metadata)} ${await Body?.transformToString()}`;
    }
  }
  return found;
}
