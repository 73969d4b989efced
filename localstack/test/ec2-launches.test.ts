import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DeleteSecurityGroupCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstanceCreditSpecificationsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeKeyPairsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVolumesCommand,
  DeleteKeyPairCommand,
  ImportKeyPairCommand,
  RegisterImageCommand,
  RevokeSecurityGroupEgressCommand,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StopInstancesCommand,
  type Subnet,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { expect, test } from 'vitest';
import { type GatewayFixture, startFixture } from './gateway-fixture.ts';

const publicImage = 'ami-0abc';

async function launch({ ec2 }: GatewayFixture, input: Partial<RunInstancesCommandInput> = {}) {
  const request = {
    ImageId: publicImage,
    InstanceType: 't3.micro' as const,
    MinCount: 1,
    MaxCount: 1,
    ...input,
  };
  return (await ec2.send(new RunInstancesCommand(request))).Instances![0]!;
}

async function describe({ ec2 }: GatewayFixture, instanceId: string) {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return Reservations![0]!.Instances![0]!;
}

async function subnetIn({ ec2 }: GatewayFixture, zone: string): Promise<Required<Subnet>> {
  const Filters = [{ Name: 'availability-zone', Values: [zone] }];
  return (await ec2.send(new DescribeSubnetsCommand({ Filters }))).Subnets![0] as Required<Subnet>;
}

async function makeGroup({ ec2 }: GatewayFixture): Promise<string> {
  const input = { GroupName: 'a group', Description: 'of a test' };
  return (await ec2.send(new CreateSecurityGroupCommand(input))).GroupId!;
}

async function snapshotOf8GiB({ ec2 }: GatewayFixture): Promise<string> {
  const volume = await ec2.send(new CreateVolumeCommand({ AvailabilityZone: 'us-east-1a', Size: 8 }));
  return (await ec2.send(new CreateSnapshotCommand({ VolumeId: volume.VolumeId }))).SnapshotId!;
}

test('an instance has the interface that its launch asks for, and nobody else gets its address', async () => {
  const fixture = await startFixture();
  const subnet = await subnetIn(fixture, 'us-east-1b');
  const SecurityGroupIds = [await makeGroup(fixture)];
  const placed = { SubnetId: subnet.SubnetId, PrivateIpAddress: '172.31.16.40', SecurityGroupIds };

  const instance = await launch(fixture, placed);

  expect(instance).toMatchObject({
    SubnetId: subnet.SubnetId,
    VpcId: subnet.VpcId,
    PrivateIpAddress: '172.31.16.40',
    Placement: { AvailabilityZone: 'us-east-1b' },
    NetworkInterfaces: [
      {
        SubnetId: subnet.SubnetId,
        Groups: [{ GroupId: SecurityGroupIds[0] }],
        Attachment: { DeviceIndex: 0, DeleteOnTermination: true },
        Association: { IpOwnerId: 'amazon' },
      },
    ],
  });
  await expect(launch(fixture, placed)).rejects.toMatchObject({ name: 'InvalidIPAddress.InUse' });
  const Filters = [{ Name: 'addresses.private-ip-address', Values: ['172.31.16.40'] }];
  const { NetworkInterfaces } = await fixture.ec2.send(new DescribeNetworkInterfacesCommand({ Filters }));
  expect(NetworkInterfaces).toMatchObject([{ Attachment: { InstanceId: instance.InstanceId } }]);
});

