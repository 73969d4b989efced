import { CompleteSnapshotCommand, StartSnapshotCommand } from '@aws-sdk/client-ebs';
import { CreateVolumeCommand } from '@aws-sdk/client-ec2';
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { blockBytes, blockOf, sha256, startScene } from './ebs-scene.ts';

const minute = 60_000;

type Scene = Awaited<ReturnType<typeof startScene>>;

function complete({ ebs }: Scene, SnapshotId: string, ChangedBlocksCount: number, more: object = {}) {
  return ebs.send(new CompleteSnapshotCommand({ SnapshotId, ChangedBlocksCount, ...more }));
}

function linear(...blocks: readonly Uint8Array[]): object {
  const digests = blocks.map((block) => createHash('sha256').update(block).digest());
  return {
    Checksum: sha256(Buffer.concat(digests)),
    ChecksumAlgorithm: 'SHA256',
    ChecksumAggregationMethod: 'LINEAR',
  };
}

async function readBlock({ bytes }: Scene, volumeId: string, index: number): Promise<Buffer> {
  return Buffer.from(await bytes.read(volumeId, index * blockBytes, blockBytes));
}

test('makes a snapshot of blocks, of which a volume with their bytes is made', async () => {
  const scene = await startScene();
  const snapshotId = await scene.start({ VolumeSize: 2, Description: 'holdfast' });
  await scene.put(snapshotId, 4095, blockOf('last'));
  await scene.put(snapshotId, 10, blockOf('first'));

  const { $metadata } = await complete(scene, snapshotId, 2, linear(blockOf('first'), blockOf('last')));

  const volumeId = await scene.createVolume(snapshotId);
  expect($metadata.httpStatusCode).toBe(202);
  expect((await readBlock(scene, volumeId, 10)).equals(blockOf('first'))).toBe(true);
  expect((await readBlock(scene, volumeId, 4095)).equals(blockOf('last'))).toBe(true);
  expect((await readBlock(scene, volumeId, 11)).equals(Buffer.alloc(blockBytes))).toBe(true);
  expect((await scene.list(snapshotId)).Blocks?.map((block) => block.BlockIndex)).toEqual([10, 4095]);
});

test('shows the snapshot to EC2 from its start to its completion', async () => {
  const scene = await startScene();
  await scene.configure({ snapshotMs: 5000 });
  const Tags = [{ Key: 'plan', Value: 'daily' }];
  const started = await scene.ebs.send(new StartSnapshotCommand({ VolumeSize: 3, Description: 'd', Tags }));
  const snapshotId = started.SnapshotId!;
  const look = async () => {
    const { State, Progress } = await scene.describe(snapshotId);
    return [State, Progress];
  };

  const start = await look();
  await scene.put(snapshotId, 0, blockOf('x'), { Progress: 40 });
  const middle = await look();
  const { Status } = await complete(scene, snapshotId, 1);
  scene.advance(4999);
  const sealed = await look();
  scene.advance(1);
  const end = await look();

  expect(started).toMatchObject({
    OwnerId: '000000000000',
    Status: 'pending',
    StartTime: new Date('2026-11-22T02:00:00Z'),
    VolumeSize: 3,
    BlockSize: blockBytes,
    Description: 'd',
    Tags,
  });
  expect([start, middle, Status, sealed, end]).toEqual([
    ['pending', '0%'],
    ['pending', '40%'],
    'pending',
    ['pending', '99%'],
    ['completed', '100%'],
  ]);
  expect(await scene.describe(snapshotId)).toMatchObject({
    VolumeId: 'vol-ffffffff',
    VolumeSize: 3,
    OwnerId: '000000000000',
    Encrypted: false,
    Description: 'd',
    Tags,
  });
});

test('writes upon the blocks of a parent, and is of its lineage', async () => {
  const scene = await startScene();
  const damaged = await scene.createVolume();
  await scene.writeBlock(damaged, 1, 'one');
  await scene.writeBlock(damaged, 2, 'two');
  const parent = await scene.snapshot(damaged);
  const child = await scene.start({ ParentSnapshotId: parent, VolumeSize: 2 });
  await scene.put(child, 2, blockOf('repaired'));
  await complete(scene, child, 1, linear(blockOf('repaired')));

  const volumeId = await scene.createVolume(child);

  expect(await scene.changes(parent, child)).toEqual([[2, true, true]]);
  expect((await readBlock(scene, volumeId, 1)).equals(blockOf('one'))).toBe(true);
  expect((await readBlock(scene, volumeId, 2)).equals(blockOf('repaired'))).toBe(true);
  await expect(scene.start({ ParentSnapshotId: child, VolumeSize: 1 })).rejects.toMatchObject({
    Reason: 'INVALID_VOLUME_SIZE',
  });
});

