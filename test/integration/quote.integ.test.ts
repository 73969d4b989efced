import { randomBytes } from 'node:crypto';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { openSource } from '@holdfast/aws';
import { connectAws, connectStorage, runCli } from '@holdfast/cli';
import { checkAnswer } from '@holdfast/cli/testing';
import { type AllServices, backUpFiles, newId, type ResourceArn, type RunId } from '@holdfast/engine';
import { defaultImageSettings, type Plan, RetentionRules } from '@holdfast/engine/model';
import { beforeAll, expect, test } from 'vitest';
import { makeBucket, makeVaultBucket } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';
import { startMachine } from './support/machines.ts';
import { makeCatalogTable, makeChunkIndexTable } from './support/tables.ts';
import { makeWriteServices } from '../support/write-services.ts';

const clients = connect();
const daily: Plan = {
  name: 'daily',
  schedules: { incremental: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' } },
  retention: RetentionRules.parse({ keepDays: 30 }),
  rpoHours: 30,
  readTags: false,
  compression: 'default',
  images: defaultImageSettings,
  prefixes: ['kept/'],
  shard: { files: 10_000, bytes: 2 ** 30 },
};
let names: { vaultBucket: string; catalogTable: string; chunkIndexTable: string };
let services: AllServices;

beforeAll(async () => {
  const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}));
  names = {
    vaultBucket: await makeVaultBucket(clients.s3),
    catalogTable: await makeCatalogTable(clients.dynamo),
    chunkIndexTable: await makeChunkIndexTable(clients.dynamo),
  };
  services = makeWriteServices(clients, {
    ...names,
    workBucket: await makeBucket(clients.s3),
    kmsKeyArn: KeyMetadata?.Arn ?? '',
    lockMode: 'governance',
  });
});

/** Runs a command line on this deployment, whose plans are known without a stack. */
async function run(
  ...argv: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(argv, {
    out: async (text) => void (out += text),
    err: (text) => void (err += text),
    errIsTerminal: false,
    env: {},
    clock: services.clock,
    signal: new AbortController().signal,
    version: '1.2.3',
    connectStorage,
    connect: async (options) => {
      const connection = await connectAws({ ...options, ...names });
      return { ...connection, deployment: { ...connection.deployment, findPlans: async () => [daily] } };
    },
  });
  checkAnswer(argv, { out, err });
  return { code, out, err };
}

async function plantBucket(): Promise<ResourceArn> {
  const bucket = await makeBucket(clients.s3);
  const put = async (Key: string, Body: Buffer | string, more = {}): Promise<void> =>
    void (await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...more })));
  for (let n = 0; n < 30; n++)
    await put(`kept/${n}`, `line ${n} of a text\n`.repeat(400 + n), { ContentType: 'text/plain' });
  const media = randomBytes(300_000);
  await put('kept/media', media, { StorageClass: 'STANDARD_IA' });
  await put('kept/copy of media', media);
  await put('kept/frozen', 'cold'.repeat(1_000), { StorageClass: 'GLACIER' });
  await put('left out', 'x'.repeat(1_000_000));
  return `arn:aws:s3:::${bucket}` as ResourceArn;
}

async function backUp(arn: ResourceArn): Promise<number> {
  const request = {
    runId: newId<RunId>(services.random),
    resourceArn: arn,
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    keepDays: 30,
    readTags: false,
  } as const;
  const source = openSource({ s3: clients.s3, ...services }, { arn, kind: 's3-bucket' }, daily);
  const { root } = await backUpFiles(services, request, { source });
  return root.counts.storedBytes;
}

test('a bucket is quoted by its classes, and its first backup stores what was quoted', async () => {
  const arn = await plantBucket();

  const quoted = await run('quote', arn, '--plan', 'daily', '--json');
  const stored = await backUp(arn);
  await services.catalog.resources.put({ arn, kind: 's3-bucket', plan: 'daily', seenAt: new Date() });
  const points = await run('points', arn);
  const again = await run('quote', arn, '--json');

  expect(quoted).toMatchObject({ code: 0, err: expect.stringContaining('counts as new') });
  const quote = JSON.parse(quoted.out) as { storedBytes: { value: number; low: number; high: number } };
  expect(quote).toMatchObject({
    listed: { files: 33 },
    classes: {
      STANDARD: { files: 31 },
      STANDARD_IA: { files: 1, bytes: 300_000 },
      GLACIER: { files: 1, bytes: 4_000 },
    },
    frozen: { files: 1, bytes: 4_000 },
    repeatedBytes: 300_000,
    sample: { isWhole: true, unread: 0, askedIndex: false },
  });
  expect(stored).toBeGreaterThan(quote.storedBytes.low);
  expect(stored).toBeLessThan(quote.storedBytes.high);
  expect(points.out).toMatch(/quote: the first backup stored .* than the .* that were quoted\n/);
  expect(again.err).toBe('');
  expect(JSON.parse(again.out)).toMatchObject({ sample: { askedIndex: true } });
  expect((JSON.parse(again.out) as typeof quote).storedBytes.value).toBeLessThan(
    quote.storedBytes.value / 10,
  );
});

test('an instance is quoted by the sizes of its volumes', async () => {
  const id = await startMachine(clients.ec2);
  const arn = `arn:aws:ec2:us-east-1:000000000000:instance/${id}`;

  const { code, out } = await run('quote', arn, '--plan', 'daily');

  expect(code).toBe(0);
  expect(out).toContain('image       2 volumes, 3.0 GiB');
});

test('a bucket that does not exist is named', async () => {
  const { code, err } = await run('quote', 'arn:aws:s3:::there-is-no-such-bucket-here', '--plan', 'daily');

  expect(code).not.toBe(0);
  expect(err).toContain('there-is-no-such-bucket-here');
});
