import type { RunId } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { makeHandler as makeCheckSnapshots } from '../../lambdas/check-snapshots/make-handler.ts';
import { makeHandler as makeCommitImage } from '../../lambdas/commit-image/make-handler.ts';
import { makeHandler as makeSnapshotVolumes } from '../../lambdas/snapshot-volumes/make-handler.ts';
import { type Deployment, makeDeployment, PLENTY, readJson } from './support/deployment.ts';
import { makeVolume, MemoryImages } from './support/memory-images.ts';
import { makePipeline } from './support/pipeline.ts';
import { EXECUTION, makeRestoring } from './support/restoring.ts';

const INSTANCE = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1';
const VOLUME = 'arn:aws:ec2:us-east-1:000000000000:volume/vol-1';
const RUN = 'a'.repeat(32);
const STEP = { runId: RUN };
const minute = 60_000;

async function openImageRun(deployment: Deployment, resourceArn = INSTANCE) {
  const images = new MemoryImages(deployment.clock);
  const deps = { ...deployment, images };
  const kind = resourceArn === INSTANCE ? 'ec2-instance' : 'ebs-volume';
  const event = { resourceArn, kind, plan: 'daily', type: 'full', runId: RUN };
  const opened = await makePipeline(deployment).openRun(event, PLENTY);
  return {
    images,
    opened,
    snapshotVolumes: makeSnapshotVolumes(deps),
    checkSnapshots: makeCheckSnapshots(deps),
    commitImage: makeCommitImage(deps),
  };
}

/** What the protect machine does for an image. */
async function protectImage(deployment: Deployment) {
  const steps = await openImageRun(deployment);
  await steps.snapshotVolumes(STEP, PLENTY);
  steps.images.change({ state: 'completed', progress: 100 });
  return { ...steps, point: await steps.commitImage(STEP, PLENTY) };
}

test('an instance becomes a point of one snapshot for each volume, with its configuration', async () => {
  const deployment = makeDeployment();
  const { opened, snapshotVolumes, checkSnapshots, commitImage, images } = await openImageRun(deployment);

  const taken = await snapshotVolumes(STEP, PLENTY);
  images.change({ progress: 40 });
  const halfway = await checkSnapshots(STEP, PLENTY);
  images.change({ state: 'completed', progress: 100 });
  const complete = await checkSnapshots(STEP, PLENTY);
  const point = await commitImage(STEP, PLENTY);

  expect(opened.mode).toBe('image');
  expect(taken.snapshots).toHaveLength(2);
  expect([halfway, complete]).toEqual([
    { done: false, progress: 40 },
    { done: true, progress: 100 },
  ]);
  expect(point).toMatchObject({ state: 'completed', files: 2, logicalBytes: 16 * 2 ** 30, storedBytes: 0 });
  expect(images.snapshots.every(({ tags }) => tags['holdfast:run'] === RUN)).toBe(true);
});

test('a volume by itself becomes a point of one snapshot', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, commitImage, images } = await openImageRun(deployment, VOLUME);

  const { snapshots } = await snapshotVolumes(STEP, PLENTY);
  images.change({ state: 'completed' });
  const point = await commitImage(STEP, PLENTY);

  expect(snapshots).toHaveLength(1);
  expect(point).toMatchObject({ files: 1, logicalBytes: 8 * 2 ** 30 });
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

  await expect(checkSnapshots(STEP, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotFailedError',
    message: expect.stringMatching(new RegExp(`${snapshots[0]}.*vol-1.*Given key ID is not accessible`)),
  });
});

test('a snapshot that somebody deleted is waited for no longer than a quarter of an hour', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, checkSnapshots, images } = await openImageRun(deployment);
  const { snapshots } = await snapshotVolumes(STEP, PLENTY);
  await images.removeSnapshot(snapshots[0]!);

  expect(await checkSnapshots(STEP, PLENTY)).toMatchObject({ done: false });
  deployment.clock.advance(16 * minute);
  await expect(checkSnapshots(STEP, PLENTY)).rejects.toMatchObject({ name: 'SnapshotFailedError' });
});

