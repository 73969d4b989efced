import { randomBytes } from 'node:crypto';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { openSource, S3RestoreTarget } from '@holdfast/aws';
import {
  backUpFiles,
  type BegunWrite,
  newId,
  openVault,
  PointReader,
  restoreRange,
  type RestoreOutcome,
  verifyPoint,
  type ResourceArn,
  type Root,
  type RunId,
  type WriteServices,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import { expect, test } from 'vitest';
import { deletePlain, makeBucket, makeVaultBucket } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';
import { listObjects } from './support/read-bucket.ts';
import { makeCatalogTable, makeChunkIndexTable } from './support/tables.ts';
import { makeWriteServices } from '../support/write-services.ts';

const clients = connect();

async function makeServices(): Promise<WriteServices> {
  const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}));
  return makeWriteServices(clients, {
    vaultBucket: await makeVaultBucket(clients.s3),
    workBucket: await makeBucket(clients.s3),
    catalogTable: await makeCatalogTable(clients.dynamo),
    chunkIndexTable: await makeChunkIndexTable(clients.dynamo),
    kmsKeyArn: KeyMetadata?.Arn ?? '',
    lockMode: 'governance',
  });
}

const readAll = async (bucket: string, prefix: string): Promise<Record<string, string>> =>
  listObjects(clients.s3, bucket, prefix);

/** Backs the bucket up, and reads the point. */
async function backUpAll(services: WriteServices, bucket: string): Promise<PointReader> {
  const resourceArn = `arn:aws:s3:::${bucket}` as ResourceArn;
  const source = openSource(
    { s3: clients.s3, clock: services.clock, random: services.random },
    { arn: resourceArn, kind: 's3-bucket' },
    { prefixes: [] },
  );
  const request = {
    runId: newId<RunId>(services.random),
    resourceArn,
    resourceKind: 's3-bucket' as const,
    plan: 'daily',
    type: 'full' as const,
    keepDays: 30,
    readTags: true,
  };
  const { root } = await backUpFiles(services, request, { source });
  return PointReader.open(services.store, await openVault(services), resourceArn, root.point);
}

test('a large object comes back over many calls, of which some die, and nothing of it is left over', async () => {
  const services = await makeServices();
  const bucket = await makeBucket(clients.s3);
  const content = randomBytes(32 * 2 ** 20 + 3);
  const facts = { ContentType: 'text/x', Metadata: { m: '1' }, Tagging: 'team=a' };
  for (const [Key, Body] of [
    ['a', Buffer.from('small')],
    ['large', content],
    ['z', Buffer.from('small')],
  ] as const)
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...facts }));
  const reader = await backUpAll(services, bucket);
  const into = await makeBucket(clients.s3);
  const options = { prefix: 'back/', multipartFromBytes: 5 * 2 ** 20, partBytes: 5 * 2 ** 20 };

  let told = '{}';
  const counts = { calls: 0, died: 0, files: 0, written: 0 };
  for (let isDone = false; !isDone;) {
    counts.calls += 1;
    const { next, begun } = JSON.parse(told) as { next?: string; begun?: BegunWrite };
    const tell = (soFar: RestoreOutcome): void => {
      told = JSON.stringify({
        next: soFar.next && Buffer.from(soFar.next).toString('base64'),
        begun: soFar.begun,
      });
    };
    const did = await restoreRange(reader, {
      range: next === undefined ? {} : { from: Buffer.from(next, 'base64') },
      begun,
      target: new S3RestoreTarget(clients.s3, into, options),
      overwrite: 'never',
      shouldStop: () => true,
      remember: async (soFar) => {
        await Promise.resolve();
        tell(soFar);
      },
    });
    counts.files += did.files;
    counts.written += did.written;
    // Every third call dies before it can tell where it stopped: what it did is done again.
    const dies = counts.calls % 3 === 0 && did.next !== undefined;
    if (dies) counts.died += 1;
    else tell(did);
    isDone = !dies && did.next === undefined;
  }

  expect(counts).toMatchObject({ files: 3, written: 3 });
  expect(counts.calls).toBeGreaterThan(8);
  expect(counts.died).toBeGreaterThan(2);
  const got = await clients.s3.send(new GetObjectCommand({ Bucket: into, Key: 'back/large' }));
  const restored = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
  expect(restored.equals(content)).toBe(true);
  expect(got).toMatchObject({ ContentType: 'text/x', Metadata: { m: '1' } });
  const { TagSet } = await clients.s3.send(new GetObjectTaggingCommand({ Bucket: into, Key: 'back/large' }));
  expect(TagSet).toEqual([{ Key: 'team', Value: 'a' }]);
  const { Uploads = [] } = await clients.s3.send(new ListMultipartUploadsCommand({ Bucket: into }));
  expect(Uploads).toEqual([]);
});

test('a bucket is backed up in S3, DynamoDB and KMS, and every point of it comes back', async () => {
  const services = await makeServices();
  const bucket = await makeBucket(clients.s3);
  const put = async (Key: string, Body: string): Promise<void> => {
    await clients.s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key,
        Body,
        ContentType: 'text/plain',
        Metadata: { m: Key.length.toString() },
      }),
    );
  };
  for (let index = 0; index < 120; index += 1)
    await put(`dir${index % 5}/file ${index}+ü.txt`, `content ${index} `.repeat(index));
  const resourceArn = `arn:aws:s3:::${bucket}` as ResourceArn;
  const source = openSource(
    { s3: clients.s3, clock: services.clock, random: services.random },
    { arn: resourceArn, kind: 's3-bucket' },
    { prefixes: [] },
  );
  const backUp = async (type: BackupType): Promise<Root> => {
    const request = {
      runId: newId<RunId>(services.random),
      resourceArn,
      resourceKind: 's3-bucket' as const,
      plan: 'daily',
      type,
      keepDays: 30,
      readTags: true,
    };
    return (await backUpFiles(services, request, { source, limits: { files: 30, bytes: 2 ** 30 } })).root;
  };

  const full = await backUp('full');
  const before = await readAll(bucket, '');
  await put('dir1/new.txt', 'new');
  await put('dir2/file 2+ü.txt', 'changed');
  await deletePlain(clients.s3, bucket, 'dir3/file 3+ü.txt');
  const incremental = await backUp('incremental');
  const after = await readAll(bucket, '');

  expect(full.counts).toMatchObject({ files: 120, filesChanged: 120 });
  expect(incremental).toMatchObject({ type: 'incremental', base: full.point, warnings: 0 });
  expect(incremental.counts).toMatchObject({ files: 120, filesRemoved: 1 });
  const keys = await openVault(services);
  for (const [root, expected] of [
    [full, before],
    [incremental, after],
  ] as const) {
    const reader = await PointReader.open(services.store, keys, resourceArn, root.point);
    const target = new S3RestoreTarget(clients.s3, bucket, { prefix: `restored/${root.point}/` });
    expect((await restoreRange(reader, { range: {}, target, overwrite: 'never' })).failed).toEqual([]);
    expect(await readAll(bucket, `restored/${root.point}/`)).toEqual(expected);
    expect(await verifyPoint(reader)).toMatchObject({ damagedFileCount: 0, problems: [] });
  }
});
