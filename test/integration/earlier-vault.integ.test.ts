import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { openSource } from '@holdfast/aws';
import { connectAws, connectStorage, runCli } from '@holdfast/cli';
import { checkAnswer } from '@holdfast/cli/testing';
import {
  backUpFiles,
  newestPoints,
  newId,
  openVault,
  PointReader,
  type ResourceArn,
  type RunId,
  type WriteServices,
} from '@holdfast/engine';
import { FileKeyring } from '@holdfast/node';
import { expect, test } from 'vitest';
import { listFormatFixtures, withKeyFile, type FormatFixture } from '../compat/format-fixture.ts';
import { digestOf, listPoint } from '../compat/listed-file.ts';
import { makeBucket, makeVaultBucket, putPlain } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';
import { makeCatalogTable, makeChunkIndexTable } from './support/tables.ts';
import { makeWriteServices } from '../support/write-services.ts';

const clients = connect();
const dayMs = 86_400_000;
const earlier = listFormatFixtures().filter(({ name }) => /\/(?:bucket|rotated-key)$/.test(name));

/** A vault in S3 that an earlier version wrote, with locks as in use, and tables with nothing in them. */
async function adopt({ vault, keyHex }: FormatFixture): Promise<{
  readonly services: WriteServices;
  readonly names: Readonly<Record<'vaultBucket' | 'catalogTable' | 'chunkIndexTable', string>>;
}> {
  const names = {
    vaultBucket: await makeVaultBucket(clients.s3),
    catalogTable: await makeCatalogTable(clients.dynamo),
    chunkIndexTable: await makeChunkIndexTable(clients.dynamo),
  };
  const lockedUntil = new Date(Date.now() + 100 * dayMs);
  for (const Key of readdirSync(vault, { recursive: true, encoding: 'utf8' })) {
    if (!statSync(join(vault, Key)).isFile()) continue;
    await clients.s3.send(
      new PutObjectCommand({
        Bucket: names.vaultBucket,
        Key,
        Body: readFileSync(join(vault, Key)),
        ObjectLockMode: 'GOVERNANCE',
        ObjectLockRetainUntilDate: lockedUntil,
      }),
    );
  }
  const services = makeWriteServices(clients, {
    ...names,
    workBucket: await makeBucket(clients.s3),
    kmsKeyArn: 'never asked: the keys of these vaults are in files',
    lockMode: 'governance',
  });
  const keyring = await withKeyFile(keyHex, async (path) => FileKeyring.open(path, services.random));
  return { services: { ...services, keyring }, names };
}

/** Runs `holdfast catalog rebuild` on the vault. @returns what it reports. */
async function rebuild({ services, names }: Awaited<ReturnType<typeof adopt>>): Promise<unknown> {
  let out = '';
  const argv = ['catalog', 'rebuild', '--json'];
  const code = await runCli(argv, {
    out: async (text) => {
      out += text;
      return Promise.resolve();
    },
    err: (text) => {
      out += text;
    },
    errIsTerminal: false,
    env: {},
    clock: services.clock,
    signal: new AbortController().signal,
    version: '0.0.0',
    connect: async (options) => {
      const connection = await connectAws({ ...options, ...names });
      return {
        ...connection,
        services: { ...connection.services, keyring: services.keyring },
        // There is no deployment, and so no maintenance under way.
        executions: { ...connection.executions, list: async () => Promise.resolve([]) },
      };
    },
    connectStorage,
  });
  expect(code, out).toBe(0);
  checkAnswer(argv, { out, err: '' });
  return JSON.parse(out);
}

test.each(earlier)(
  'the vault $name, which an earlier version wrote, is adopted by a rebuild, and every point of it comes back',
  async (fixture) => {
    const adopted = await adopt(fixture);

    const report = await rebuild(adopted);

    const { services } = adopted;
    const { points } = fixture;
    expect(report).toMatchObject({ points: points.length, failures: { count: 0 }, damagedPacks: [] });
    const [{ resource } = { resource: '' as ResourceArn }] = points;
    const listed = await Array.fromAsync(newestPoints(services.catalog, resource));
    expect(listed.map(({ pointId }) => pointId).sort()).toEqual(points.map(({ point }) => point).sort());
    const keys = await openVault(services);
    for (const { point, listingSha256 } of points) {
      const reader = await PointReader.open(services.store, keys, resource, point);
      expect(digestOf(await listPoint(reader))).toBe(listingSha256);
    }
  },
);

test('a bucket whose points an earlier version made is backed up on top of them', async () => {
  const fixture = earlier.find(({ name }) => name.includes('/bucket')) as FormatFixture;
  const adopted = await adopt(fixture);
  await rebuild(adopted);
  const { services } = adopted;
  const resourceArn = fixture.points.at(-1)?.resource as ResourceArn;
  const bucket = resourceArn.split(':::')[1] as string;
  await clients.s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await putPlain(clients.s3, bucket, 'written by this version', Buffer.from('new'));
  const source = openSource(
    { s3: clients.s3, clock: services.clock, random: services.random },
    { arn: resourceArn, kind: 's3-bucket' },
    { prefixes: [] },
  );

  const { root } = await backUpFiles(
    services,
    {
      runId: newId<RunId>(services.random),
      resourceArn,
      resourceKind: 's3-bucket',
      plan: 'daily',
      type: 'incremental',
      keepDays: 30,
      readTags: true,
    },
    { source },
  );

  expect(root).toMatchObject({ type: 'incremental', base: fixture.points.at(-1)?.point, warnings: 0 });
  const reader = await PointReader.open(services.store, await openVault(services), resourceArn, root.point);
  expect(await listPoint(reader)).toMatchObject([{ path: 'written%20by%20this%20version', size: 3 }]);
});