test('an instance has several interfaces, with secondary and IPv6 addresses, and no public one unless asked', async () => {
  const fixture = await startFixture();
  const { SubnetId } = await subnetIn(fixture, 'us-east-1a');
  const group = await makeGroup(fixture);

  const { NetworkInterfaces } = await launch(fixture, {
    NetworkInterfaces: [
      {
        DeviceIndex: 0,
        SubnetId,
        Groups: [group],
        PrivateIpAddress: '172.31.0.20',
        PrivateIpAddresses: [{ PrivateIpAddress: '172.31.0.21', Primary: false }],
        Ipv6Addresses: [{ Ipv6Address: '2600:1f00::1' }],
      },
      { DeviceIndex: 1, SubnetId, Description: 'the other one', SecondaryPrivateIpAddressCount: 2 },
    ],
    TagSpecifications: [{ ResourceType: 'network-interface', Tags: [{ Key: 'of', Value: 'a test' }] }],
  });

  expect(NetworkInterfaces?.map((one) => one.PrivateIpAddresses?.length)).toEqual([2, 3]);
  expect(NetworkInterfaces?.[0]).toMatchObject({
    Groups: [{ GroupId: group }],
    PrivateIpAddresses: [
      { PrivateIpAddress: '172.31.0.20', Primary: true },
      { PrivateIpAddress: '172.31.0.21', Primary: false },
    ],
    Ipv6Addresses: [{ Ipv6Address: '2600:1f00::1' }],
  });
  const alone = await launch(fixture, {
    NetworkInterfaces: [{ DeviceIndex: 0, SubnetId, AssociatePublicIpAddress: false }],
  });
  expect(alone.PublicIpAddress).toBeUndefined();
});

test.for([
  ['InvalidSubnetID.NotFound', { SubnetId: 'subnet-0123' }],
  ['InvalidGroup.NotFound', { SecurityGroupIds: ['sg-0123'] }],
  ['InvalidKeyPair.NotFound', { KeyName: 'gone' }],
  ['InvalidParameterValue', { PrivateIpAddress: '10.9.9.9' }],
  ['InvalidParameterValue', { IamInstanceProfile: { Name: 'gone' } }],
  [
    'UnauthorizedOperation',
    { IamInstanceProfile: { Arn: 'arn:aws:iam::000000000000:instance-profile/kept' } },
  ],
  ['InvalidAMIID.NotFound', { ImageId: 'ami-0dead' }],
  ['Unsupported', { InstanceType: 'x1e.32xlarge' as const }],
  ['InvalidParameterCombination', { SubnetId: 'subnet-0123', NetworkInterfaces: [{ DeviceIndex: 0 }] }],
  [
    'InvalidParameterCombination',
    { NetworkInterfaces: [0, 1].map((DeviceIndex) => ({ DeviceIndex, AssociatePublicIpAddress: true })) },
  ],
] as const)('refuses a launch with %s, also as a dry run', async ([name, input]) => {
  const fixture = await startFixture();
  await fixture.configure({
    missingProfiles: ['gone'],
    unpassableProfiles: ['kept'],
    missingImages: ['ami-0dead'],
    typesNotOffered: ['x1e.*'],
  });

  for (const DryRun of [false, true])
    await expect(launch(fixture, { ...input, DryRun } as RunInstancesCommandInput)).rejects.toMatchObject({
      name,
    });
});

test('a dry run of a launch that names only what is there would succeed, also where capacity is lacking', async () => {
  const fixture = await startFixture();
  await fixture.configure({ noCapacityFor: ['t3.*'] });

  await expect(launch(fixture, { DryRun: true })).rejects.toMatchObject({ name: 'DryRunOperation' });
  await expect(launch(fixture)).rejects.toMatchObject({
    name: 'InsufficientInstanceCapacity',
    $metadata: { httpStatusCode: 500 },
  });
  const { Reservations } = await fixture.ec2.send(new DescribeInstancesCommand());
  expect(Reservations).toEqual([]);
});

test('a launch with a known token answers the first one’s instance, and refuses another request', async () => {
  const fixture = await startFixture();

  const first = await launch(fixture, { ClientToken: 'one' });
  const second = await launch(fixture, { ClientToken: 'one' });

  expect(second.InstanceId).toBe(first.InstanceId);
  const Filters = [{ Name: 'client-token', Values: ['one'] }];
  const { Reservations } = await fixture.ec2.send(new DescribeInstancesCommand({ Filters }));
  expect(Reservations).toMatchObject([{ Instances: [{ InstanceId: first.InstanceId }] }]);
  const other = launch(fixture, { ClientToken: 'one', InstanceType: 't3.large' });
  await expect(other).rejects.toMatchObject({ name: 'IdempotentParameterMismatch' });
});

