import type { MachineConfiguration } from '@holdfast/aws';
import type { InstanceWishes } from '@holdfast/engine/model';
import { putJson } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { restoreFiles } from '../../lambdas/restore/restore-job.ts';
import { makeDeployment, PLENTY, readJson } from './support/deployment.ts';
import { INSTANCE, protectImage } from './support/imaging.ts';
import { makeVolume } from './support/memory-images.ts';
import { EXECUTION, endRestore, makeRestoring, restoresOnTheLog } from './support/restoring.ts';

const minute = 60_000;

/** A machine with two volumes, one interface and a profile. */
const MACHINE: Partial<MachineConfiguration> = {
  architecture: 'arm64',
  platform: 'Linux/UNIX',
  bootMode: 'uefi',
  subnetId: 'subnet-1',
  rootDeviceName: '/dev/xvda',
  keyName: 'ann',
  iamInstanceProfileArn: 'arn:aws:iam::000000000000:instance-profile/web',
  tags: {
    Name: 'web',
    'holdfast:plan': 'daily',
    'team:backup': 'daily',
    'aws:autoscaling:groupName': 'fleet',
  },
  volumes: [
    makeVolume('vol-1', { device: '/dev/xvda', isRoot: true, deleteOnTermination: true }),
    makeVolume('vol-2', { device: '/dev/xvdb', type: 'io2', iops: 200, tags: { Name: 'data' } }),
  ],
};

/** Backs a machine up, and plans to launch it again. */
async function planLaunch(
  target: { instance: InstanceWishes } | { ami: { name: string } } = { instance: {} },
  { dryRun = false, machine = {} }: { dryRun?: boolean; machine?: Partial<MachineConfiguration> } = {},
) {
  const deployment = makeDeployment();
  const { images, point } = await protectImage(deployment, { machine: { ...MACHINE, ...machine } });
  const restoring = makeRestoring(deployment, images);
  const plan = await restoring.planRestore(
    { request: { point: point.pointId, target, dryRun }, execution: EXECUTION },
    PLENTY,
  );
  const { restoreId } = plan;
  return {
    ...restoring,
    deployment,
    plan,
    launch: async () => restoring.launchInstance({ restoreId, pollSeconds: 15 }, PLENTY),
    finish: async (error?: { Error: string; Cause: string }) =>
      endRestore(restoring, { execution: EXECUTION, restoreId, error }),
  };
}

test('a machine is launched as it was, from an AMI of its snapshots that does not outlive the launch', async () => {
  const { plan, launch, launches, images, finish, deployment } = await planLaunch();

  const { done } = await launch();
  const report = await finish();

  expect(plan).toMatchObject({
    mode: 'instance',
    target: 'instance in its own subnet',
    quote: { volumes: 2 },
  });
  expect(done).toBe(true);
  expect(launches.registered).toMatchObject([
    {
      Architecture: 'arm64',
      BootMode: 'uefi',
      RootDeviceName: '/dev/xvda',
      BlockDeviceMappings: images.snapshots.map(({ snapshotId }, index) => ({
        DeviceName: ['/dev/xvda', '/dev/xvdb'][index],
        Ebs: { SnapshotId: snapshotId, VolumeType: ['gp3', 'io2'][index], Iops: [3000, 200][index] },
      })),
    },
  ]);
  expect(launches.launched).toMatchObject([
    {
      ImageId: 'ami-new-1',
      InstanceType: 't3.micro',
      KeyName: 'ann',
      UserData: 'IyEvYmluL3NoCg==',
      IamInstanceProfile: { Arn: 'arn:aws:iam::000000000000:instance-profile/web' },
      CreditSpecification: { CpuCredits: 'standard' },
      NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: 'subnet-1', Groups: ['sg-1'] }],
    },
  ]);
  expect([...launches.images]).toEqual([]);
  expect(report).toMatchObject({
    state: 'completed',
    instance: { instanceId: 'i-new-1', state: 'running', privateIpAddress: '10.0.0.9' },
    ami: { imageId: 'ami-new-1', isKept: false },
    volumes: [
      { volumeId: 'vol-new-1', sourceVolumeId: 'vol-1', device: '/dev/xvda' },
      { volumeId: 'vol-new-2', sourceVolumeId: 'vol-2' },
    ],
    differences: ['it is not in Auto Scaling group fleet'],
  });
  expect(deployment.metrics.of('RestoresCompleted')).toEqual([1]);
});