test('keeps the last of several writes of a block, and counts it once', async () => {
  const scene = await startScene();
  const snapshotId = await scene.start();

  await scene.put(snapshotId, 1, blockOf('first'));
  await scene.put(snapshotId, 1, blockOf('second'));
  await complete(scene, snapshotId, 1, linear(blockOf('second')));

  const volumeId = await scene.createVolume(snapshotId);
  expect((await readBlock(scene, volumeId, 1)).equals(blockOf('second'))).toBe(true);
});

test('refuses blocks with another checksum, another length, or beyond the end', async () => {
  const scene = await startScene();
  const snapshotId = await scene.start();
  const put = (index: number, data: Uint8Array, more: object = {}) =>
    scene.put(snapshotId, index, data, more);

  const refusals = await Promise.allSettled([
    put(0, blockOf('x'), { Checksum: sha256(blockOf('y')) }),
    put(0, new Uint8Array(1024)),
    put(0, new Uint8Array(1024), { DataLength: blockBytes }),
    put(2048, blockOf('x')),
  ]);
  const { Checksum } = await put(2047, blockOf('x'));

  expect(
    refusals.map((one) => one.status === 'rejected' && (one.reason as { Reason: string }).Reason),
  ).toEqual([
    'INVALID_PARAMETER_VALUE',
    'INVALID_PARAMETER_VALUE',
    'INVALID_PARAMETER_VALUE',
    'INVALID_BLOCK',
  ]);
  expect(Checksum).toBe(sha256(blockOf('x')));
});

test('refuses a completion with another count or checksum, and leaves the snapshot to be written', async () => {
  const scene = await startScene();
  const snapshotId = await scene.start();
  await scene.put(snapshotId, 0, blockOf('one'));
  await scene.put(snapshotId, 1, blockOf('two'));
  const refused = { name: 'ValidationException', Reason: 'INVALID_PARAMETER_VALUE' };

  await expect(complete(scene, snapshotId, 1)).rejects.toMatchObject(refused);
  const wrongOrder = linear(blockOf('two'), blockOf('one'));
  await expect(complete(scene, snapshotId, 2, wrongOrder)).rejects.toMatchObject(refused);

  await complete(scene, snapshotId, 2, linear(blockOf('one'), blockOf('two')));
  expect((await scene.describe(snapshotId)).State).toBe('completed');
});

