import {
  CreateSnapshotCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteTagsCommand,
  DescribeAvailabilityZonesCommand,
  DescribeVolumesCommand,
  EC2Client,
  ModifyVolumeCommand,
  paginateDescribeVolumes,
} from '@aws-sdk/client-ec2';
import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { snapshotFilePath, volumeFilePath } from '../gateway/ec2/block-files.ts';
import { VolumeBytes } from '../volume-bytes.ts';
import { startFixture, type GatewayFixture } from './gateway-fixture.ts';

const zone = 'us-east-1a';

async function createVolume({ ec2 }: GatewayFixture, tags: Record<string, string> = {}): Promise<string> {
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const { VolumeId } = await ec2.send(
    new CreateVolumeCommand({
      AvailabilityZone: zone,
      Size: 1,
      VolumeType: 'gp3',
      TagSpecifications: Tags.length > 0 ? [{ ResourceType: 'volume', Tags }] : [],
    }),
  );
  return VolumeId!;
}

async function writeAt(path: string, text: string, position: number): Promise<void> {
  await using file = await open(path, 'r+');
  await file.write(text, position);
}

async function readAt(path: string, length: number, position: number): Promise<string> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.toString();
}

test('shows a new volume as creating, and as available once the delay is over', async () => {
  const fixture = await startFixture();
  await fixture.configure({ volumeMs: 5000 });
  const volumeId = await createVolume(fixture, { 'holdfast:plan': 'daily' });
  const describe = async () =>
    (await fixture.ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }))).Volumes?.[0];

  const before = await describe();
  fixture.advance(5000);
  const after = await describe();

  expect(before?.State).toBe('creating');
  expect(after).toMatchObject({
    State: 'available',
    Size: 1,
    VolumeType: 'gp3',
    Iops: 3000,
    Encrypted: false,
    AvailabilityZone: zone,
    CreateTime: new Date('2026-11-22T02:00:00Z'),
    Tags: [{ Key: 'holdfast:plan', Value: 'daily' }],
  });
});

test('keeps the bytes of a snapshot while the volume goes on changing, in files whose holes take no space', async () => {
  const fixture = await startFixture();
  const { ec2, dataDir } = fixture;
  const volumeId = await createVolume(fixture);
  await writeAt(volumeFilePath(dataDir, volumeId), 'before', 700_000_000);
  const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId: volumeId }));
  await writeAt(volumeFilePath(dataDir, volumeId), 'after!', 700_000_000);

  const restored = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, SnapshotId, Size: 2 }));

  const path = volumeFilePath(dataDir, restored.VolumeId!);
  expect(await readAt(snapshotFilePath(dataDir, SnapshotId!), 6, 700_000_000)).toBe('before');
  expect(await readAt(path, 6, 700_000_000)).toBe('before');
  const { size, blocks } = await stat(path);
  expect(size).toBe(2 * 1024 ** 3);
  expect(blocks * 512).toBeLessThan(1024 ** 2);
});

test('reads and writes the bytes of a volume over HTTP, wherever their file is', async () => {
  const fixture = await startFixture();
  const bytes = new VolumeBytes(fixture.url);
  const volumeId = await createVolume(fixture);

  await bytes.write(volumeId, 700_000_000, 'written');

  expect(Buffer.from(await bytes.read(volumeId, 699_999_999, 9)).toString()).toBe('\0written\0');
  expect(await readAt(volumeFilePath(fixture.dataDir, volumeId), 7, 700_000_000)).toBe('written');
  expect(await bytes.read(volumeId, 2 ** 30 - 2, 8)).toHaveLength(2);
  await expect(bytes.read('vol-0123456789abcdef0', 0, 1)).rejects.toThrow('404');
});

