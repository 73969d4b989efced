import {
  CreateSnapshotCommand,
  CreateSnapshotsCommand,
  CreateTagsCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  LockSnapshotCommand,
  RunInstancesCommand,
  type CreateSnapshotsCommandInput,
  type DescribeSnapshotsCommandInput,
  type Snapshot,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { startFixture, type GatewayFixture } from './gateway-fixture.ts';

interface Machine {
  readonly instanceId: string;
  readonly rootId: string;
  readonly dataIds: readonly string[];
}

async function runMachine({ ec2 }: GatewayFixture, dataVolumes = 2): Promise<Machine> {
  const data = Array.from({ length: dataVolumes }, (_, index) => ({
    DeviceName: `/dev/sd${'fgh'[index]}`,
    Ebs: { VolumeSize: 2 + index },
  }));
  const run = await ec2.send(
    new RunInstancesCommand({
      ImageId: 'ami-0abc',
      MinCount: 1,
      MaxCount: 1,
      BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1 } }, ...data],
    }),
  );
  const instanceId = run.Instances![0]!.InstanceId!;
  const described = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  const volumes = described.Reservations![0]!.Instances![0]!.BlockDeviceMappings!.map(
    (one) => one.Ebs!.VolumeId!,
  );
  return { instanceId, rootId: volumes[0]!, dataIds: volumes.slice(1) };
}

async function createVolume({ ec2 }: GatewayFixture): Promise<string> {
  return (await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 1 }))).VolumeId!;
}

async function createSnapshot({ ec2 }: GatewayFixture, VolumeId: string): Promise<string> {
  return (await ec2.send(new CreateSnapshotCommand({ VolumeId }))).SnapshotId!;
}

async function describe(
  { ec2 }: GatewayFixture,
  input: DescribeSnapshotsCommandInput = {},
): Promise<Snapshot[]> {
  return (await ec2.send(new DescribeSnapshotsCommand(input))).Snapshots!;
}

test('lets a snapshot be pending with rising progress until it is completed', async () => {
  const fixture = await startFixture();
  await fixture.configure({ snapshotMs: 10_000 });
  const snapshotId = await createSnapshot(fixture, await createVolume(fixture));
  const look = async () => {
    const [snapshot] = await describe(fixture, { SnapshotIds: [snapshotId], OwnerIds: ['self'] });
    return [snapshot?.State, snapshot?.Progress];
  };

  const start = await look();
  fixture.advance(4500);
  const middle = await look();
  fixture.advance(5500);
  const end = await look();

  expect([start, middle, end]).toEqual([
    ['pending', '0%'],
    ['pending', '45%'],
    ['completed', '100%'],
  ]);
});

test('refuses to make a volume from a snapshot that is not completed', async () => {
  const fixture = await startFixture();
  await fixture.configure({ snapshotMs: 10_000 });
  const SnapshotId = await createSnapshot(fixture, await createVolume(fixture));

  const early = fixture.ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', SnapshotId }));

  await expect(early).rejects.toMatchObject({ name: 'IncorrectState' });
});

test("freezes all of an instance's volumes at one time, each with its own tags and those of the call", async () => {
  const fixture = await startFixture();
  const { instanceId, rootId, dataIds } = await runMachine(fixture);
  await fixture.ec2.send(
    new CreateTagsCommand({ Resources: [rootId], Tags: [{ Key: 'disk', Value: 'root' }] }),
  );

  const { Snapshots } = await fixture.ec2.send(
    new CreateSnapshotsCommand({
      InstanceSpecification: { InstanceId: instanceId },
      CopyTagsFromSource: 'volume',
      Description: 'holdfast',
      TagSpecifications: [{ ResourceType: 'snapshot', Tags: [{ Key: 'run', Value: 'run-1' }] }],
    }),
  );

  expect(Snapshots?.map((one) => [one.VolumeId, one.State, one.StartTime])).toEqual(
    [rootId, ...dataIds].map((volumeId) => [volumeId, 'pending', fixture.now()]),
  );
  const found = await describe(fixture, { Filters: [{ Name: 'tag:run', Values: ['run-1'] }] });
  expect(found.map((one) => [one.VolumeId, one.Tags?.length])).toEqual([
    [rootId, 2],
    [dataIds[0], 1],
    [dataIds[1], 1],
  ]);
});

