import { CreateBucketCommand, DeleteBucketTaggingCommand, PutBucketTaggingCommand } from '@aws-sdk/client-s3';
import { forEachConcurrent } from '@holdfast/engine';
import { SourceBucket } from '../../../localstack/demo/source-objects.ts';
import type { App } from './deployed.ts';

const uploadsAtOnce = 16;

const awkwardKeys = [
  '../../etc/passwd',
  'folder/',
  'no/bytes.bin',
  'ünïcödé/日本語 🗄.txt',
  'a//b///c',
  'tab\tand\u0001control',
  'percent%20and+plus & amp',
  '/leading/slash',
];

/** Makes a bucket of small objects, `<letter>/<number>.txt`, and opts it into a plan. */
export async function makeSource(
  app: Pick<App, 's3'>,
  name: string,
  options: { readonly plan: string; readonly objects: number },
): Promise<SourceBucket> {
  await app.s3.send(new CreateBucketCommand({ Bucket: name }));
  const bucket = new SourceBucket(app.s3, name);
  await fill(bucket, 'first', options.objects);
  await bucket.tag('holdfast:plan', options.plan);
  return bucket;
}

/** Adds objects, or writes those of an earlier round again when it has the same name. */
export async function fill(bucket: SourceBucket, round: string, objects: number): Promise<void> {
  const numbers = Array.from({ length: objects }, (_, index) => index);
  await forEachConcurrent(numbers, uploadsAtOnce, async (index) => {
    const key = `${round}/${'abcdefgh'[index % 8] ?? 'a'}/${index}.txt`;
    // Different lengths, some too large for one line of a table, none alike.
    const body = Buffer.from(`${round} ${index} of ${bucket.name}\n`.repeat(1 + (index % 7) * 40));
    await bucket.put(key, body, index % 5 === 0 ? { Tagging: `index=${index}` } : {});
  });
}

/** Keys that look dangerous or are awkward, and are legal; each with headers, metadata and a tag. */
export async function putAwkward(bucket: SourceBucket): Promise<void> {
  for (const key of awkwardKeys) {
    const isEmpty = key === 'no/bytes.bin' || key.endsWith('/');
    await bucket.put(key, Buffer.from(isEmpty ? '' : `the object with the key ${JSON.stringify(key)}\n`), {
      CacheControl: 'max-age=60',
      Metadata: { origin: 'e2e' },
      Tagging: 'awkward=yes&with%20space=a%2Fb',
    });
  }
}

export async function tagBucket(
  app: App,
  Bucket: string,
  plan: string,
  Key = 'holdfast:plan',
): Promise<void> {
  const Tagging = { TagSet: [{ Key, Value: plan }] };
  await app.s3.send(new PutBucketTaggingCommand({ Bucket, Tagging }));
}

/** Opts buckets out again, so that no later cycle or check of another test file meets them. */
export async function untag(app: App, ...buckets: readonly string[]): Promise<void> {
  for (const Bucket of buckets) await app.s3.send(new DeleteBucketTaggingCommand({ Bucket }));
}
