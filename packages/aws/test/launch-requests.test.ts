import { describe, expect, test } from 'vitest';
import { MachineConfiguration } from '../src/images/ec2-machine.ts';
import { judgeLaunch, type LaunchFacts } from '../src/images/judge-launch.ts';
import { registerRequest, runRequest } from '../src/images/launch-requests.ts';

const order = { imageId: 'ami-2', clientToken: 't', tags: { Name: 'web' }, tagsOfParts: { of: 'restore' } };
const primary = {
  interfaceId: 'eni-1',
  deviceIndex: 0,
  subnetId: 'subnet-1',
  securityGroupIds: ['sg-1'],
  privateIpAddress: '10.0.0.5',
  secondaryIpAddresses: ['10.0.0.6'],
  ipv6Addresses: ['2600::5'],
  publicIp: { address: '3.3.3.3', isElastic: false },
};
const second = {
  ...primary,
  interfaceId: 'eni-2',
  deviceIndex: 1,
  subnetId: 'subnet-2',
  publicIp: undefined,
};

function machineWith(fields: object = {}): MachineConfiguration {
  return MachineConfiguration.parse({
    instanceId: 'i-1',
    instanceType: 'm7g.large',
    imageId: 'ami-1',
    availabilityZone: 'us-east-1a',
    subnetId: 'subnet-1',
    securityGroupIds: ['sg-1'],
    networkInterfaces: [primary],
    iamInstanceProfileArn: 'arn:aws:iam::1:instance-profile/web',
    keyName: 'ann',
    cpuOptions: { coreCount: 1, threadsPerCore: 1 },
    metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 3 },
    placementGroup: { name: 'near' },
    volumes: [],
    tags: {},
    attributes: {
      readAt: '2026-03-01T00:00:00Z',
      userData: 'c2g=',
      disableApiTermination: true,
      disableApiStop: true,
    },
    ...fields,
  });
}

const facts: LaunchFacts = {
  subnets: new Map([
    ['subnet-1', { vpcId: 'vpc-1', availabilityZone: 'us-east-1a' }],
    ['subnet-9', { vpcId: 'vpc-9', availabilityZone: 'us-east-1c' }],
  ]),
  groups: new Map([
    ['sg-1', { vpcId: 'vpc-1', rules: 1 }],
    ['sg-0', { vpcId: 'vpc-1', rules: 0 }],
  ]),
  groupsWithoutRules: ['sg-0'],
  keyExists: true,
  takenAddresses: new Map(),
  isTypeOffered: true,
};
const role = 'arn:aws:iam::1:role/web';
const problemsOf = (
  ...[machine, wishes, told = facts, roles = [role]]: Partial<Parameters<typeof judgeLaunch>>
) => judgeLaunch(machine ?? machineWith(), wishes ?? {}, told, roles).problems;

