import type { VolumeConfiguration } from '@holdfast/aws';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import {
  AccessDeniedError,
  type PointId,
  readRoot,
  type ResourceArn,
  type Root,
  type RunId,
  StoreUnavailableError,
  UnknownNameError,
} from '@holdfast/engine';
import { expect, test, vi } from 'vitest';
import { checkSnapshotsStep } from '../../lambdas/image/check-snapshots.ts';
import { commitImageStep } from '../../lambdas/image/commit-image.ts';
import { snapshotVolumesStep } from '../../lambdas/image/snapshot-volumes.ts';
import { type Deployment, makeDeployment, PLENTY, readJson, untilDone } from './support/deployment.ts';
import { makeVolume, MemoryImages } from './support/memory-images.ts';
import { makePipeline } from './support/pipeline.ts';
import { EXECUTION, endRestore, makeRestoring } from './support/restoring.ts';

const INSTANCE = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1';
const VOLUME = 'arn:aws:ec2:us-east-1:000000000000:volume/vol-1';
const RUN = 'a'.repeat(32);
const STEP = { runId: RUN };
const LOOK = { runId: RUN, pollSeconds: 60, mode: 'image', imagesAtOnce: 2 };
const COMMIT = { runId: RUN, shardCount: 0, groupCount: 0 };
const minute = 60_000;
/** As the double of EC2 has it. */
const USER_DATA = 'IyEvYmluL3NoCg==';

async function rootOf({ store, openKeys }: Deployment, pointId: string): Promise<Root> {
  return (await readRoot(store, await openKeys(), INSTANCE as ResourceArn, pointId as PointId)).root;
}

async function openImageRun(deployment: Deployment, resourceArn = INSTANCE) {
  const images = new MemoryImages(deployment.clock);
  const deps = { ...deployment, images };
  const kind = resourceArn === INSTANCE ? 'ec2-instance' : 'ebs-volume';
  const event = { resourceArn, kind, plan: 'daily', type: 'full', runId: RUN };
  const opened = await makePipeline(deployment).openRun(event, PLENTY);
  return {
    images,
    opened,
    snapshotVolumes: snapshotVolumesStep.over(deps),
    checkSnapshots: checkSnapshotsStep.over(deps),
    commitImage: async (input: unknown, context: StepContext) =>
      untilDone(async () => commitImageStep.over(deps)(input, context)),
  };
}

/** What the protect machine does for an image. */
async function protectImage(deployment: Deployment) {
  const steps = await openImageRun(deployment);
  await steps.snapshotVolumes(STEP, PLENTY);
  steps.images.change({ state: 'completed', progress: 100 });
  return { ...steps, point: await steps.commitImage(COMMIT, PLENTY) };
}

test('an instance becomes a point of one snapshot for each volume, with its configuration', async () => {
  const deployment = makeDeployment();
  const { opened, snapshotVolumes, checkSnapshots, commitImage, images } = await openImageRun(deployment);

  const taken = await snapshotVolumes(STEP, PLENTY);
  images.change({ progress: 40 });
  const halfway = await checkSnapshots(LOOK, PLENTY);
  images.change({ state: 'completed', progress: 100 });
  const complete = await checkSnapshots(LOOK, PLENTY);
  const point = await commitImage(COMMIT, PLENTY);

  expect(opened.mode).toBe('image');
  expect(taken.snapshots).toHaveLength(2);
  expect([halfway, complete]).toEqual([
    { done: false, progress: 40, waitSeconds: 60 },
    { done: true, progress: 100, waitSeconds: 60 },
  ]);
  expect(point).toMatchObject({ state: 'completed', files: 2, logicalBytes: 16 * 2 ** 30, storedBytes: 0 });
  expect(images.snapshots.every(({ tags }) => tags['holdfast:run'] === RUN)).toBe(true);
});

test('a volume by itself becomes a point of one snapshot', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, commitImage, images } = await openImageRun(deployment, VOLUME);

  const { snapshots } = await snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'completed' });
  const point = await commitImage(COMMIT, PLENTY);

  expect(snapshots).toHaveLength(1);
  expect(point).toMatchObject({ files: 1, logicalBytes: 8 * 2 ** 30 });
});

