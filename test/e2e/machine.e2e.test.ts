import {
  CreateSecurityGroupCommand,
  DeleteSnapshotCommand,
  DescribeImagesCommand,
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  EC2Client,
  type Instance,
  RevokeSecurityGroupEgressCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { ResourceArn } from '@holdfast/engine';
import type { LaunchCheck, RestoreReport } from '@holdfast/engine/model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashVolume, writeVolume } from '../../localstack/demo/source-machine.ts';
import { VolumeBytes } from '../../localstack/volume-bytes.ts';
import { describeUnless, findGap } from '../support/gaps.ts';
import { newestPoint, runGoodCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { GatewayClient } from './support/gateway.ts';
import { testPlans } from './support/names.ts';
import { restore } from './support/restores.ts';

const app = openApp();
const ec2 = new EC2Client({});
const gateway = new GatewayClient(app);
const noGateway = await findGap('gateway');
const UserData = Buffer.from('#!/bin/sh\necho a secret\n').toString('base64');

async function describe(instanceId: string): Promise<Instance> {
  const command = new DescribeInstancesCommand({ InstanceIds: [instanceId] });
  return (await ec2.send(command)).Reservations?.[0]?.Instances?.[0] ?? {};
}

async function imagesOfRestores(): Promise<unknown[]> {
  const Filters = [{ Name: 'tag-key', Values: ['holdfast:restore'] }];
  return (await ec2.send(new DescribeImagesCommand({ Owners: ['self'], Filters }))).Images ?? [];
}

async function snapshotsWith(Name: string, Values: string[]): Promise<string[]> {
  const command = new DescribeSnapshotsCommand({ Filters: [{ Name, Values }] });
  return ((await ec2.send(command)).Snapshots ?? []).map(({ SnapshotId = '' }) => SnapshotId);
}

describeUnless(noGateway)('a machine that is lost', () => {
  const bytes = new VolumeBytes(app.environment['AWS_ENDPOINT_URL'] ?? '');
  let lost: Instance;
  let pointId: string;
  const hashes = new Map<string, string>();

  beforeAll(async () => {
    const launched = await ec2.send(
      new RunInstancesCommand({
        ImageId: 'ami-0123456789abcdef0',
        InstanceType: 't4g.small',
        MinCount: 1,
        MaxCount: 1,
        UserData,
        BlockDeviceMappings: ['/dev/xvda', '/dev/sdf'].map((DeviceName) => ({
          DeviceName,
          Ebs: { VolumeSize: 1, VolumeType: 'gp3' as const, DeleteOnTermination: true },
        })),
        TagSpecifications: [
          { ResourceType: 'instance', Tags: tagsOf({ Name: 'web', 'holdfast:plan': testPlans.machines }) },
        ],
      }),
    );
    lost = await describe(launched.Instances?.[0]?.InstanceId ?? '');
    for (const [device, volumeId] of volumesOf(lost)) {
      await writeVolume(bytes, volumeId, `what was on ${device}`);
      hashes.set(device, await hashVolume(bytes, volumeId));
    }
    await runGoodCycle(app, testPlans.machines, 'full');
    const arn = `arn:aws:ec2:${app.region}:${app.accountId}:instance/${lost.InstanceId}` as ResourceArn;
    ({ pointId } = await newestPoint(app, arn));
    await ec2.send(new TerminateInstancesCommand({ InstanceIds: [lost.InstanceId ?? ''] }));
  });

  afterAll(async () => {
    await gateway.setEc2({ noCapacityFor: [] });
  });

  test('comes back as it was, with every byte, its address and its user data', async () => {
    const target = { instance: { privateAddress: 'keep' } };
    const { status, output } = await restore(app, { point: pointId, target });

    expect(status).toBe('SUCCEEDED');
    const { report } = output as { report: RestoreReport };
    expect(report).toMatchObject({ state: 'completed', instance: { type: 't4g.small', state: 'running' } });
    const back = await describe(report.instance?.instanceId ?? '');
    expect(back).toMatchObject({
      PrivateIpAddress: lost.PrivateIpAddress,
      SubnetId: lost.SubnetId,
      InstanceType: 't4g.small',
    });
    expect(back.Tags?.map(({ Key }) => Key).sort()).toEqual(['Name', 'holdfast:restore']);
    for (const [device, volumeId] of volumesOf(back))
      expect(await hashVolume(bytes, volumeId), device).toBe(hashes.get(device));
    const InstanceId = back.InstanceId ?? '';
    const attribute = new DescribeInstanceAttributeCommand({ InstanceId, Attribute: 'userData' });
    expect((await ec2.send(attribute)).UserData?.Value).toBe(UserData);
    expect(await imagesOfRestores()).toEqual([]);
  });

  test('is not launched where something stands in the way, and a dry run says so', async () => {
    const target = { instance: { privateAddress: 'keep', keyName: 'nobodys' } };

    const asked = await restore(app, { point: pointId, target, dryRun: true });
    const refused = await restore(app, { point: pointId, target });

    const { check } = (asked.output as { launch: { check: LaunchCheck } }).launch;
    expect(asked.status).toBe('SUCCEEDED');
    expect(check.problems).toEqual([
      expect.stringContaining(`${lost.PrivateIpAddress} is in use by i-`),
      expect.stringContaining('key pair nobodys does not exist'),
    ]);
    expect(refused).toMatchObject({ status: 'FAILED', error: 'LaunchRefusedError' });
  });

  test('is launched without a network, and stopped, for a look at it', async () => {
    const GroupName = `no-network-${Date.now()}`;
    const made = await ec2.send(new CreateSecurityGroupCommand({ GroupName, Description: 'no rule' }));
    const GroupId = made.GroupId ?? '';
    const IpPermissions = [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }];
    await ec2.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions }));

    const target = { instance: { network: false, securityGroups: [GroupId], stopped: true } };
    const { status, output } = await restore(app, { point: pointId, target });

    expect(status).toBe('SUCCEEDED');
    const { report } = output as { report: RestoreReport };
    const back = await describe(report.instance?.instanceId ?? '');
    expect(back).toMatchObject({
      State: { Name: 'stopped' },
      SecurityGroups: [{ GroupId }],
      MetadataOptions: { HttpEndpoint: 'disabled' },
    });
    expect(back.PublicIpAddress).toBeUndefined();
  });

  test('fails with what EC2 says where there is no capacity, and leaves no AMI', async () => {
    await gateway.setEc2({ noCapacityFor: ['t4g.*'] });

    const ended = await restore(app, { point: pointId, target: { instance: {} } });

    await gateway.setEc2({ noCapacityFor: [] });
    expect(ended).toMatchObject({ status: 'FAILED', error: 'InstanceFailedError' });
    expect(ended.reason).toContain('InsufficientInstanceCapacity');
    expect(await imagesOfRestores()).toEqual([]);
  });

  test('comes back out of the vault, with every byte, when its snapshots are gone', async () => {
    const taken = await snapshotsWith(
      'volume-id',
      volumesOf(lost).map(([, volumeId]) => volumeId),
    );
    expect(taken).toHaveLength(2);
    for (const SnapshotId of taken) await ec2.send(new DeleteSnapshotCommand({ SnapshotId }));

    const { status, output } = await restore(app, { point: pointId, target: { instance: {} } });

    expect(status).toBe('SUCCEEDED');
    const { report } = output as { report: RestoreReport };
    expect(report).toMatchObject({ state: 'completed', instance: { state: 'running' } });
    expect(report.volumes?.map(({ from }) => from)).toEqual(['vault', 'vault']);
    const back = await describe(report.instance?.instanceId ?? '');
    for (const [device, volumeId] of volumesOf(back))
      expect(await hashVolume(bytes, volumeId), device).toBe(hashes.get(device));
    expect(await imagesOfRestores()).toEqual([]);
    expect(await snapshotsWith('tag-key', ['holdfast:restore'])).toEqual([]);
  });
});

function volumesOf({ BlockDeviceMappings = [] }: Instance): [device: string, volumeId: string][] {
  return BlockDeviceMappings.map(({ DeviceName = '', Ebs }) => [DeviceName, Ebs?.VolumeId ?? '']);
}

function tagsOf(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}
