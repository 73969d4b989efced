import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { makeWriteServices, openSource, S3RestoreTarget } from '@holdfast/aws';
import {
  backUpFiles,
  newId,
  openVault,
  PointReader,
  restoreRange,
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