test('snapshots that take long are looked at less and less often, and given up after eight days', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, checkSnapshots, images } = await openImageRun(deployment);
  await snapshotVolumes(STEP, PLENTY);
  images.change({ progress: 1 });
  const end = deployment.clock.now().getTime() + 8 * 24 * 60 * minute;
  let looks = 0;
  let longest = 0;

  while (deployment.clock.now().getTime() <= end) {
    const { waitSeconds } = await checkSnapshots({ ...LOOK, pollSeconds: 1 }, PLENTY);
    looks += 1;
    longest = Math.max(longest, waitSeconds);
    deployment.clock.advance(waitSeconds * 1000);
  }

  // Nine events a look; an execution may have 25,000. A run counts as alive for half an hour.
  expect(looks * 9).toBeLessThan(20_000);
  expect(longest).toBe(600);
  await expect(checkSnapshots(LOOK, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotFailedError',
    message: expect.stringContaining('it is at 1 % after eight days'),
  });
});

test('taking snapshots is repeatable', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);

  const first = await snapshotVolumes(STEP, PLENTY);
  const second = await snapshotVolumes(STEP, PLENTY);

  expect(second).toEqual(first);
  expect(images.snapshots).toHaveLength(2);
});

test('an order whose answer was lost is waited for, not given again', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);
  images.lostAnswers = 1;
  images.readLagMs = 2 * minute;

  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'SnapshotNotVisibleYetError' });
  deployment.clock.advance(2 * minute);
  const { snapshots } = await snapshotVolumes(STEP, PLENTY);

  expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(snapshots);
});

test('an order that EC2 does not take for now is given again without waiting for what it made', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);
  images.refusedOrders = 2;

  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'SnapshotsBusyError' });
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'SnapshotsBusyError' });
  const { snapshots } = await snapshotVolumes(STEP, PLENTY);

  expect(snapshots).toHaveLength(2);
  expect(images.snapshots).toHaveLength(2);
});

test('an order that came to nothing is given again after five minutes', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);
  images.lostAnswers = 1;
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toThrow();
  await Promise.all(images.snapshots.map(async ({ snapshotId }) => images.removeSnapshot(snapshotId)));

  deployment.clock.advance(4 * minute);
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'SnapshotNotVisibleYetError' });
  deployment.clock.advance(minute);
  const { snapshots } = await snapshotVolumes(STEP, PLENTY);

  expect(snapshots).toHaveLength(2);
});

test('of two orders the oldest is kept whole and the other removed', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);
  images.lostAnswers = 2;
  images.readLagMs = 6 * minute;
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toThrow();
  deployment.clock.advance(5 * minute);
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  deployment.clock.advance(6 * minute);
  const oldest = images.snapshots.slice(0, 2).map(({ snapshotId }) => snapshotId);

  const { snapshots } = await snapshotVolumes(STEP, PLENTY);

  expect(snapshots).toEqual(oldest);
  expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(oldest);
});

test('an order too many that EC2 does not let go of does not fail the run', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);
  images.lostAnswers = 2;
  images.readLagMs = 6 * minute;
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toThrow();
  deployment.clock.advance(5 * minute);
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  deployment.clock.advance(6 * minute);
  const [first, second, refused, used] = images.snapshots.map(({ snapshotId }) => snapshotId);
  images.undeletable.add(refused!);
  images.inUse.add(used!);

  const { snapshots } = await snapshotVolumes(STEP, PLENTY);

  expect(snapshots).toEqual([first, second]);
  expect(deployment.lines.filter(({ level }) => level === 'warn').map((line) => line['snapshot'])).toEqual([
    refused,
    used,
  ]);
});

test('a volume that was attached after the order leads to a new one with all volumes', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, images } = await openImageRun(deployment);
  images.lostAnswers = 1;
  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toThrow();
  images.machine = { ...images.machine, volumes: [...images.machine.volumes, makeVolume('vol-3')] };
  deployment.clock.advance(5 * minute);

  const { snapshots } = await snapshotVolumes(STEP, PLENTY);

  expect(snapshots).toHaveLength(3);
  expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(snapshots);
});

test('a snapshot that failed fails the run with volume, snapshot and the reason of EC2', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, checkSnapshots, images } = await openImageRun(deployment);
  const { snapshots } = await snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'error', stateMessage: 'Given key ID is not accessible' });

  await expect(checkSnapshots(LOOK, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotFailedError',
    message: expect.stringMatching(new RegExp(`${snapshots[0]}.*vol-1.*Given key ID is not accessible`)),
  });
});

