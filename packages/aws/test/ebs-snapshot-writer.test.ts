import { createHash } from 'node:crypto';
import { StoreUnavailableError, TargetUnavailableError } from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { beforeEach, expect, test } from 'vitest';
import { EbsSnapshotWriter } from '../src/ebs.ts';
import { type EbsAnswer, jsonAnswer, refusal, type ScriptedEbs, scriptEbs } from './scripted-ebs.ts';

const scriptedEbs = scriptEbs();
let ebs: ScriptedEbs;
let writer: EbsSnapshotWriter;

beforeEach(() => {
  ebs = scriptedEbs();
  writer = new EbsSnapshotWriter(ebs.clients.ebs, new FakeClock(), new SeededRandom('ebs'));
});

const done = (status: number, value: object = {}): EbsAnswer => jsonAnswer(value, status);

const oneAttempt = {
  mode: 'standard',
  acquireInitialRetryToken: async () => Promise.resolve({ getRetryCount: () => 0, getRetryDelay: () => 0 }),
  refreshRetryTokenForRetry: async () => Promise.reject(new Error('there are no more attempts')),
  recordSuccess: () => undefined,
};

const order = {
  sizeGiB: 8,
  clientToken: 'token',
  description: 'a restore',
  tags: { 'holdfast:restore': 'r' },
};
const bytes = new Uint8Array(524_288).fill(1);
const sha256 = createHash('sha256').update(bytes).digest();

test('an order says how it is encrypted, unless it has a parent, which says that', async () => {
  ebs.answers = [done(201, { SnapshotId: 'snap-1' }), done(201, { SnapshotId: 'snap-2' })];
  const encryption = { keyArn: 'arn:aws:kms:eu-west-1:111122223333:key/k' };

  expect(await writer.start({ ...order, encryption })).toEqual({ snapshot: 'snap-1' });
  await writer.start({ ...order, encryption, parent: 'snap-0' });

  const [alone, child] = ebs.asked.map(({ body }) => JSON.parse(body.toString()) as object);
  expect(alone).toEqual({
    VolumeSize: 8,
    ClientToken: 'token',
    Description: 'a restore',
    Tags: [{ Key: 'holdfast:restore', Value: 'r' }],
    Timeout: 4_320,
    Encrypted: true,
    KmsKeyArn: encryption.keyArn,
  });
  expect(child).toMatchObject({ ParentSnapshotId: 'snap-0' });
  expect(child).not.toHaveProperty('Encrypted');
  expect(child).not.toHaveProperty('KmsKeyArn');
});

test('too many pending snapshots are told from other refusals', async () => {
  ebs.answers = [refusal('ServiceQuotaExceededException', 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED', 402)];

  expect(await writer.start(order)).toBe('busy');
});

test('a key that may not be used is named with what to do', async () => {
  ebs.answers = [refusal('AccessDeniedException', 'DEPENDENCY_ACCESS_DENIED', 403, 'the key k')];

  await expect(writer.start(order)).rejects.toThrow(
    /needs a KMS key that may not be used .*the key k.*restoreTargets\.keys/,
  );
});

test('a snapshot that was just begun is waited for, and one that took a block and is gone is not', async () => {
  const unknown = refusal('ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND', 404);
  ebs.answers = [unknown, unknown, done(201), unknown];

  await writer.write('snap-1', { index: 3, bytes, sha256 });
  await expect(writer.write('snap-1', { index: 4, bytes, sha256 })).rejects.toThrow(TargetUnavailableError);

  expect(ebs.asked).toHaveLength(4);
  expect(ebs.asked[2]?.url).toBe('/snapshots/snap-1/blocks/3');
  expect(ebs.asked[2]?.headers).toMatchObject({
    'x-amz-checksum': sha256.toString('base64'),
    'x-amz-checksum-algorithm': 'SHA256',
    'x-amz-data-length': '524288',
  });
  expect(ebs.asked[2]?.body.length).toBe(bytes.length);
});

test('a block that comes to EBS without its end is sent again, and may be written later', async () => {
  const cut = refusal('ValidationException', 'INVALID_PARAMETER_VALUE', 400, 'Failed to read block data');
  ebs.answers = [cut, cut, done(201)];

  await writer.write('snap-1', { index: 3, bytes, sha256 });
  ebs.answers = Array.from({ length: 5 }, () => cut);

  await expect(writer.write('snap-1', { index: 4, bytes, sha256 })).rejects.toThrow(StoreUnavailableError);
  expect(ebs.asked).toHaveLength(8);
});

test('a throttled block may be written later', async () => {
  // After the SDK's last attempt; before each it would sleep.
  ebs.clients.ebs.config.retryStrategy = async () => Promise.resolve(oneAttempt);
  ebs.answers = [refusal('RequestThrottledException', 'ACCOUNT_THROTTLED', 400)];

  await expect(writer.write('snap-1', { index: 3, bytes, sha256 })).rejects.toThrow(StoreUnavailableError);
});

test('sealing says how many blocks there are, and the digest of their digests; again, that it was done', async () => {
  ebs.answers = [
    done(202, { Status: 'pending' }),
    refusal('ValidationException', 'INVALID_SNAPSHOT_ID', 400),
  ];
  const written = { blocks: 2, sha256 };

  expect(await writer.complete('snap-1', written)).toBe('sealed');
  expect(await writer.complete('snap-1', written)).toBe('sealed-already');

  expect(ebs.asked[0]).toMatchObject({
    url: '/snapshots/completion/snap-1',
    headers: {
      'x-amz-changedblockscount': '2',
      'x-amz-checksum': sha256.toString('base64'),
      'x-amz-checksum-aggregation-method': 'LINEAR',
    },
  });
});
