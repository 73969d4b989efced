import {
  CreateSecurityGroupCommand,
  DescribeInstancesCommand,
  ImportKeyPairCommand,
  RevokeSecurityGroupEgressCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { judgeLaunch, type MachineConfiguration, registerRequest, runRequest } from '@holdfast/aws';
import { Ec2Images, Ec2Launches } from '@holdfast/aws/ec2';
import { expect, test } from 'vitest';
import { connect, uniqueName } from './support/emulated-aws.ts';

const clients = connect();
const images = new Ec2Images(clients);
const launches = new Ec2Launches(clients);
const UserData = Buffer.from('#!/bin/sh\n').toString('base64');

/** A machine with a key pair, a security group, user data and two volumes, as a point records it. */
async function startMachine(): Promise<MachineConfiguration> {
  const KeyName = uniqueName('key');
  await clients.ec2.send(
    new ImportKeyPairCommand({ KeyName, PublicKeyMaterial: Buffer.from('ssh-ed25519 AAAA') }),
  );
  const { Instances } = await clients.ec2.send(
    new RunInstancesCommand({
      ImageId: 'ami-0123456789abcdef0',
      InstanceType: 't4g.small',
      MinCount: 1,
      MaxCount: 1,
      KeyName,
      UserData,
      SecurityGroupIds: [await makeGroup()],
      DisableApiTermination: true,
      MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 3 },
      CreditSpecification: { CpuCredits: 'standard' },
      BlockDeviceMappings: [
        { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 1, VolumeType: 'gp3', DeleteOnTermination: true } },
        { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 2, VolumeType: 'gp3', DeleteOnTermination: false } },
      ],
    }),
  );
  return recordOf(Instances?.[0]?.InstanceId ?? '');
}

async function recordOf(instanceId: string): Promise<MachineConfiguration> {
  const machine = await images.getMachine(instanceId);
  const readAt = '2026-03-01T00:00:00.000Z';
  return { ...machine, attributes: { readAt, ...(await images.getMachineAttributes(machine)) } };
}

async function makeGroup(): Promise<string> {
  const input = { GroupName: uniqueName('group'), Description: 'of a test' };
  return (await clients.ec2.send(new CreateSecurityGroupCommand(input))).GroupId ?? '';
}

/** Registers an AMI of new snapshots of a machine. */
async function register(machine: MachineConfiguration): Promise<string> {
  const made = await images.createMachineSnapshots(machine, { 'holdfast:run': uniqueName('run') }, 'a test');
  if (made === 'busy') throw new Error('EC2 takes no snapshots');
  const snapshotOf = new Map(made.map(({ volumeId, snapshotId }) => [volumeId, snapshotId]));
  const order = { name: uniqueName('ami'), description: 'a test', tags: { 'holdfast:restore': 'r' } };
  const request = registerRequest(machine, snapshotOf, order);
  expect(await launches.askToRegister(request)).toBe('would-succeed');
  const ordered = await launches.registerImage(request);
  if (ordered === 'name-taken' || 'refusal' in ordered) throw new Error('EC2 registers nothing');
  expect(await launches.registerImage(request)).toBe('name-taken');
  expect(await launches.findImage(order.name)).toMatchObject({
    imageId: ordered.made,
    state: 'available',
    tags: order.tags,
  });
  return ordered.made;
}

/** The machine without what every launch makes anew. */
const likeThese = (one: MachineConfiguration) => ({
  ...one,
  instanceId: '',
  imageId: '',
  privateIpAddress: '',
  tags: {},
  networkInterfaces: one.networkInterfaces?.map((each) => ({
    ...each,
    interfaceId: '',
    privateIpAddress: '',
    publicIp: { ...each.publicIp, address: '' },
  })),
  volumes: one.volumes.map((volume) => ({ ...volume, volumeId: '', tags: {} })),
});