test('a snapshot that somebody deleted is waited for no longer than five minutes', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, checkSnapshots, images } = await openImageRun(deployment);
  const { snapshots } = await snapshotVolumes(STEP, PLENTY);
  await images.removeSnapshot(snapshots[0]!);

  expect(await checkSnapshots(LOOK, PLENTY)).toMatchObject({ done: false });
  deployment.clock.advance(5 * minute);
  await expect(checkSnapshots(LOOK, PLENTY)).rejects.toMatchObject({ name: 'SnapshotFailedError' });
});

test('a snapshot in the Recycle Bin has been deleted', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, checkSnapshots, images } = await openImageRun(deployment);
  await snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'recoverable' });

  await expect(checkSnapshots(LOOK, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotFailedError',
    message: expect.stringContaining('Recycle Bin'),
  });
});

test('an image is not committed before its snapshots are complete', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, commitImage } = await openImageRun(deployment);
  await snapshotVolumes(STEP, PLENTY);

  await expect(commitImage(COMMIT, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  expect(await deployment.catalog.runs.find(RUN as RunId)).toMatchObject({ state: 'open' });
});

test('committing an image is repeatable', async () => {
  const { commitImage, point } = await protectImage(makeDeployment());

  expect(await commitImage(COMMIT, PLENTY)).toEqual(point);
});

test('a machine’s user data is in its sealed root, and in no file of the work bucket', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1a' } };
  await planRestore({ request: { point: point.pointId, target }, execution: EXECUTION }, PLENTY);

  const { machine } = (await rootOf(deployment, point.pointId)).image!;
  expect(machine).toMatchObject({ attributes: { userData: USER_DATA, cpuCredits: 'standard' } });
  const texts = [...deployment.work.entries()].map(([, body]) => Buffer.from(body).toString());
  expect(texts.filter((text) => text.includes('i-1'))).not.toEqual([]);
  expect(texts.filter((text) => text.includes(USER_DATA))).toEqual([]);
  expect(JSON.stringify(deployment.lines)).not.toContain(USER_DATA);
});

test.for([
  ['vanished', new UnknownNameError('describing attributes of instance i-1: no such thing')],
  ['denied', new AccessDeniedError('describing attributes of instance i-1 was refused')],
] as const)(
  'a machine whose user data is %s at the commit has its point, with a warning',
  async ([reason, error]) => {
    const deployment = makeDeployment();
    const steps = await openImageRun(deployment);
    await steps.snapshotVolumes(STEP, PLENTY);
    steps.images.change({ state: 'completed', progress: 100 });
    steps.images.attributes = error;

    const point = await steps.commitImage(COMMIT, PLENTY);

    const { warningList, image } = await rootOf(deployment, point.pointId);
    expect(point.state).toBe('completed-with-warnings');
    expect(warningList).toMatchObject([{ path: 'i-1', reason }]);
    expect(image?.machine).not.toHaveProperty('attributes');
  },
);

test('user data that cannot be read for now is read when the commit is repeated', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, commitImage, images } = await openImageRun(deployment);
  await snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'completed', progress: 100 });
  const { attributes } = images;
  images.attributes = new StoreUnavailableError('describing attributes of instance i-1 did not succeed');

  await expect(commitImage(COMMIT, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  images.attributes = attributes;
  const point = await commitImage(COMMIT, PLENTY);

  expect((await rootOf(deployment, point.pointId)).image?.machine).toHaveProperty('attributes.userData');
});

test('an instance without EBS volumes is refused', async () => {
  const { snapshotVolumes, images } = await openImageRun(makeDeployment());
  images.machine = { ...images.machine, volumes: [] };

  await expect(snapshotVolumes(STEP, PLENTY)).rejects.toMatchObject({ name: 'NotSupportedError' });
});

