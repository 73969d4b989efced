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
import { expect, test } from 'vitest';
import { type Deployment, makeDeployment, PLENTY } from './support/deployment.ts';
import { COMMIT, INSTANCE, openImageRun, protectImage, STEP } from './support/imaging.ts';
import { makeVolume } from './support/memory-images.ts';
import { EXECUTION, makeRestoring } from './support/restoring.ts';

const VOLUME = 'arn:aws:ec2:us-east-1:000000000000:volume/vol-1';
const RUN = STEP.runId;
const LOOK = { ...STEP, pollSeconds: 60, mode: 'image', imagesAtOnce: 2 };
const minute = 60_000;
/** As the double of EC2 has it. */
const USER_DATA = 'IyEvYmluL3NoCg==';

async function rootOf({ store, openKeys }: Deployment, pointId: string): Promise<Root> {
  return (await readRoot(store, await openKeys(), INSTANCE as ResourceArn, pointId as PointId)).root;
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