test('leaves out the volumes that a call excludes, and refuses ids that are not data volumes', async () => {
  const fixture = await startFixture();
  const { instanceId, rootId, dataIds } = await runMachine(fixture);
  const create = async (specification: Partial<CreateSnapshotsCommandInput['InstanceSpecification']>) => {
    const InstanceSpecification = { InstanceId: instanceId, ...specification };
    const { Snapshots } = await fixture.ec2.send(new CreateSnapshotsCommand({ InstanceSpecification }));
    return Snapshots?.map((one) => one.VolumeId);
  };

  expect(await create({ ExcludeBootVolume: true })).toEqual(dataIds);
  expect(await create({ ExcludeDataVolumeIds: [dataIds[0]!] })).toEqual([rootId, dataIds[1]]);
  await expect(create({ ExcludeDataVolumeIds: [rootId] })).rejects.toMatchObject({
    name: 'InvalidParameterValue',
  });
  await expect(create({ InstanceId: 'i-0abc' })).rejects.toMatchObject({
    name: 'InvalidInstanceID.NotFound',
  });
});

test('fails all snapshots of an instance when one of its volumes is set to fail', async () => {
  const fixture = await startFixture();
  const { instanceId, dataIds } = await runMachine(fixture);
  await fixture.configure({ failSnapshotsOf: [dataIds[1]!], snapshotMs: 1000 });
  await fixture.ec2.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: instanceId } }));

  fixture.advance(1000);

  expect((await describe(fixture)).map((one) => one.State)).toEqual(['error', 'error', 'error']);
});

test('hides new snapshots from reads for as long as reads lag', async () => {
  const fixture = await startFixture();
  await fixture.configure({ readLagMs: 60_000 });
  const snapshotId = await createSnapshot(fixture, await createVolume(fixture));

  const early = await describe(fixture);
  const byId = describe(fixture, { SnapshotIds: [snapshotId] });
  await expect(byId).rejects.toMatchObject({ name: 'InvalidSnapshot.NotFound' });
  fixture.advance(60_000);
  const later = await describe(fixture);

  expect(early).toEqual([]);
  expect(later.map((one) => one.SnapshotId)).toEqual([snapshotId]);
});

test('refuses a second snapshot of a volume within the interval that is set', async () => {
  const fixture = await startFixture();
  await fixture.configure({ snapshotIntervalMs: 15_000 });
  const volumeId = await createVolume(fixture);
  await createSnapshot(fixture, volumeId);

  fixture.advance(14_999);
  const early = createSnapshot(fixture, volumeId);
  await expect(early).rejects.toMatchObject({ name: 'SnapshotCreationPerVolumeRateExceeded' });
  fixture.advance(1);

  await expect(createSnapshot(fixture, volumeId)).resolves.toMatch(/^snap-0[0-9a-f]{16}$/);
});

test('refuses more pending snapshots than are set, and completes those that are pending when less is set', async () => {
  const fixture = await startFixture();
  const volumeId = await createVolume(fixture);
  await fixture.configure({ snapshotMs: 60_000, pendingSnapshots: 1 });
  const SnapshotId = await createSnapshot(fixture, volumeId);

  await expect(createSnapshot(fixture, volumeId)).rejects.toMatchObject({
    name: 'PendingSnapshotLimitExceeded',
  });
  await fixture.configure({ snapshotMs: 0, pendingSnapshots: 1 });
  const { Snapshots } = await fixture.ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: [SnapshotId] }));

  expect(Snapshots?.[0]?.State).toBe('completed');
  await createSnapshot(fixture, volumeId);
});

test('names ids that it cannot read and snapshots that are gone apart', async () => {
  const fixture = await startFixture();
  const remove = (SnapshotId: string) => fixture.ec2.send(new DeleteSnapshotCommand({ SnapshotId }));

  await expect(remove('snapshot-1')).rejects.toMatchObject({ name: 'InvalidSnapshotID.Malformed' });
  await expect(remove('snap-0123456789abcdef0')).rejects.toMatchObject({ name: 'InvalidSnapshot.NotFound' });
  await expect(createSnapshot(fixture, 'vol-0123456789abcdef0')).rejects.toMatchObject({
    name: 'InvalidVolume.NotFound',
  });
});

test('locks a snapshot until a date, and does not delete it before', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const { rootId } = await runMachine(fixture, 1);
  const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId: rootId }));
  const ExpirationDate = new Date(fixture.now().getTime() + 3 * 86_400_000);

  await ec2.send(new LockSnapshotCommand({ SnapshotId, LockMode: 'governance', ExpirationDate }));

  await expect(ec2.send(new DeleteSnapshotCommand({ SnapshotId }))).rejects.toThrow(/is locked/);
  fixture.advance(4 * 86_400_000);
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
});