test('volumes are made of an image, like the originals but for the tag that protects them', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore, restoreVolumes, finishRestore } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1b' } };

  const plan = await planRestore({ request: { point: point.pointId, target }, execution: EXECUTION }, PLENTY);
  images.volumeState = 'creating';
  const ordered = await restoreVolumes({ restoreId: plan.restoreId, pollSeconds: 15 }, PLENTY);
  images.volumeState = 'available';
  const made = await restoreVolumes({ restoreId: plan.restoreId, pollSeconds: 15 }, PLENTY);
  const report = await endRestore({ finishRestore }, { execution: EXECUTION, restoreId: plan.restoreId });

  expect(plan).toMatchObject({ mode: 'volumes', quote: { volumes: 2, bytes: 16 * 2 ** 30 } });
  expect([ordered.done, made.done]).toEqual([false, true]);
  expect(images.orders).toMatchObject([
    { availabilityZone: 'us-east-1b', type: 'gp3', iops: 3000, throughput: 125, tags: { Name: 'vol-1' } },
    { availabilityZone: 'us-east-1b', type: 'gp3', tags: { Name: 'vol-2' } },
  ]);
  expect(images.orders.some(({ tags }) => 'holdfast:plan' in tags || 'team:backup' in tags)).toBe(false);
  expect(report).toMatchObject({
    state: 'completed',
    volumes: [{ device: '/dev/xvda' }, { device: '/dev/xvdb' }],
  });
  expect(await readJson(deployment.work, report.machine!.key)).toMatchObject({ instanceType: 't3.micro' });
  expect(deployment.metrics.of('RestoresCompleted')).toEqual([1]);
});

test.for([false, true])(
  'a zone that is not there is refused before anything is written, dry run: %s',
  async (dryRun) => {
    const deployment = makeDeployment();
    const { point, images } = await protectImage(deployment);
    const { planRestore } = makeRestoring(deployment, images);
    const request = { point: point.pointId, target: { volumes: { availabilityZone: 'us-east-1z' } }, dryRun };

    const planned = planRestore({ request, execution: EXECUTION }, PLENTY);

    await expect(planned).rejects.toThrow(/no zone us-east-1z .*us-east-1a, us-east-1b, us-east-1c/);
  },
);

/** Plans a restore of an image with one volume of that kind, and gives the step that orders it. */
async function planVolume(
  wishes: { type?: string; iops?: number; throughput?: number } = {},
  original: Partial<VolumeConfiguration> = {},
  kmsKeyId?: string,
) {
  const deployment = makeDeployment();
  const steps = await openImageRun(deployment);
  const { images } = steps;
  images.kmsKeyId = kmsKeyId;
  images.machine = { ...images.machine, volumes: [makeVolume('vol-1', original)] };
  await steps.snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'completed', progress: 100 });
  const point = await steps.commitImage(COMMIT, PLENTY);
  const { planRestore, restoreVolumes, finishRestore } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1a', ...wishes } };
  const request = { point: point.pointId, target };
  const { restoreId } = await planRestore({ request, execution: EXECUTION }, PLENTY);
  return {
    deployment,
    images,
    order: async () => restoreVolumes({ restoreId, pollSeconds: 15 }, PLENTY),
    finish: async () => finishRestore({ execution: EXECUTION, restoreId }, PLENTY),
  };
}

const gp2 = { type: 'gp2', iops: 100, throughput: undefined };

test.for([
  ['as it was', {}, {}, { type: 'gp3', iops: 3000, throughput: 125 }],
  ['with its IOPS, and no throughput', { type: 'io2' }, {}, { type: 'io2', iops: 3000 }],
  ['without what its type does not take', { type: 'st1' }, {}, { type: 'st1' }],
  ['without the IOPS that gp2 has by itself', { type: 'gp3' }, gp2, { type: 'gp3' }],
  ['with the IOPS that were asked for', { type: 'io1', iops: 200 }, gp2, { type: 'io1', iops: 200 }],
  [
    'with the performance that was asked for',
    { iops: 4000, throughput: 500 },
    {},
    { type: 'gp3', iops: 4000, throughput: 500 },
  ],
] as const)('a volume is made %s', async ([, wishes, original, shape]) => {
  const { images, order } = await planVolume(wishes, original);

  await order();

  const { type, iops, throughput } = images.orders[0]!;
  expect({ type, iops, throughput }).toEqual({ iops: undefined, throughput: undefined, ...shape });
});