test('what is launched has the tags of the original, but for those that protect it', async () => {
  const { launch, launches, plan } = await planLaunch();

  await launch();

  const own = { 'holdfast:restore': plan.restoreId, Name: 'web' };
  expect(launches.tags.get('i-new-1')).toEqual(own);
  expect(launches.tags.get('ami-new-1')).toEqual(own);
  expect([launches.tags.get('vol-new-1'), launches.tags.get('vol-new-2')]).toEqual([
    { Name: 'vol-1' },
    { Name: 'data' },
  ]);
});

test.each([
  [{ instance: {} }, 'instance in its own subnet'],
  [{ ami: { name: 'web-copy' } }, 'AMI web-copy'],
])('a launch is on the audit log from its beginning to its end: %o', async (target, described) => {
  const { launch, finish, deployment, plan } = await planLaunch(target);
  await launch();
  await finish();

  const { restoreId: restore } = plan;
  expect(await restoresOnTheLog(deployment)).toMatchObject([
    {
      chain: INSTANCE,
      by: EXECUTION,
      event: { kind: 'restore-started', restore, point: plan.point?.id, target: described },
    },
    { by: EXECUTION, event: { kind: 'restore-ended', restore, state: 'completed' } },
  ]);
});

test('user data is in no file of the work bucket while a machine is launched', async () => {
  const { launch, launches, finish, deployment } = await planLaunch();
  launches.instanceState = 'pending';
  await launch();
  launches.instanceState = 'running';
  await launch();
  await finish();

  const texts = [...deployment.work.entries()].map(([, body]) => Buffer.from(body).toString());
  expect(texts.filter((text) => text.includes('IyEvYmluL3NoCg=='))).toEqual([]);
});

test('a launch waits for the AMI, then for the instance', async () => {
  const { launch, launches } = await planLaunch();
  launches.imageState = 'pending';
  const waits = [await launch()];
  launches.imageState = 'available';
  launches.instanceState = 'pending';
  waits.push(await launch());
  launches.instanceState = 'running';
  waits.push(await launch());

  expect(waits).toEqual([
    { done: false, waitSeconds: 15 },
    { done: false, waitSeconds: 15 },
    { done: true, waitSeconds: 0 },
  ]);
  expect([launches.registered.length, launches.launched.length]).toEqual([1, 1]);
});

test('orders whose answers are lost are not given twice', async () => {
  const { launch, launches } = await planLaunch();
  launches.lostAnswers = 1;
  await expect(launch()).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  launches.instanceState = 'pending';
  await launch();
  const again = launches.launched.length;
  await launch();

  expect([launches.registered.length, again, launches.launched.length]).toEqual([1, 1, 1]);
});

test('a launch whose answer was lost is found again by its token', async () => {
  const { launch, launches } = await planLaunch();
  launches.imageState = 'pending';
  await launch();
  launches.imageState = 'available';
  launches.lostAnswers = 1;
  await expect(launch()).rejects.toMatchObject({ name: 'StoreUnavailableError' });

  expect((await launch()).done).toBe(true);
  expect(launches.launched).toHaveLength(1);
});

test('a machine that is to be stopped is stopped as soon as it runs', async () => {
  const { launch, launches, finish } = await planLaunch({ instance: { stopped: true } });

  const running = await launch();
  const stopping = await launch();
  launches.instanceState = 'stopped';
  const stopped = await launch();

  expect([running, stopping, stopped].map(({ done }) => done)).toEqual([false, false, true]);
  expect(await finish()).toMatchObject({ instance: { state: 'stopped' } });
});