test('tells the digest of a stretch of a volume over HTTP, up to where the volume ends', async () => {
  const fixture = await startFixture();
  const bytes = new VolumeBytes(fixture.url);
  const volumeId = await createVolume(fixture);
  const offset = 2 ** 30 - 20_000_000;
  const content = Buffer.alloc(20_000_000);
  content.write('written', 19_999_993);

  await bytes.write(volumeId, 2 ** 30 - 7, 'written');

  const sha256 = createHash('sha256').update(content).digest('hex');
  expect(await bytes.digest(volumeId, offset, 2 ** 30)).toEqual({ sha256, length: 20_000_000 });
  expect((await bytes.digest(volumeId, offset, 10)).sha256).not.toBe(sha256);
  await expect(bytes.digest('vol-0123456789abcdef0', 0, 1)).rejects.toThrow('404');
});

test('tells the digest of a stretch up to its last byte that is not zero, with the zeros before that', async () => {
  const fixture = await startFixture();
  const bytes = new VolumeBytes(fixture.url);
  const volumeId = await createVolume(fixture);
  const content = Buffer.alloc(9_000_001);
  content.write('a');
  content.write('b', 9_000_000);

  await bytes.write(volumeId, 0, 'a');
  await bytes.write(volumeId, 9_000_000, Buffer.from('b\0\0'));

  for (const offset of [0, 1, 9_000_001]) {
    const sha256 = createHash('sha256').update(content.subarray(offset)).digest('hex');
    expect(await bytes.digest(volumeId, offset, 20_000_000)).toEqual({ sha256, length: 20_000_000 });
  }
});

test('makes a volume larger, and never smaller', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const volumeId = await createVolume(fixture);
  const bytes = new VolumeBytes(fixture.url);
  await bytes.write(volumeId, 0, 'kept');
  const resize = (Size: number) => ec2.send(new ModifyVolumeCommand({ VolumeId: volumeId, Size }));

  const { VolumeModification } = await resize(3);

  expect(VolumeModification).toMatchObject({
    ModificationState: 'completed',
    OriginalSize: 1,
    TargetSize: 3,
  });
  const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
  expect(Volumes?.[0]?.Size).toBe(3);
  expect(Buffer.from(await bytes.read(volumeId, 0, 4)).toString()).toBe('kept');
  expect(await bytes.read(volumeId, 3 * 2 ** 30 - 5, 10)).toHaveLength(5);
  await expect(resize(2)).rejects.toMatchObject({ name: 'InvalidParameterValue' });
});

test('reads zeros where a guest has trimmed a volume', async () => {
  const fixture = await startFixture();
  const bytes = new VolumeBytes(fixture.url);
  const volumeId = await createVolume(fixture);
  await bytes.write(volumeId, 2 ** 30 - 4, 'gone');

  await bytes.trim(volumeId, 2 ** 30 - 2, 100);

  expect(Buffer.from(await bytes.read(volumeId, 2 ** 30 - 4, 100)).toString()).toBe('go\0\0');
});

test('answers a repeated CreateVolume with the same client token by the same volume', async () => {
  const { ec2 } = await startFixture();
  const request = { AvailabilityZone: zone, Size: 1, ClientToken: 'restore-1' };

  const first = await ec2.send(new CreateVolumeCommand(request));
  const second = await ec2.send(new CreateVolumeCommand(request));
  const other = ec2.send(new CreateVolumeCommand({ ...request, Size: 2 }));

  expect(second.VolumeId).toBe(first.VolumeId);
  await expect(other).rejects.toMatchObject({ name: 'IdempotentParameterMismatch' });
});

test('filters volumes by tags with wildcards, all filters holding and any value of one', async () => {
  const fixture = await startFixture();
  const database = await createVolume(fixture, { name: 'db-1', plan: 'daily' });
  const star = await createVolume(fixture, { name: 'db*', plan: 'weekly' });
  await createVolume(fixture, { name: 'web-1', plan: 'daily' });
  const ids = async (Filters: { Name: string; Values: string[] }[]) =>
    (await fixture.ec2.send(new DescribeVolumesCommand({ Filters }))).Volumes?.map(
      (volume) => volume.VolumeId,
    );

  expect(await ids([{ Name: 'tag:name', Values: ['db*'] }])).toEqual([database, star]);
  expect(await ids([{ Name: 'tag:name', Values: [String.raw`db\*`] }])).toEqual([star]);
  expect(
    await ids([
      { Name: 'tag:name', Values: ['db-?'] },
      { Name: 'tag:plan', Values: ['daily', 'x'] },
    ]),
  ).toEqual([database]);
  expect(await ids([{ Name: 'tag-key', Values: ['plan'] }])).toHaveLength(3);
  await expect(ids([{ Name: 'colour', Values: ['red'] }])).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
});