test('takes no blocks after its completion, nor those for a snapshot of a volume', async () => {
  const scene = await startScene();
  const written = await scene.start();
  await complete(scene, written, 0);
  const frozen = await scene.snapshot(await scene.createVolume());
  const refused = { name: 'ValidationException', Reason: 'INVALID_SNAPSHOT_ID' };

  await expect(scene.put(written, 0, blockOf('x'))).rejects.toMatchObject(refused);
  await expect(complete(scene, written, 0)).rejects.toMatchObject(refused);
  await expect(scene.put(frozen, 0, blockOf('x'))).rejects.toMatchObject(refused);
  await expect(scene.put('snap-0123', 0, blockOf('x'))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
});

test('is of no use for a volume or a list while it is written', async () => {
  const scene = await startScene();
  const snapshotId = await scene.start();

  const volume = scene.ec2.send(
    new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', SnapshotId: snapshotId }),
  );

  await expect(volume).rejects.toMatchObject({ name: 'IncorrectState' });
  await expect(scene.list(snapshotId)).rejects.toMatchObject({ name: 'ValidationException' });
});

test('ends in error when nothing is written for as long as its timeout', async () => {
  const scene = await startScene();
  const snapshotId = await scene.start({ Timeout: 10 });
  const state = async () => (await scene.describe(snapshotId)).State;

  scene.advance(10 * minute - 1);
  await scene.put(snapshotId, 0, blockOf('x'));
  scene.advance(10 * minute - 1);
  const waiting = await state();
  scene.advance(1);

  expect([waiting, await state()]).toEqual(['pending', 'error']);
  await expect(scene.put(snapshotId, 1, blockOf('x'))).rejects.toMatchObject({ name: 'ValidationException' });
  await expect(scene.start({ Timeout: 9 })).rejects.toMatchObject({ Reason: 'INVALID_PARAMETER_VALUE' });
});

test('ends in error after its completion when snapshots of no volume are set to fail', async () => {
  const scene = await startScene();
  await scene.configure({ failSnapshotsOf: ['vol-ffffffff'] });
  const snapshotId = await scene.start();

  await complete(scene, snapshotId, 0);

  expect((await scene.describe(snapshotId)).State).toBe('error');
});

test('answers a repeated start with the same client token by the same snapshot', async () => {
  const scene = await startScene();
  const ClientToken = 'restore-1';

  const first = await scene.start({ ClientToken });
  const second = await scene.start({ ClientToken });

  expect(second).toBe(first);
  await expect(scene.start({ ClientToken, VolumeSize: 2 })).rejects.toMatchObject({
    name: 'ConflictException',
    $metadata: { httpStatusCode: 409 },
  });
});

test.each([
  [{}, { Encrypted: false }],
  [{ Encrypted: true }, { Encrypted: true, KmsKeyId: expect.stringMatching(/^arn:aws:kms:us-east-1:/) }],
  [
    { KmsKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/mine' },
    { Encrypted: true, KmsKeyId: 'arn:aws:kms:us-east-1:000000000000:key/mine' },
  ],
])('encrypts a snapshot without a parent that is started with %o', async (input, expected) => {
  const scene = await startScene();

  expect(await scene.describe(await scene.start(input))).toMatchObject(expected);
});

test('gives a child the key of its parent, and refuses to be told another', async () => {
  const scene = await startScene();
  const KmsKeyArn = 'arn:aws:kms:us-east-1:000000000000:key/mine';
  const parent = await scene.start({ KmsKeyArn });
  await complete(scene, parent, 0);
  const refused = { name: 'ValidationException', Reason: 'INVALID_PARAMETER_VALUE' };

  const child = await scene.start({ ParentSnapshotId: parent });

  expect(await scene.describe(child)).toMatchObject({ Encrypted: true, KmsKeyId: KmsKeyArn });
  await expect(scene.start({ ParentSnapshotId: parent, Encrypted: true })).rejects.toMatchObject(refused);
  await expect(scene.start({ ParentSnapshotId: parent, KmsKeyArn })).rejects.toMatchObject(refused);
  await expect(scene.start({ Encrypted: false, KmsKeyArn })).rejects.toMatchObject(refused);
});

test('refuses what needs a key that may not be used', async () => {
  const scene = await startScene();
  const KmsKeyArn = 'arn:aws:kms:us-east-1:000000000000:key/mine';
  const parent = await scene.start({ KmsKeyArn });
  await scene.put(parent, 0, blockOf('x'));
  await complete(scene, parent, 1);
  const child = await scene.start({ ParentSnapshotId: parent });
  const [block] = (await scene.list(parent)).Blocks!;
  await scene.configureEbs({ deniedKeys: ['*key/mine'] });
  const refused = { name: 'AccessDeniedException', Reason: 'DEPENDENCY_ACCESS_DENIED' };

  await expect(scene.get(parent, 0, block!.BlockToken!)).rejects.toMatchObject(refused);
  await expect(scene.put(child, 0, blockOf('y'))).rejects.toMatchObject(refused);
  await expect(scene.start({ KmsKeyArn })).rejects.toMatchObject(refused);
  await expect(scene.start({ ParentSnapshotId: parent })).rejects.toMatchObject(refused);
});

test('refuses more pending snapshots than an account may have', async () => {
  const scene = await startScene();
  await scene.configure({ pendingSnapshots: 1 });
  const first = await scene.start();

  await expect(scene.start()).rejects.toMatchObject({
    name: 'ServiceQuotaExceededException',
    Reason: 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED',
  });
  await complete(scene, first, 0);
  await scene.start();
});

test('refuses tags and sizes that a snapshot cannot have', async () => {
  const scene = await startScene();
  const tags = Array.from({ length: 51 }, (_, index) => ({ Key: `k${index}`, Value: 'v' }));

  await expect(scene.start({ Tags: tags })).rejects.toMatchObject({ Reason: 'INVALID_TAG' });
  await expect(scene.start({ Tags: [{ Key: 'aws:x', Value: 'v' }] })).rejects.toMatchObject({
    Reason: 'INVALID_TAG',
  });
  await expect(scene.start({ VolumeSize: 65_537 })).rejects.toMatchObject({ Reason: 'INVALID_VOLUME_SIZE' });
});
