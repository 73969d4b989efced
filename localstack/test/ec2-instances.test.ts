import {
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  RegisterImageCommand,
  RunInstancesCommand,
  type Instance,
  type RunInstancesCommandInput,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { startFixture, type GatewayFixture } from './gateway-fixture.ts';

async function runInstance(
  { ec2 }: GatewayFixture,
  input: Partial<RunInstancesCommandInput> = {},
): Promise<Instance> {
  const request = { ImageId: 'ami-0abc', MinCount: 1, MaxCount: 1, ...input };
  return (await ec2.send(new RunInstancesCommand(request))).Instances![0]!;
}

async function getInstance({ ec2 }: GatewayFixture, instanceId: string): Promise<Instance> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return Reservations![0]!.Instances![0]!;
}

test('makes the root and data volumes that a launch asks for, with their tags', async () => {
  const fixture = await startFixture();
  const instance = await runInstance(fixture, {
    InstanceType: 't3.micro',
    BlockDeviceMappings: [
      { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 20 } },
      { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 100, VolumeType: 'gp3', DeleteOnTermination: false } },
    ],
    TagSpecifications: [
      { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'database' }] },
      { ResourceType: 'volume', Tags: [{ Key: 'disk', Value: 'yes' }] },
    ],
  });

  const described = await getInstance(fixture, instance.InstanceId!);
  const { Volumes } = await fixture.ec2.send(
    new DescribeVolumesCommand({ Filters: [{ Name: 'tag:disk', Values: ['yes'] }] }),
  );

  expect(described).toMatchObject({
    InstanceType: 't3.micro',
    RootDeviceName: '/dev/xvda',
    Tags: [{ Value: 'database' }],
  });
  expect(described.BlockDeviceMappings?.map((one) => [one.DeviceName, one.Ebs?.DeleteOnTermination])).toEqual(
    [
      ['/dev/xvda', true],
      ['/dev/sdf', false],
    ],
  );
  expect(Volumes?.map((volume) => volume.Size)).toEqual([20, 100]);
});

test('is pending until its time is over', async () => {
  const fixture = await startFixture();
  await fixture.configure({ instanceMs: 1000 });

  const { InstanceId = '', State } = await runInstance(fixture);
  fixture.advance(1000);
  const later = await getInstance(fixture, InstanceId);

  expect([State?.Name, later.State?.Name]).toEqual(['pending', 'running']);
});

test('registers an image, once under a name, whose snapshot cannot be deleted while it exists', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const root = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 8 }));
  const { SnapshotId } = await ec2.send(new CreateSnapshotCommand({ VolumeId: root.VolumeId }));
  const register = () =>
    ec2.send(
      new RegisterImageCommand({
        Name: 'restored',
        Architecture: 'arm64',
        RootDeviceName: '/dev/xvda',
        BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId, VolumeSize: 9 } }],
      }),
    );

  const { ImageId } = await register();

  const instance = await runInstance(fixture, { ImageId });
  expect(instance).toMatchObject({ Architecture: 'arm64', RootDeviceName: '/dev/xvda' });
  expect(instance.BlockDeviceMappings).toHaveLength(1);
  await expect(register()).rejects.toMatchObject({ name: 'InvalidAMIName.Duplicate' });
  const early = ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
  await expect(early).rejects.toMatchObject({ name: 'InvalidSnapshot.InUse' });
  await ec2.send(new DeregisterImageCommand({ ImageId }));
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
});