test('an instance whose volume cannot be encrypted is pending, then terminated with the reason', async () => {
  const fixture = await startFixture();
  const SnapshotId = await snapshotOf8GiB(fixture);
  await fixture.configure({ instanceMs: 1000, loseVolumesOf: [SnapshotId] });

  const { InstanceId = '', State } = await launch(fixture, {
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { SnapshotId } }],
  });
  fixture.advance(1000);
  const ended = await describe(fixture, InstanceId);

  expect(State?.Name).toBe('pending');
  expect(ended).toMatchObject({
    State: { Name: 'terminated' },
    StateReason: { Code: 'Client.InternalError' },
  });
});

test('an instance is stopped and terminated after a while, and takes with it what was to end with it', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const { InstanceId = '' } = await launch(fixture, {
    BlockDeviceMappings: [
      { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 8, DeleteOnTermination: true } },
      { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 9, DeleteOnTermination: false } },
    ],
  });
  await fixture.configure({ instanceMs: 1000 });
  const names: (string | undefined)[] = [];
  const look = async () => names.push((await describe(fixture, InstanceId)).State?.Name);

  await ec2.send(new StopInstancesCommand({ InstanceIds: [InstanceId] }));
  await look();
  fixture.advance(1000);
  await look();
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] }));
  await look();
  fixture.advance(1000);
  await look();

  expect(names).toEqual(['stopping', 'stopped', 'shutting-down', 'terminated']);
  const { Volumes } = await ec2.send(new DescribeVolumesCommand({}));
  expect(Volumes).toMatchObject([{ Size: 9, State: 'available' }]);
  const { NetworkInterfaces } = await ec2.send(new DescribeNetworkInterfacesCommand({}));
  expect(NetworkInterfaces).toEqual([]);
});

test('protection of an instance holds until it is taken off', async () => {
  const fixture = await startFixture();
  const { InstanceId = '' } = await launch(fixture, { DisableApiTermination: true, DisableApiStop: true });
  const InstanceIds = [InstanceId];

  const stopped = fixture.ec2.send(new StopInstancesCommand({ InstanceIds }));
  await expect(stopped).rejects.toMatchObject({ name: 'OperationNotPermitted' });
  const terminated = fixture.ec2.send(new TerminateInstancesCommand({ InstanceIds }));
  await expect(terminated).rejects.toMatchObject({ name: 'OperationNotPermitted' });
});

test('describes attributes one by one, and what a launch asked for', async () => {
  const fixture = await startFixture();
  const UserData = Buffer.from('#!/bin/sh\n').toString('base64');
  const { InstanceId = '' } = await launch(fixture, {
    UserData,
    DisableApiTermination: true,
    InstanceInitiatedShutdownBehavior: 'terminate',
    CreditSpecification: { CpuCredits: 'standard' },
    MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 5 },
    CpuOptions: { CoreCount: 2, ThreadsPerCore: 1 },
    Monitoring: { Enabled: true },
    LaunchTemplate: { LaunchTemplateId: 'lt-0123', Version: '7' },
  });
  const attribute = async (
    Attribute: 'userData' | 'disableApiTermination' | 'instanceInitiatedShutdownBehavior',
  ) => fixture.ec2.send(new DescribeInstanceAttributeCommand({ InstanceId, Attribute }));

  expect((await attribute('userData')).UserData).toEqual({ Value: UserData });
  expect((await attribute('disableApiTermination')).DisableApiTermination).toEqual({ Value: true });
  expect((await attribute('instanceInitiatedShutdownBehavior')).InstanceInitiatedShutdownBehavior).toEqual({
    Value: 'terminate',
  });
  const credits = new DescribeInstanceCreditSpecificationsCommand({ InstanceIds: [InstanceId] });
  expect((await fixture.ec2.send(credits)).InstanceCreditSpecifications).toEqual([
    { InstanceId, CpuCredits: 'standard' },
  ]);
  const described = await describe(fixture, InstanceId);
  expect(described).toMatchObject({
    MetadataOptions: { HttpTokens: 'optional', HttpPutResponseHopLimit: 5, HttpEndpoint: 'enabled' },
    CpuOptions: { CoreCount: 2, ThreadsPerCore: 1 },
    Monitoring: { State: 'enabled' },
  });
  const tags = Object.fromEntries(described.Tags!.map(({ Key, Value }) => [Key, Value]));
  expect(tags).toEqual({ 'aws:ec2launchtemplate:id': 'lt-0123', 'aws:ec2launchtemplate:version': '7' });
});