test('pages through volumes without losing any', async () => {
  const fixture = await startFixture();
  const ids: string[] = [];
  for (let index = 0; index < 12; index += 1) ids.push(await createVolume(fixture));
  const seen: string[] = [];

  for await (const page of paginateDescribeVolumes({ client: fixture.ec2, pageSize: 5 }, {})) {
    seen.push(...page.Volumes!.map((volume) => volume.VolumeId!));
  }

  expect(seen).toEqual(ids);
});

test('refuses pages that EC2 refuses', async () => {
  const fixture = await startFixture();
  const VolumeIds = [await createVolume(fixture)];
  const describe = (input: object) => fixture.ec2.send(new DescribeVolumesCommand(input));

  await expect(describe({ MaxResults: 4 })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  await expect(describe({ MaxResults: 5, VolumeIds })).rejects.toMatchObject({
    name: 'InvalidParameterCombination',
  });
});

test('sets, overwrites and deletes tags', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const volumeId = await createVolume(fixture, { plan: 'daily', owner: 'ann' });

  await ec2.send(new CreateTagsCommand({ Resources: [volumeId], Tags: [{ Key: 'plan', Value: 'weekly' }] }));
  await ec2.send(
    new DeleteTagsCommand({
      Resources: [volumeId],
      Tags: [{ Key: 'owner' }, { Key: 'plan', Value: 'other' }],
    }),
  );

  const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [volumeId] }));
  expect(Volumes?.[0]?.Tags).toEqual([{ Key: 'plan', Value: 'weekly' }]);
  const reserved = ec2.send(
    new CreateTagsCommand({ Resources: [volumeId], Tags: [{ Key: 'aws:x', Value: '' }] }),
  );
  await expect(reserved).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  const absent = ec2.send(
    new CreateTagsCommand({ Resources: ['snap-0abc'], Tags: [{ Key: 'x', Value: '' }] }),
  );
  await expect(absent).rejects.toMatchObject({ name: 'InvalidSnapshot.NotFound' });
});

test('keeps accounts and regions apart', async () => {
  const fixture = await startFixture();
  await createVolume(fixture);
  const elsewhere = [
    new EC2Client({ ...fixture.clientOptions, region: 'eu-west-1' }),
    new EC2Client({
      ...fixture.clientOptions,
      credentials: { accessKeyId: '111122223333', secretAccessKey: 'x' },
    }),
  ];

  const found = await Promise.all(elsewhere.map((client) => client.send(new DescribeVolumesCommand({}))));

  expect(found.map((answer) => answer.Volumes)).toEqual([[], []]);
});

test('refuses what the API does not know or cannot do', async () => {
  const { ec2, url } = await startFixture();
  const headers = {
    authorization: 'AWS4-HMAC-SHA256 Credential=test/20261122/us-east-1/ec2/aws4_request, Signature=0',
  };
  const body = new URLSearchParams({ Action: 'DescribeVolumes', Version: '2016-11-15', Colour: 'red' });

  const response = await fetch(url, { method: 'POST', headers, body });

  expect([response.status, await response.text()]).toEqual([
    400,
    expect.stringContaining('<Code>UnknownParameter</Code>'),
  ]);
  const tooSmall = ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone }));
  await expect(tooSmall).rejects.toMatchObject({ name: 'MissingParameter' });
  const dry = ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 1, DryRun: true }));
  await expect(dry).rejects.toMatchObject({ name: 'DryRunOperation', $metadata: { httpStatusCode: 412 } });
});