test.for([
  [{ type: 'io2' }, gp2, /io2 needs its IOPS.*vol-1.*--iops/],
  [{ type: 'io1' }, { type: 'standard', iops: undefined, throughput: undefined }, /io1 needs its IOPS/],
  [{ iops: 500 }, gp2, /"iops" 500 means nothing for volumes of type gp2.*io1/],
  [{ type: 'io2', throughput: 500 }, {}, /"throughput" 500 means nothing.*gp3/],
] as const)('volumes as %o are refused before anything is made', async ([wishes, original, message]) => {
  await expect(planVolume(wishes, original)).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringMatching(message),
  });
});

test('volumes that take long are looked at less and less often, and given up after a day', async () => {
  const { deployment, images, order } = await planVolume();
  images.volumeState = 'creating';
  const first = await order();
  const end = deployment.clock.now().getTime() + 24 * 60 * minute;
  let looks = 0;

  while (deployment.clock.now().getTime() <= end) {
    const { waitSeconds } = await order();
    looks += 1;
    deployment.clock.advance(waitSeconds * 1000);
  }

  expect(first.waitSeconds).toBe(15);
  expect(looks).toBeLessThan(500);
  await expect(order()).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringContaining('is not made yet'),
  });
});

test('a volume that EC2 cannot make fails the restore with its snapshot, its key and the remedy', async () => {
  const { images, order } = await planVolume({}, {}, 'arn:aws:kms:us-east-1:1:key/k');
  images.volumeState = 'error';

  await expect(order()).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringMatching(/vol-new-1 from snapshot snap-1.*error.*key\/k.*restoreTargets\.keys/),
  });
});

test('a volume that EC2 answered for and then removed is waited for some minutes, and has failed then', async () => {
  const { deployment, images, order } = await planVolume();
  images.volumeState = 'gone';

  expect(await order()).toMatchObject({ done: false });
  deployment.clock.advance(4 * minute);
  expect(await order()).toMatchObject({ done: false });
  deployment.clock.advance(minute);

  await expect(order()).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringMatching(/vol-new-1.*gone again.*default EBS key in restoreTargets\.keys/),
  });
});

test('a volume that is gone when it is ordered again has failed', async () => {
  const { deployment, images, order } = await planVolume();
  vi.spyOn(deployment.work, 'put').mockRejectedValueOnce(new StoreUnavailableError('no answer; try again'));
  await expect(order()).rejects.toThrow('no answer');
  images.volumeState = 'gone';

  await expect(order()).rejects.toMatchObject({ name: 'VolumeFailedError' });
});

test('a new volume has as many tags of the original as EC2 takes, and the report names the others', async () => {
  const tags = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`own${n}`, 'x']));
  const { images, order, finish } = await planVolume({}, { tags });

  await order();

  expect(Object.keys(images.orders[0]?.tags ?? {})).toHaveLength(50);
  expect(images.orders[0]?.tags).toHaveProperty('holdfast:restore');
  expect(await finish()).toMatchObject({ state: 'completed', volumes: [{ tagsLeftOff: ['own49'] }] });
});

test.for([
  [
    'a bucket',
    { bucket: 'restores' },
    {},
    'NotSupportedError',
    /"instance": \{\}.*configuration is in s3:\/\/work\/restores\/.*machine.json/,
  ],
  ['a directory', { directory: 'laptop:/d' }, {}, 'NotSupportedError', /use the target {"volumes"/],
  ['the original', { original: true }, {}, 'NotSupportedError', /"availabilityZone": "us-east-1a"/],
  ['a zone elsewhere', { volumes: { availabilityZone: 'eu-west-1a' } }, {}, 'InvalidInputError', /us-east-1/],
  [
    'volumes of single files',
    { volumes: { availabilityZone: 'us-east-1a' } },
    { paths: ['a'] },
    'InvalidInputError',
    /"paths" takes files out of it/,
  ],
] as const)('an image is not restored into %s', async ([, target, more, name, message]) => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore } = makeRestoring(deployment, images);
  const request = { point: point.pointId, target, ...more };

  await expect(planRestore({ request, execution: EXECUTION }, PLENTY)).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
  });
});

test('a point whose snapshots were deleted is refused before anything is made', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const gone = images.snapshots[0]!.snapshotId;
  await images.removeSnapshot(gone);
  const { planRestore } = makeRestoring(deployment, images);
  const request = { point: point.pointId, target: { volumes: { availabilityZone: 'us-east-1a' } } };

  await expect(planRestore({ request, execution: EXECUTION }, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotMissingError',
    message: expect.stringContaining(gone),
  });
});