test('what stands in the way is all said before anything is made', async () => {
  const { launch, launches, images } = await planLaunch({ instance: { privateAddress: 'keep' } });
  launches.facts = {
    ...launches.facts,
    groups: new Map(),
    keyExists: false,
    takenAddresses: new Map([['10.0.0.5', 'i-1']]),
    isTypeOffered: false,
  };

  await expect(launch()).rejects.toMatchObject({
    name: 'LaunchRefusedError',
    message: expect.stringMatching(
      /security group sg-1 does not exist.*10\.0\.0\.5 is in use by i-1.*t3\.micro is not offered in us-east-1a.*key pair ann does not exist/s,
    ),
  });
  expect([launches.registered, launches.launched, images.orders]).toEqual([[], [], []]);
});

test('a role that EC2 may not be given is named with what to do', async () => {
  const { launch, launches } = await planLaunch();
  launches.dryRun = { refusal: 'UnauthorizedOperation: not authorized to perform: iam:PassRole on role/web' };

  await expect(launch()).rejects.toMatchObject({
    name: 'LaunchRefusedError',
    message: expect.stringContaining('restoreTargets.roles'),
  });
  expect(launches.registered).toEqual([]);
});

test('a dry run asks EC2 with the machine’s own AMI, makes nothing, and is on no log', async () => {
  const { plan, launch, launches, deployment } = await planLaunch({ instance: {} }, { dryRun: true });

  const { check } = await launch();

  expect(plan.mode).toBe('check-instance');
  expect(launches.asked).toMatchObject([{ ImageId: 'ami-1' }]);
  expect(check).toEqual({
    problems: [],
    differences: ['it is not in Auto Scaling group fleet'],
    unknown: ['whether there is capacity for an instance of type t3.micro: only launching it tells'],
  });
  expect([launches.registered, launches.launched]).toEqual([[], []]);
  expect(await deployment.catalog.restores.find(plan.restoreId)).toBeUndefined();
});

test('a dry run says what it cannot know when the machine’s AMI is gone, and does not fail', async () => {
  const { launch, launches } = await planLaunch({ instance: {} }, { dryRun: true });
  launches.dryRun = 'no-image';

  expect((await launch()).check).toMatchObject({
    problems: [],
    unknown: [expect.stringContaining('ami-1 does not exist any more'), expect.any(String)],
  });
});

test('a lack of capacity ends the restore, and leaves no AMI', async () => {
  const { launch, launches } = await planLaunch();
  launches.refusal = 'InsufficientInstanceCapacity: we do not have sufficient t3.micro capacity';

  await expect(launch()).rejects.toMatchObject({
    name: 'InstanceFailedError',
    message: expect.stringMatching(/InsufficientInstanceCapacity.*another zone/s),
  });
  expect([...launches.images]).toEqual([]);
});

test('an instance that ends before it runs fails with the reason of EC2 and the keys of its volumes', async () => {
  const { launch, launches, images } = await planLaunch();
  images.change({ kmsKeyId: 'arn:aws:kms:us-east-1:000000000000:key/k' });
  launches.instanceState = 'pending';
  await launch();
  launches.instanceState = 'terminated';
  launches.why = 'Client.InternalError: Client error on launch';

  await expect(launch()).rejects.toMatchObject({
    name: 'InstanceFailedError',
    message: expect.stringMatching(/i-new-1.*Client error on launch.*key\/k in restoreTargets\.keys/s),
  });
  expect([...launches.images]).toEqual([]);
});

test.each(['registered', 'lost', 'launched'])('a launch that is stopped leaves no AMI: %s', async (when) => {
  const { launch, launches, finish } = await planLaunch();
  if (when === 'lost') launches.lostAnswers = 1;
  if (when === 'registered') launches.imageState = 'pending';
  if (when === 'launched') launches.instanceState = 'pending';
  await launch().catch((error: unknown) => error);
  expect(launches.images.size).toBe(1);

  const report = await finish({ Error: 'States.Timeout', Cause: '' });

  expect([...launches.images]).toEqual([]);
  expect(report.state).toBe('failed');
  expect(report.error?.message.includes('it leaves i-new-1')).toBe(when === 'launched');
});