test.for([
  [{ VolumeType: 'io1', Size: 8 }, 'InvalidParameterCombination', /iops must be specified for io1/],
  [{ VolumeType: 'io2', Size: 8 }, 'InvalidParameterCombination', /iops must be specified for io2/],
  [{ VolumeType: 'gp2', Size: 8, Iops: 100 }, 'InvalidParameterCombination', /iops is not supported for gp2/],
  [{ VolumeType: 'io2', Size: 8, Iops: 100, Throughput: 200 }, 'InvalidParameterCombination', /throughput/],
  [{ VolumeType: 'io1', Size: 8, Iops: 401 }, 'InvalidParameterValue', /ratio.*maximum is 50/],
  [{ VolumeType: 'gp3', Size: 20, Iops: 15_000 }, 'InvalidParameterValue', /750\.0+ is too high.*500/],
  [{ VolumeType: 'gp3', Size: 20, Iops: 3000, Throughput: 1000 }, 'InvalidParameterValue', /ratio/],
  [{ VolumeType: 'st1', Size: 124 }, 'InvalidParameterValue', /too small.*125/],
  [{ VolumeType: 'io1', Size: 3, Iops: 100 }, 'InvalidParameterValue', /too small.*4/],
  [{ VolumeType: 'standard', Size: 1025 }, 'InvalidParameterValue', /too large.*1024/],
  [{ VolumeType: 'gp3', Size: 8, MultiAttachEnabled: true }, 'InvalidParameterCombination', /multiAttach/],
] as const)('refuses a volume of %o', async ([request, name, message]) => {
  const { ec2 } = await startFixture();

  await expect(
    ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, ...request })),
  ).rejects.toMatchObject({ name, message: expect.stringMatching(message) });
});

test('makes volumes in the zones that it tells of, and in no other', async () => {
  const { ec2 } = await startFixture();

  const { AvailabilityZones = [] } = await ec2.send(new DescribeAvailabilityZonesCommand({}));

  expect(AvailabilityZones.map(({ ZoneName }) => ZoneName)).toEqual([
    'us-east-1a',
    'us-east-1b',
    'us-east-1c',
  ]);
  const elsewhere = ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1z', Size: 1 }));
  await expect(elsewhere).rejects.toMatchObject({ name: 'InvalidZone.NotFound' });
  const asked = ec2.send(new DescribeAvailabilityZonesCommand({ ZoneNames: ['us-east-1z'] }));
  await expect(asked).rejects.toMatchObject({ name: 'InvalidParameterValue' });
});

test('tells the performance that a type has by itself', async () => {
  const { ec2 } = await startFixture();
  const create = async (VolumeType: 'gp2' | 'gp3') =>
    ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 100, VolumeType }));

  expect(await create('gp2')).toMatchObject({ Iops: 300 });
  expect(await create('gp3')).toMatchObject({ Iops: 3000, Throughput: 125 });
});

test('answers for a volume whose key cannot be used, and removes it without a word', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const KmsKeyId = 'arn:aws:kms:us-east-1:000000000000:key/denied';
  await fixture.configure({ loseVolumesOf: [KmsKeyId], volumeMs: 1000 });
  const order = {
    AvailabilityZone: zone,
    Size: 1,
    VolumeType: 'gp3',
    Encrypted: true,
    KmsKeyId,
    ClientToken: 'one',
  } as const;
  const { VolumeId, State } = await ec2.send(new CreateVolumeCommand(order));

  fixture.advance(1000);

  expect(State).toBe('creating');
  await expect(ec2.send(new DescribeVolumesCommand({ VolumeIds: [VolumeId!] }))).rejects.toMatchObject({
    name: 'InvalidVolume.NotFound',
  });
  await expect(ec2.send(new CreateVolumeCommand(order))).rejects.toMatchObject({
    name: 'IdempotentParameterMismatch',
    message: expect.stringContaining('already deleted'),
  });
});

test('shows a volume that is set to fail in the state error', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const VolumeId = await createVolume(fixture);
  const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId }));
  await fixture.configure({ failVolumesOf: [SnapshotId!] });

  const made = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: zone, SnapshotId }));

  const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [made.VolumeId!] }));
  expect(Volumes?.[0]?.State).toBe('error');
});