test('a machine that is launched from its record is, but for its addresses, as it was', async () => {
  const machine = await startMachine();
  const facts = await launches.findFacts(machine, {});
  const tags = { 'holdfast:restore': 'r' };
  const imageId = await register(machine);
  const clientToken = uniqueName('t');
  const request = runRequest(machine, {}, { imageId, clientToken, tags, tagsOfParts: tags });

  const asked = await launches.askToRun({ ...request, ImageId: machine.imageId });
  const ordered = await launches.runInstance(request);
  const again = await launches.runInstance(request);
  await launches.deregisterImage(imageId);
  await launches.deregisterImage(imageId);

  expect(judgeLaunch(machine, {}, facts, []).problems).toEqual([]);
  expect([asked, again]).toEqual(['would-succeed', ordered]);
  const instanceId = 'made' in ordered ? ordered.made : '';
  const state = await launches.findInstance(instanceId);
  expect(await launches.findLaunched(clientToken)).toEqual(state);
  expect(await launches.findLaunched('another')).toBeUndefined();
  expect(state).toMatchObject({ state: 'running', type: 't4g.small' });
  expect([...(state?.volumes.keys() ?? [])].sort()).toEqual(['/dev/sdf', '/dev/xvda']);
  const copy = await recordOf(instanceId);
  expect(likeThese(copy)).toEqual(likeThese(machine));
  expect(copy.attributes?.userData).toBe(UserData);
});

test('what a launch names and is not there any more is found before', async () => {
  const machine = { ...(await startMachine()), keyName: 'gone', securityGroupIds: ['sg-0123456789abcdef0'] };
  const [primary] = machine.networkInterfaces ?? [];
  const gone = {
    ...machine,
    networkInterfaces: [{ ...primary!, securityGroupIds: ['sg-0123456789abcdef0'] }],
  };

  const facts = await launches.findFacts(gone, { privateAddress: 'keep' });
  const { problems } = judgeLaunch(gone, { privateAddress: 'keep' }, facts, []);

  expect(problems).toEqual([
    expect.stringContaining('security group sg-0123456789abcdef0 does not exist'),
    expect.stringContaining(`${primary?.privateIpAddress} is in use by ${machine.instanceId}`),
    expect.stringContaining('key pair gone does not exist'),
  ]);
});

test('a group without any rule is found for a machine without a network', async () => {
  const machine = await startMachine();
  const GroupId = await makeGroup();
  const IpPermissions = [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }];
  await clients.ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions }));

  const unnamed = await launches.findFacts(machine, { network: false });
  const wishes = { network: false, securityGroups: [GroupId] } as const;
  const named = await launches.findFacts(machine, { ...wishes, securityGroups: [GroupId] });

  expect(unnamed.groupsWithoutRules).toContain(GroupId);
  expect(judgeLaunch(machine, { network: false }, unnamed, []).problems).toEqual([
    expect.stringContaining(GroupId),
  ]);
  expect(judgeLaunch(machine, { ...wishes, securityGroups: [GroupId] }, named, []).problems).toEqual([]);
});

test('an instance is stopped', async () => {
  const { instanceId } = await startMachine();

  await launches.stopInstance(instanceId);

  expect(await launches.findInstance(instanceId)).toMatchObject({ state: 'stopped' });
  const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
  expect((await clients.ec2.send(command)).Reservations).toHaveLength(1);
});

test('EC2 says why it refuses a launch, and when there is no AMI to ask with', async () => {
  const machine = await startMachine();
  const order = { imageId: machine.imageId, clientToken: uniqueName('t'), tags: {}, tagsOfParts: {} };
  const refused = runRequest(machine, { subnet: 'subnet-0123456789abcdef0' }, order);

  expect(await launches.askToRun(refused)).toMatchObject({
    refusal: expect.stringContaining('InvalidSubnetID.NotFound'),
  });
  expect(await launches.runInstance(refused)).toMatchObject({
    refusal: expect.stringContaining('InvalidSubnetID.NotFound'),
  });
});
