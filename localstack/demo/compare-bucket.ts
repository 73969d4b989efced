import { createHash } from 'node:crypto';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import { forEachConcurrent } from '@holdfast/engine';
import type { ExpectedObject, ExpectedState } from './source-objects.ts';

const readsAtOnce = 24;

/**
 * Compares every object under a prefix of a bucket with what is expected: bytes, headers, metadata and tags, and that
 * there is nothing else. LastModified and VersionId are a bucket's own and are not compared.
 * @returns the differences, as sentences; empty when all is the same.
 */
export async function compareBucket(
  s3: S3Client,
  bucket: string,
  prefix: string,
  expected: ExpectedState,
): Promise<string[]> {
  const differences: string[] = [];
  const left = new Map(expected);
  await forEachConcurrent(listKeys(s3, bucket, prefix), readsAtOnce, async (key) => {
    const name = key.slice(prefix.length);
    const object = left.get(name);
    left.delete(name);
    if (object === undefined)
      differences.push(`${JSON.stringify(name)} was restored and was not in the source`);
    else
      differences.push(
        ...(await compareObject(s3, bucket, key, object)).map((what) => `${JSON.stringify(name)}: ${what}`),
      );
  });
  for (const name of left.keys())
    differences.push(`${JSON.stringify(name)} was in the source and was not restored`);
  return differences;
}

async function* listKeys(s3: S3Client, bucket: string, prefix: string): AsyncGenerator<string> {
  for await (const page of paginateListObjectsV2(
    { client: s3 },
    { Bucket: bucket, Prefix: prefix, EncodingType: 'url' },
  )) {
    for (const { Key } of page.Contents ?? [])
      if (Key !== undefined) yield decodeURIComponent(Key.replaceAll('+', ' '));
  }
}

async function compareObject(
  s3: S3Client,
  Bucket: string,
  Key: string,
  expected: ExpectedObject,
): Promise<string[]> {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key }));
  const body = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
  // LocalStack gives no count where a bucket has versions and none is named.
  const { TagSet } =
    answer.TagCount === undefined && Object.keys(expected.tags).length === 0
      ? { TagSet: [] }
      : await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
  const found: ExpectedObject = {
    sha256: createHash('sha256').update(body).digest('hex'),
    bytes: body.length,
    contentType: answer.ContentType,
    cacheControl: answer.CacheControl,
    metadata: answer.Metadata ?? {},
    tags: Object.fromEntries((TagSet ?? []).map(({ Key: name, Value }) => [name, Value ?? ''])),
  };
  return (Object.keys(expected) as (keyof ExpectedObject)[]).flatMap((fact) => {
    const [wanted, got] = [canonical(expected[fact]), canonical(found[fact])];
    return wanted === got ? [] : [`${fact} is ${got}, it was ${wanted}`];
  });
}

function canonical(value: ExpectedObject[keyof ExpectedObject]): string {
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
