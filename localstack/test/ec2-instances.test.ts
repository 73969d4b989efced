import {
  CreateImageCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeAvailabilityZonesCommand,
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  RegisterImageCommand,
  RunInstancesCommand,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
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

test('takes an instance through its states by the clock', async () => {
  const fixture = await startFixture();
  await fixture.configure({ instanceMs: 1000 });
  const { InstanceId = '', State } = await runInstance(fixture);
  const states = [State?.Name];
  const InstanceIds = [InstanceId];

  fixture.advance(1000);
  states.push((await getInstance(fixture, InstanceId)).State?.Name);
  const stopped = await fixture.ec2.send(new StopInstancesCommand({ InstanceIds }));
  states.push(stopped.StoppingInstances?.[0]?.CurrentState?.Name);
  await expect(fixture.ec2.send(new StartInstancesCommand({ InstanceIds }))).rejects.toMatchObject({
    name: 'IncorrectInstanceState',
  });
  fixture.advance(1000);
  states.push((await getInstance(fixture, InstanceId)).State?.Name);
  await fixture.ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  fixture.advance(1000);
  states.push((await getInstance(fixture, InstanceId)).State?.Name);

  expect(states).toEqual(['pending', 'running', 'stopping', 'stopped', 'terminated']);
});

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

test('keeps at termination the volumes that are to outlive the instance', async () => {
  const fixture = await startFixture();
  const instance = await runInstance(fixture, {
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 3, DeleteOnTermination: false } }],
  });

  await fixture.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instance.InstanceId!] }));

  const { Volumes } = await fixture.ec2.send(new DescribeVolumesCommand({}));
  expect(Volumes).toMatchObject([{ Size: 3, State: 'available' }]);
});

test('makes an image whose snapshots cannot be deleted while it exists', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const source = await runInstance(fixture);
  const { ImageId = '' } = await ec2.send(
    new CreateImageCommand({ InstanceId: source.InstanceId, Name: 'golden' }),
  );
  const { Images } = await ec2.send(
    new DescribeImagesCommand({ Owners: ['self'], Filters: [{ Name: 'name', Values: ['gold*'] }] }),
  );
  const SnapshotId = Images![0]!.BlockDeviceMappings![0]!.Ebs!.SnapshotId;

  const copy = await runInstance(fixture, { ImageId });
  const early = ec2.send(new DeleteSnapshotCommand({ SnapshotId }));
  await expect(early).rejects.toMatchObject({ name: 'InvalidSnapshot.InUse' });
  await ec2.send(new DeregisterImageCommand({ ImageId }));
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));

  expect(copy.BlockDeviceMappings).toHaveLength(1);
});

test('registers an image from a snapshot of a restored root volume, once under a name', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const source = await runInstance(fixture);
  const { ImageId: sourceImage } = await ec2.send(
    new CreateImageCommand({ InstanceId: source.InstanceId, Name: 'source' }),
  );
  const { Images } = await ec2.send(new DescribeImagesCommand({ ImageIds: [sourceImage!] }));
  const { SnapshotId } = Images![0]!.BlockDeviceMappings![0]!.Ebs!;
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
  await expect(register()).rejects.toMatchObject({ name: 'InvalidAMIName.Duplicate' });
});

test('shows the attributes of an instance that its configuration records', async () => {
  const fixture = await startFixture();
  const UserData = Buffer.from('#!/bin/sh').toString('base64');
  const { InstanceId } = await runInstance(fixture, { UserData, DisableApiTermination: true });
  const attribute = (Attribute: 'userData' | 'disableApiTermination' | 'instanceType') =>
    fixture.ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute }));

  expect((await attribute('userData')).UserData?.Value).toBe(UserData);
  expect((await attribute('instanceType')).InstanceType?.Value).toBe('m1.small');
  expect((await attribute('disableApiTermination')).DisableApiTermination?.Value).toBe(true);
  const terminate = fixture.ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId!] }));
  await expect(terminate).rejects.toMatchObject({ name: 'OperationNotPermitted' });
});

test('lists the zones of the region that is asked', async () => {
  const { ec2 } = await startFixture();

  const { AvailabilityZones } = await ec2.send(new DescribeAvailabilityZonesCommand({}));

  expect(AvailabilityZones?.map((zone) => zone.ZoneName)).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
});