describe('a launch', () => {
  test('asks for everything as it was, with new addresses', () => {
    expect(runRequest(machineWith(), {}, order)).toMatchObject({
      ImageId: 'ami-2',
      InstanceType: 'm7g.large',
      KeyName: 'ann',
      UserData: 'c2g=',
      DisableApiTermination: true,
      DisableApiStop: true,
      IamInstanceProfile: { Arn: 'arn:aws:iam::1:instance-profile/web' },
      CpuOptions: { CoreCount: 1, ThreadsPerCore: 1 },
      MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required', HttpPutResponseHopLimit: 3 },
      Placement: { GroupName: 'near' },
      NetworkInterfaces: [
        {
          SubnetId: 'subnet-1',
          Groups: ['sg-1'],
          SecondaryPrivateIpAddressCount: 1,
          Ipv6AddressCount: 1,
          AssociatePublicIpAddress: true,
          PrivateIpAddresses: undefined,
        },
      ],
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'web' }] },
        { ResourceType: 'volume', Tags: [{ Key: 'of', Value: 'restore' }] },
        { ResourceType: 'network-interface', Tags: [{ Key: 'of', Value: 'restore' }] },
      ],
    });
  });

  test('keeps private addresses where that is asked for', () => {
    const [made] = runRequest(machineWith(), { privateAddress: 'keep' }, order).NetworkInterfaces ?? [];

    expect(made).toMatchObject({
      PrivateIpAddresses: [
        { PrivateIpAddress: '10.0.0.5', Primary: true },
        { PrivateIpAddress: '10.0.0.6', Primary: false },
      ],
      Ipv6Addresses: [{ Ipv6Address: '2600::5' }],
      SecondaryPrivateIpAddressCount: undefined,
    });
  });

  test('of several interfaces makes all, and asks for no public address, which EC2 gives to a single one only', () => {
    const machine = machineWith({ networkInterfaces: [primary, second] });

    const made = runRequest(machine, {}, order).NetworkInterfaces;

    expect(made?.map(({ DeviceIndex, SubnetId }) => [DeviceIndex, SubnetId])).toEqual([
      [0, 'subnet-1'],
      [1, 'subnet-2'],
    ]);
    expect(made?.map((one) => one.AssociatePublicIpAddress)).toEqual([undefined, undefined]);
    expect(judgeLaunch(machine, {}, facts, [role]).differences).toContain(
      'interface 0 (eni-1) has no public address; it had 3.3.3.3',
    );
  });

  test('in another subnet makes the first interface alone, without what that subnet may lack', () => {
    const machine = machineWith({ networkInterfaces: [primary, second] });

    const { NetworkInterfaces, Placement } = runRequest(machine, { subnet: 'subnet-9' }, order);

    expect(NetworkInterfaces).toMatchObject([
      { DeviceIndex: 0, SubnetId: 'subnet-9', Ipv6AddressCount: undefined },
    ]);
    expect(Placement).not.toHaveProperty('GroupName');
  });

  test('without a network has no public address, no metadata and no profile', () => {
    const wishes = { network: false as const, securityGroups: ['sg-0'] };

    expect(runRequest(machineWith(), wishes, order)).toMatchObject({
      IamInstanceProfile: undefined,
      MetadataOptions: { HttpEndpoint: 'disabled' },
      NetworkInterfaces: [{ Groups: ['sg-0'], AssociatePublicIpAddress: false }],
    });
  });

  test('of another type has none of the options that types differ in, and of a burstable one its credits', () => {
    const machine = machineWith({
      ebsOptimized: true,
      hibernation: true,
      attributes: { readAt: '2026-03-01T00:00:00Z', cpuCredits: 'standard' },
    });

    expect(runRequest(machine, { type: 't4g.large' }, order)).toMatchObject({
      InstanceType: 't4g.large',
      CpuOptions: undefined,
      EbsOptimized: undefined,
      HibernationOptions: undefined,
      CreditSpecification: { CpuCredits: 'standard' },
    });
    expect(runRequest(machine, {}, order).CreditSpecification).toBeUndefined();
  });

  test('leaves out what is wished away, and what would keep it from being stopped', () => {
    const wishes = { keyName: false, iamInstanceProfile: false, userData: false, stopped: true } as const;

    expect(runRequest(machineWith(), wishes, order)).toMatchObject({
      KeyName: undefined,
      IamInstanceProfile: undefined,
      UserData: undefined,
      DisableApiStop: undefined,
    });
  });

  test('of a machine that was recorded before its interfaces were has one in its subnet', () => {
    const machine = machineWith({ networkInterfaces: undefined, privateIpAddress: '10.0.0.5' });

    expect(runRequest(machine, { privateAddress: 'keep' }, order).NetworkInterfaces).toMatchObject([
      { SubnetId: 'subnet-1', Groups: ['sg-1'], PrivateIpAddresses: [{ PrivateIpAddress: '10.0.0.5' }] },
    ]);
  });
});

describe('a record', () => {
  test('with fields of a later version is read, and they are left out', () => {
    const later = MachineConfiguration.parse({ ...machineWith(), quantum: { spin: 'up' } });

    expect(later).toEqual(machineWith());
  });

  test('whose field is not what it should be is not taken for one', () => {
    expect(MachineConfiguration.safeParse({ ...machineWith(), securityGroupIds: 'sg-1' }).success).toBe(
      false,
    );
  });
});

