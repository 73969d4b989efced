import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateKeyCommand, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import { DescribeSnapshotsCommand } from '@aws-sdk/client-ec2';
import { KmsKeyring, makeClients, S3ObjectStore, SystemClock, SystemRandom } from '@holdfast/aws';
import { EbsBlockSource, makeEbsClients } from '@holdfast/aws/ebs';
import { connectStorage, runCli } from '@holdfast/cli';
import { checkAnswer } from '@holdfast/cli/testing';
import {
  type AllServices,
  backUpFiles,
  commitPoint,
  consolidatePoint,
  newId,
  openRun,
  type ResourceArn,
  type RunId,
  withOfflineRecipient,
} from '@holdfast/engine';
import {
  MemoryCatalog,
  MemoryChunkIndex,
  MemorySource,
  MemoryWorkStore,
  putImagePoint,
} from '@holdfast/engine/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeVaultBucket } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';

const clients = connect();
const clock = new SystemClock();
const resourceArn = 'arn:aws:s3:::photos' as ResourceArn;

/** A vault in S3 under a key of KMS and an offline one. Its tables are in this process, and go with it. */
async function makeVault() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-dead-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const offlineKey = join(folder, 'offline.pem');
  writeFileSync(offlineKey, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}));
  const keyArn = KeyMetadata?.Arn ?? '';
  const bucket = await makeVaultBucket(clients.s3);
  const random = new SystemRandom();
  const keyring = new KmsKeyring(clients.kms, keyArn);
  const services: AllServices = {
    store: new S3ObjectStore(clients, bucket, clock),
    keyring: withOfflineRecipient(keyring, String(publicKey.export({ type: 'spki', format: 'pem' }))),
    catalog: new MemoryCatalog(),
    index: new MemoryChunkIndex(),
    work: new MemoryWorkStore(),
    clock,
    random,
    lockMode: 'governance',
  };
  const source = new MemorySource(clock);
  for (let index = 0; index < 40; index += 1) source.plant(`dir/file ${index}`, `content ${index}`);
  const request = (type: 'full' | 'synthetic-full') => ({
    runId: newId<RunId>(random),
    resourceArn,
    resourceKind: 's3-bucket' as const,
    plan: 'daily',
    type,
    keepDays: 30,
    readTags: false,
    sourceNow: async () => Promise.resolve(clock.now()),
  });
  await backUpFiles(services, request('full'), { source });
  const opened = await openRun(services, request('synthetic-full'));
  if (opened.state === 'over') throw new Error('the run is over');
  const { keys, plan } = opened;
  const step = await consolidatePoint(services, keys, plan, { shouldStop: () => false });
  if (!step.done) throw new Error('it stopped');
  const { root } = await commitPoint(services, keys, plan, async () => Promise.resolve(step.content));
  return { services, bucket, folder, keyArn, offlineKey, container: root.container?.pack ?? '' };
}

/** The command line on a machine that has never seen a deployment. */
async function run(
  ...argv: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', ''];
  const code = await runCli(argv, {
    out: async (text) => Promise.resolve(void (out += text)),
    err: (text) => void (err += text),
    errIsTerminal: false,
    env: {},
    clock,
    signal: new AbortController().signal,
    version: '0',
    connect: async () => Promise.reject(new Error('there is no deployment')),
    connectStorage,
  });
  checkAnswer(argv, { out, err });
  return { code, out, err };
}

function expectRestored(directory: string): void {
  for (const index of [0, 7, 39])
    expect(readFileSync(join(directory, 'dir', `file ${index}`), 'utf8')).toBe(`content ${index}`);
}

test('a bucket and its key are enough, although no table or function was ever there', async () => {
  const { bucket, folder, container } = await makeVault();

  const listed = await run('extract', `s3://${bucket}`, '--list', '--json');
  const restored = await run('extract', `s3://${bucket}`, 'photos', '--to', join(folder, 'point'));
  const alone = await run(
    'extract',
    `s3://${bucket}/containers/${container}`,
    '--to',
    join(folder, 'container'),
  );

  expect(JSON.parse(listed.out)).toMatchObject({
    points: [{ resourceArn, files: 40 }, { resourceArn }],
    damaged: [],
  });
  expect([listed.code, restored.code, alone.code]).toEqual([0, 0, 0]);
  expectRestored(join(folder, 'point'));
  expectRestored(join(folder, 'container'));
});

test('the offline key opens the bucket after its KMS key is gone', async () => {
  const { bucket, folder, keyArn, offlineKey } = await makeVault();
  await clients.kms.send(new ScheduleKeyDeletionCommand({ KeyId: keyArn, PendingWindowInDays: 7 }));
  const copy = join(folder, 'point');
  mkdirSync(copy);
  const args = ['extract', `s3://${bucket}`, 'photos', '--to', copy];

  const online = await run(...args);
  const offline = await run(...args, '--offline-key', offlineKey);

  expect(online).toMatchObject({ code: 1, err: expect.stringContaining('use the offline key') });
  expect(offline).toMatchObject({ code: 0, err: '' });
  expectRestored(copy);
});

test('a volume comes out of a bucket and its key into snapshots of another account and region', async () => {
  const { services, bucket, folder } = await makeVault();
  const blockBytes = 512 * 1024;
  const content = new Uint8Array(3 * blockBytes).fill(1, 0, blockBytes).fill(2, 2 * blockBytes);
  await putImagePoint(services, { volumes: [{ volume: 'vol-0a1', content }] });
  const credentials = { accessKeyId: '222233334444', secretAccessKey: 'secret' };
  const file = join(folder, 'credentials');
  writeFileSync(
    file,
    `[elsewhere]\naws_access_key_id = ${credentials.accessKeyId}\naws_secret_access_key = secret\n`,
  );
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
  onTestFinished(() => void vi.unstubAllEnvs());
  const where = ['--to-snapshots', 'eu-west-3', '--snapshot-profile', 'elsewhere', '--json'];

  const { code, out } = await run('extract', `s3://${bucket}`, 'i-0123456789abcdef0', ...where);

  expect(code).toBe(0);
  const [written] = (JSON.parse(out) as { snapshots: { snapshot: string; blocks: number }[] }).snapshots;
  const there = { region: 'eu-west-3', credentials };
  const [elsewhere, { ebs }] = [makeClients(there), makeEbsClients(there)];
  onTestFinished(() => {
    elsewhere.destroy();
    ebs.destroy();
  });
  const SnapshotIds = [written?.snapshot ?? ''];
  const { Snapshots } = await elsewhere.ec2.send(new DescribeSnapshotsCommand({ SnapshotIds }));
  expect(Snapshots).toMatchObject([{ OwnerId: credentials.accessKeyId, VolumeSize: 1 }]);
  await expect(clients.ec2.send(new DescribeSnapshotsCommand({ SnapshotIds }))).rejects.toThrow();
  const source = new EbsBlockSource(ebs, clock, services.random);
  const found = new Map<number, number | undefined>();
  for await (const { blocks } of source.list(SnapshotIds[0] ?? '', 0))
    for (const { index, token = '' } of blocks) {
      const block = await source.read(SnapshotIds[0] ?? '', { index, token });
      if (block !== 'expired') found.set(index, new Set(block.bytes).size === 1 ? block.bytes[0] : undefined);
    }
  expect([...found]).toEqual([
    [0, 1],
    [2, 2],
  ]);
});