test('an image is described as it was registered, and one of others as long as it exists', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  await fixture.configure({ instanceMs: 1000, missingImages: ['ami-0dead'] });
  const SnapshotId = await snapshotOf8GiB(fixture);
  const { ImageId = '' } = await ec2.send(
    new RegisterImageCommand({
      Name: 'restored',
      Architecture: 'arm64',
      BootMode: 'uefi',
      ImdsSupport: 'v2.0',
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: [
        {
          DeviceName: '/dev/xvda',
          Ebs: { SnapshotId, VolumeType: 'gp3', Iops: 4000, DeleteOnTermination: false },
        },
      ],
    }),
  );
  const image = async (id: string) =>
    (await ec2.send(new DescribeImagesCommand({ ImageIds: [id] }))).Images?.[0];

  expect(await image(ImageId)).toMatchObject({
    State: 'pending',
    BootMode: 'uefi',
    ImdsSupport: 'v2.0',
    BlockDeviceMappings: [{ Ebs: { SnapshotId, VolumeType: 'gp3', Iops: 4000, DeleteOnTermination: false } }],
  });
  await expect(launch(fixture, { ImageId })).rejects.toMatchObject({ name: 'InvalidAMIID.Unavailable' });
  fixture.advance(1000);
  expect((await image(ImageId))?.State).toBe('available');
  await ec2.send(new DeregisterImageCommand({ ImageId }));
  // Gone is gone: from then on its id is one of others.
  expect(await image(publicImage)).toMatchObject({ Public: true });
  await expect(image('ami-0dead')).rejects.toMatchObject({ name: 'InvalidAMIID.NotFound' });
});

test('a security group starts with everything let out, and goes when no interface has it', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const GroupId = await makeGroup(fixture);
  const read = async () =>
    (await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }))).SecurityGroups![0]!;
  const everything = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };

  const before = await read();
  await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: [everything] }));
  const empty = await read();
  const ssh = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '10.0.0.0/8' }] };
  await ec2.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [ssh] }));

  expect(before).toMatchObject({ IpPermissions: [], IpPermissionsEgress: [everything] });
  expect(empty).toMatchObject({ IpPermissions: [], IpPermissionsEgress: [] });
  expect((await read()).IpPermissions).toMatchObject([ssh]);
  const { InstanceId = '' } = await launch(fixture, { SecurityGroupIds: [GroupId] });
  const remove = async () => ec2.send(new DeleteSecurityGroupCommand({ GroupId }));
  await expect(remove()).rejects.toMatchObject({ name: 'DependencyViolation' });
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [InstanceId] }));
  await remove();
  await expect(read()).rejects.toMatchObject({ name: 'InvalidGroup.NotFound' });
});

test('a key pair is there once it was imported, and until it is deleted', async () => {
  const fixture = await startFixture();
  const { ec2 } = fixture;
  const KeyName = 'ann';
  await ec2.send(new ImportKeyPairCommand({ KeyName, PublicKeyMaterial: Buffer.from('ssh-ed25519 AAAA') }));

  expect((await launch(fixture, { KeyName })).KeyName).toBe(KeyName);
  await ec2.send(new DeleteKeyPairCommand({ KeyName }));
  const gone = ec2.send(new DescribeKeyPairsCommand({ KeyNames: [KeyName] }));
  await expect(gone).rejects.toMatchObject({ name: 'InvalidKeyPair.NotFound' });
});

test('offers a type in every zone, unless a setting takes it out', async () => {
  const fixture = await startFixture();
  await fixture.configure({ typesNotOffered: ['p5.*'] });
  const Filters = [
    { Name: 'instance-type', Values: ['p5.48xlarge', 't3.micro'] },
    { Name: 'location', Values: ['us-east-1b'] },
  ];

  const { InstanceTypeOfferings } = await fixture.ec2.send(
    new DescribeInstanceTypeOfferingsCommand({ LocationType: 'availability-zone', Filters }),
  );

  expect(InstanceTypeOfferings).toEqual([
    { InstanceType: 't3.micro', LocationType: 'availability-zone', Location: 'us-east-1b' },
  ]);
});