test('an image is not committed before its snapshots are complete', async () => {
  const deployment = makeDeployment();
  const { snapshotVolumes, commitImage } = await openImageRun(deployment);
  await snapshotVolumes(STEP, PLENTY);

  await expect(commitImage(STEP, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  expect(await deployment.catalog.findRun(RUN as RunId)).toMatchObject({ state: 'open' });
});

test('committing an image is repeatable', async () => {
  const { commitImage, point } = await protectImage(makeDeployment());

  expect(await commitImage(STEP, PLENTY)).toEqual(point);
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
  const ordered = await restoreVolumes({ restoreId: plan.restoreId }, PLENTY);
  images.volumeState = 'available';
  const made = await restoreVolumes({ restoreId: plan.restoreId }, PLENTY);
  const report = await finishRestore({ execution: EXECUTION, restoreId: plan.restoreId }, PLENTY);

  expect(plan).toMatchObject({ mode: 'volumes', quote: { volumes: 2, bytes: 16 * 2 ** 30 } });
  expect([ordered.done, made.done]).toEqual([false, true]);
  expect(images.orders).toMatchObject([
    { availabilityZone: 'us-east-1b', type: 'gp3', iops: 3000, throughput: 125, tags: { Name: 'vol-1' } },
    { availabilityZone: 'us-east-1b', type: 'gp3', tags: { Name: 'vol-2' } },
  ]);
  expect(images.orders.some(({ tags }) => 'holdfast:plan' in tags)).toBe(false);
  expect(report).toMatchObject({
    state: 'completed',
    volumes: [{ device: '/dev/xvda' }, { device: '/dev/xvdb' }],
  });
  expect(await readJson(deployment.work, report.machine!.key)).toMatchObject({ instanceType: 't3.micro' });
  expect(deployment.metrics.of('RestoresCompleted')).toEqual([1]);
});

test('a volume of another type does not take over performance that was set for the old one', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore, restoreVolumes } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1a', type: 'io2' } };
  const plan = await planRestore({ request: { point: point.pointId, target }, execution: EXECUTION }, PLENTY);

  await restoreVolumes({ restoreId: plan.restoreId }, PLENTY);

  expect(images.orders[0]).toMatchObject({ type: 'io2' });
  expect(images.orders[0]).not.toHaveProperty('throughput');
});

test('a volume that EC2 cannot make fails the restore by its name', async () => {
  const deployment = makeDeployment();
  const { point, images } = await protectImage(deployment);
  const { planRestore, restoreVolumes } = makeRestoring(deployment, images);
  const target = { volumes: { availabilityZone: 'us-east-1a' } };
  const plan = await planRestore({ request: { point: point.pointId, target }, execution: EXECUTION }, PLENTY);
  images.volumeState = 'error';

  await expect(restoreVolumes({ restoreId: plan.restoreId }, PLENTY)).rejects.toMatchObject({
    name: 'VolumeFailedError',
    message: expect.stringContaining('vol-new-1'),
  });
});

test.for([
  [
    'a bucket',
    { bucket: 'restores' },
    {},
    'NotSupportedError',
    /machine is in s3:\/\/work\/restores\/.*machine.json/,
  ],
  ['a directory', { directory: 'laptop:/d' }, {}, 'NotSupportedError', /use the target {"volumes"/],
  ['the original', { original: true }, {}, 'NotSupportedError', /"availabilityZone": "us-east-1a"/],
  ['a zone elsewhere', { volumes: { availabilityZone: 'eu-west-1a' } }, {}, 'InvalidInputError', /us-east-1/],
  [
    'single files',
    { volumes: { availabilityZone: 'us-east-1a' } },
    { paths: ['a'] },
    'NotSupportedError',
    /paths/,
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
    name: 'UnknownNameError',
    message: expect.stringContaining(gone),
  });
});