test('an AMI has the devices of the machine, each type with the performance that it takes', () => {
  const volume = {
    sizeGiB: 8,
    iops: 3000,
    throughput: 125,
    encrypted: true,
    availabilityZone: 'z',
    tags: {},
  };
  const machine = machineWith({
    rootDeviceName: '/dev/xvda',
    virtualizationType: 'hvm',
    volumes: [
      { ...volume, volumeId: 'vol-1', device: '/dev/xvda', type: 'gp3', deleteOnTermination: true },
      { ...volume, volumeId: 'vol-2', device: '/dev/sdf', type: 'gp2', deleteOnTermination: false },
    ],
  });
  const snapshots = new Map([
    ['vol-1', 'snap-1'],
    ['vol-2', 'snap-2'],
  ]);

  const request = registerRequest(machine, snapshots, { name: 'n', description: 'd', tags: {} });

  expect(request).toMatchObject({ Name: 'n', RootDeviceName: '/dev/xvda', ImdsSupport: 'v2.0' });
  expect(request.BlockDeviceMappings?.map(({ Ebs }) => Ebs)).toEqual([
    {
      SnapshotId: 'snap-1',
      VolumeSize: 8,
      VolumeType: 'gp3',
      Iops: 3000,
      Throughput: 125,
      DeleteOnTermination: true,
    },
    { SnapshotId: 'snap-2', VolumeSize: 8, VolumeType: 'gp2', DeleteOnTermination: false },
  ]);
});

describe('what stands in the way', () => {
  test('is nothing when all is there', () => {
    expect(problemsOf()).toEqual([]);
  });

  test.for([
    ['a subnet that is gone', { subnet: 'subnet-7' }, facts, [role], /subnet-7 does not exist any more/],
    [
      'a group of another VPC',
      { subnet: 'subnet-9' },
      facts,
      [role],
      /sg-1 is of vpc-1, and subnet subnet-9 of vpc-9/,
    ],
    [
      'an address to be kept elsewhere',
      { subnet: 'subnet-9', securityGroups: ['sg-1'], privateAddress: 'keep' },
      { ...facts, groups: new Map([['sg-1', { vpcId: 'vpc-9', rules: 1 }]]) },
      [role],
      /kept in the machine’s own subnet only/,
    ],
    ['no role that may be passed', {}, facts, [], /restoreTargets\.roles/],
    ['no network without a group', { network: false }, facts, [role], /has to be named: sg-0 has none/],
    [
      'no network, and no such group',
      { network: false },
      { ...facts, groupsWithoutRules: [] },
      [role],
      /the VPC has none: make one/,
    ],
    [
      'no network with a group that has rules',
      { network: false, securityGroups: ['sg-1'] },
      facts,
      [role],
      /sg-1 has 1 rules/,
    ],
  ] as const)('is %s', ([, wishes, told, roles, message]) => {
    const problems = problemsOf(
      machineWith(),
      { ...wishes, securityGroups: 'securityGroups' in wishes ? [...wishes.securityGroups] : undefined },
      told,
      roles,
    );

    expect(problems).toEqual([expect.stringMatching(message)]);
  });

  test('is no missing role where no profile is asked for', () => {
    expect(problemsOf(machineWith(), { iamInstanceProfile: false }, facts, [])).toEqual([]);
    expect(problemsOf(machineWith(), { network: false, securityGroups: ['sg-0'] }, facts, [])).toEqual([]);
  });
});

test('says what will not be as it was', () => {
  const machine = machineWith({
    lifecycle: 'spot',
    networkInterfaces: [
      { ...primary, publicIp: { address: '3.3.3.3', isElastic: true }, sourceDestCheck: false },
      { ...second, interfaceType: 'branch' },
    ],
  });

  expect(judgeLaunch(machine, {}, facts, [role]).differences).toEqual([
    'interface 0 (eni-1) gets another private address than 10.0.0.5',
    'interface 0 (eni-1) has no Elastic IP address: 3.3.3.3 stays where it is; associate it yourself',
    'interface 0 (eni-1) checks source and destination; switch that off again',
    'interface 1 (eni-2) of subnet subnet-2 is left out',
    'it is launched on demand; it was spot',
  ]);
});