test.each([
  ['is named', false, 'it leaves i-new-1,'],
  ['may be there, if EC2 does not show it yet', true, 'it leaves an instance with the tag holdfast:restore='],
])('an instance whose launch was not answered before the restore ended %s', async (_, isHidden, said) => {
  const { launch, launches, finish } = await planLaunch();
  launches.imageState = 'pending';
  await launch();
  launches.imageState = 'available';
  launches.lostAnswers = 1;
  await launch().catch((error: unknown) => error);
  launches.isHidden = isHidden;

  const { error } = await finish({ Error: 'States.Timeout', Cause: '' });

  expect(launches.launched).toHaveLength(1);
  expect(error?.message).toContain(said);
});

test.each([
  ['no AMI', undefined],
  ['no instance', 'pending'],
] as const)('a restore that was ended meanwhile orders %s', async (_, before) => {
  const { launch, launches, deployment, plan } = await planLaunch();
  if (before !== undefined) {
    launches.imageState = before;
    await launch();
    launches.imageState = 'available';
  }
  await putJson(deployment.work, restoreFiles.over(plan.restoreId), {});

  await expect(launch()).rejects.toMatchObject({ name: 'RestoreOverError' });

  expect([launches.registered.length, launches.launched.length]).toEqual([before === undefined ? 0 : 1, 0]);
});

test('a launch that EC2 refused leaves nothing to look for', async () => {
  const { launch, launches, finish } = await planLaunch();
  launches.refusal = 'InsufficientInstanceCapacity: none';
  await launch().catch((error: unknown) => error);

  const { error } = await finish({ Error: 'InstanceFailedError', Cause: '' });

  expect(error?.message).not.toContain('it leaves');
});

test('an instance that does not run for hours is given up', async () => {
  const { launch, launches, deployment } = await planLaunch();
  launches.instanceState = 'pending';
  await launch();
  deployment.clock.advance(6 * 60 * minute + 1);

  await expect(launch()).rejects.toMatchObject({ name: 'InstanceFailedError' });
});

test('a licensed machine is not launched from an AMI that has no license', async () => {
  const { launch, launches } = await planLaunch({ instance: {} }, { machine: { platform: 'Windows' } });

  await expect(launch()).rejects.toMatchObject({
    name: 'LaunchRefusedError',
    message: expect.stringContaining('billed as Windows'),
  });
  expect([[...launches.images], launches.launched]).toEqual([[], []]);
});

test('an AMI is registered under the name that was asked for, and kept', async () => {
  const { plan, launch, launches, finish } = await planLaunch({ ami: { name: 'web of March' } });

  const { done } = await launch();

  expect([plan.mode, plan.target, done]).toEqual(['instance', 'AMI web of March', true]);
  expect([...launches.images]).toEqual([['web of March', 'ami-new-1']]);
  expect(launches.launched).toEqual([]);
  expect(await finish()).toMatchObject({
    state: 'completed',
    ami: { imageId: 'ami-new-1', name: 'web of March', isKept: true },
  });
});

test('an AMI does not take a name that somebody has', async () => {
  const { launch, launches } = await planLaunch({ ami: { name: 'web of March' } });
  launches.images.set('web of March', 'ami-theirs');

  await expect(launch()).rejects.toMatchObject({
    name: 'LaunchRefusedError',
    message: expect.stringContaining('ami-theirs'),
  });
});

test('the recorded configuration of a machine is beside the report, without its user data', async () => {
  const { launch, finish, deployment } = await planLaunch();
  await launch();

  const { machine } = await finish();

  expect(await readJson(deployment.work, machine!.key)).toMatchObject({
    keyName: 'ann',
    attributes: { cpuCredits: 'standard' },
  });
});
