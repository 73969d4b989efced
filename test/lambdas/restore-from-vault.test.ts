import { TargetUnavailableError } from '@holdfast/engine';
import { putImagePoint } from '@holdfast/engine/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { NO_TIME, PLENTY, readJson } from './support/deployment.ts';
import {
  EXECUTION,
  first,
  type ImageScene,
  INSTANCE,
  KEY,
  makeImageScene,
  second,
  seedsOf,
  target,
} from './support/image-scene.ts';
import { endRestore, restoresOnTheLog } from './support/restoring.ts';

let deployment: ImageScene['deployment'];
let images: ImageScene['images'];
let restoring: ImageScene['restoring'];
let point: ImageScene['point'];
let plan: ImageScene['plan'];
let write: ImageScene['write'];
let restore: ImageScene['restore'];

beforeEach(async () => {
  ({ deployment, images, restoring, point, plan, write, restore } = await makeImageScene());
});

test('volumes come out of the vault when no snapshot of them is left, each block as it was', async () => {
  const { planned, report, written } = await restore();

  expect(planned).toMatchObject({
    mode: 'blocks',
    quote: { volumes: 2, written: 2, blocks: 5 },
    shards: { count: 2 },
  });
  expect([...written.values()].map(({ order, blocks }) => [order.sizeGiB, seedsOf(blocks)])).toEqual([
    [1, first],
    [1, second],
  ]);
  expect((await restoresOnTheLog(deployment)).map(({ event }) => event)).toMatchObject([
    { kind: 'restore-started', point, target: 'volumes in us-east-1a' },
    { kind: 'restore-ended', state: 'completed' },
  ]);
  expect(report).toMatchObject({
    state: 'completed',
    volumes: [
      { sourceVolumeId: 'vol-1', from: 'vault', device: '/dev/xvda' },
      { sourceVolumeId: 'vol-2', from: 'vault' },
    ],
    throttledCalls: 6,
  });
  expect(deployment.metrics.values).toContainEqual({ name: 'ThrottledBlockCalls', value: 6, unit: 'Count' });
  expect(images.orders.map(({ snapshotId }) => snapshotId)).toEqual([...written.keys()]);
});

test('the snapshots carry the tag of the restore, have the encryption of the originals, and go in the end', async () => {
  const { planned, written } = await restore();

  const [one, other] = [...written.values()].map(({ order }) => order);
  expect(one).toMatchObject({ encryption: { keyArn: KEY }, tags: { 'holdfast:restore': planned.restoreId } });
  expect(other?.encryption).toBeUndefined();
  expect(other?.clientToken).toMatch(/^[0-9a-f]{64}$/);
  expect(images.written.snapshots.size).toBe(0);
});

test.for([
  ['another region', 'arn:aws:states:eu-west-1:111122223333:execution:restore:one'],
  ['another account', 'arn:aws:states:us-east-1:999922223333:execution:restore:one'],
] as const)(
  'in %s the key of the original is of no use, and the default key encrypts',
  async ([, execution]) => {
    const { restoreId } = await restoring.planRestore({ request: { point, target }, execution }, PLENTY);

    await restoring.startSnapshots({ restoreId }, PLENTY);

    expect([...images.written.snapshots.values()][0]?.order.encryption).toEqual({ keyArn: undefined });
  },
);

test('the report names snapshots that could not be removed', async () => {
  const planned = await plan();
  const { restoreId } = planned;
  const [snapshot = ''] = (await write(planned)).keys();
  images.undeletable.add(snapshot);
  await restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY);

  const report = await endRestore(restoring, { execution: EXECUTION, restoreId });

  expect(report).toMatchObject({ state: 'completed', snapshotsLeft: [snapshot] });
});

test('a run’s snapshot of a restored volume stays, although it has the tag of the restore', async () => {
  const planned = await plan();
  const { restoreId } = planned;
  await write(planned);
  while (!(await restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY)).done);
  const tags = { 'holdfast:restore': restoreId, 'holdfast:run': 'run-1' };
  images.plant({ snapshotId: 'snap-run', volumeId: 'vol-new-1', tags });

  await endRestore(restoring, { execution: EXECUTION, restoreId });

  expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-run']);
  expect(images.written.snapshots.size).toBe(0);
});

test('a volume whose snapshot is there and complete is made of that, and only the others are written', async () => {
  images.plant({ snapshotId: 'snap-1', volumeId: 'vol-1' });

  const { planned, report, written } = await restore();

  expect(planned.quote).toMatchObject({ volumes: 2, written: 1, blocks: 1 });
  expect([...written.values()].map(({ blocks }) => seedsOf(blocks))).toEqual([second]);
  expect(report.volumes?.map(({ from }) => from)).toEqual(['snapshot', 'vault']);
  expect(images.orders[0]?.snapshotId).toBe('snap-1');
  // What the backup took is not the restore's to remove.
  expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-1']);
});

test('a snapshot that is not complete is not waited for', async () => {
  images.plant({ snapshotId: 'snap-1', volumeId: 'vol-1', state: 'pending' });

  expect((await plan()).quote).toMatchObject({ written: 2 });
});

test('workers that run out of time go on where they were, and write no block twice', async () => {
  const { planned, written } = await restore({}, NO_TIME);

  expect(seedsOf([...written.values()][0]?.blocks ?? new Map())).toEqual(first);
  expect(images.written.writes).toBe(5);
  expect(await deployment.catalog.progress.find(planned.restoreId)).toMatchObject({
    files: 0,
    bytes: 5 * 2 ** 19,
  });
});

/** Repeats a call after its state was lost, and once more. */
const again = async <Output>(call: () => Promise<Output>): Promise<Output> => {
  vi.spyOn(deployment.work, 'put').mockRejectedValueOnce(new Error('killed'));
  await call().catch(() => {});
  vi.restoreAllMocks();
  await call();
  return call();
};

test('every step can be repeated after its answer was lost', async () => {
  const { restoreId, shards } = await plan();
  await again(async () => restoring.startSnapshots({ restoreId }, PLENTY));
  for (const shard of (await readJson(deployment.work, shards.key)) as unknown[])
    await again(async () => restoring.writeBlocks({ restoreId, shard }, PLENTY));
  let state: unknown;
  for (let done = false; !done;) {
    const call = { restoreId, pollSeconds: 5, state };
    ({ done, state } = await again(async () => restoring.completeSnapshots(call, PLENTY)));
  }

  expect(images.written.snapshots.size).toBe(2);
  expect([...images.written.snapshots.values()].map(({ state: one }) => one)).toEqual([
    'completed',
    'completed',
  ]);
});

test('snapshots that may not be begun for now are begun later', async () => {
  const { restoreId } = await plan();
  images.written.most = 1;

  await expect(restoring.startSnapshots({ restoreId }, PLENTY)).rejects.toMatchObject({
    name: 'SnapshotsBusyError',
  });
  images.written.most = 100;
  await restoring.startSnapshots({ restoreId }, PLENTY);

  expect(images.written.snapshots.size).toBe(2);
});

describe('a restore that fails', () => {
  const error = { Error: 'TargetUnavailableError', Cause: 'it was refused' };

  test('removes what it wrote, also a snapshot whose beginning nobody was told', async () => {
    const { restoreId } = await plan();
    vi.spyOn(deployment.work, 'put').mockRejectedValueOnce(new Error('killed'));
    await expect(restoring.startSnapshots({ restoreId }, PLENTY)).rejects.toThrow('killed');
    expect(images.written.snapshots.size).toBe(2);
    images.plant({ snapshotId: 'snap-other', tags: { 'holdfast:restore': 'another' } });

    await endRestore(restoring, { execution: EXECUTION, restoreId, error });

    expect(images.written.snapshots.size).toBe(0);
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-other']);
  });

  test('leaves snapshots alone that were taken of its volumes, and got their tag', async () => {
    const { restoreId } = await plan();
    await restoring.startSnapshots({ restoreId }, PLENTY);
    images.plant({
      snapshotId: 'snap-backup',
      volumeId: 'vol-new-1',
      tags: { 'holdfast:restore': restoreId, 'holdfast:run': 'r1' },
      description: 'Holdfast backup',
    });

    await endRestore(restoring, { execution: EXECUTION, restoreId, error });

    expect(images.written.snapshots.size).toBe(0);
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-backup']);
  });

  test('removes the other snapshots when one cannot be removed', async () => {
    const { restoreId } = await plan();
    const { snapshots } = await restoring.startSnapshots({ restoreId }, PLENTY);
    images.undeletable.add(snapshots['vol-1'] ?? '');

    const report = await endRestore(restoring, { execution: EXECUTION, restoreId, error });

    expect([...images.written.snapshots.keys()]).toEqual([snapshots['vol-1']]);
    expect(report.error?.message).toBe(
      `it was refused; it leaves ${snapshots['vol-1']}, which cost until you delete them`,
    );
  });

  test('names the volumes that it had made, also when it is told again', async () => {
    const planned = await plan();
    const { restoreId } = planned;
    await write(planned);
    const createVolume = images.createVolume.bind(images);
    vi.spyOn(images, 'createVolume')
      .mockImplementationOnce(createVolume)
      .mockRejectedValueOnce(new TargetUnavailableError('no room'));
    await expect(restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY)).rejects.toThrow('no room');

    const report = await endRestore(restoring, { execution: EXECUTION, restoreId, error });

    expect(report.error?.message).toBe(
      'it was refused; it leaves vol-new-1, which cost until you delete them',
    );
    expect(await endRestore(restoring, { execution: EXECUTION, restoreId, error })).toEqual(report);
  });

  test('names a volume whose order was not answered', async () => {
    const planned = await plan();
    const { restoreId } = planned;
    await write(planned);
    images.lostAnswers = 1;
    await expect(restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY)).rejects.toThrow('hang up');

    const report = await endRestore(restoring, { execution: EXECUTION, restoreId, error });

    expect(report.error?.message).toBe(
      'it was refused; it leaves vol-new-1, which cost until you delete them',
    );
  });

  test('has no volume ordered any more', async () => {
    const planned = await plan();
    const { restoreId } = planned;
    await write(planned);
    await endRestore(restoring, { execution: EXECUTION, restoreId, error });

    const ordering = restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY);

    await expect(ordering).rejects.toMatchObject({ name: 'RestoreOverError' });
  });

  test('stops workers that are still at it', async () => {
    const { restoreId, shards } = await plan();
    await restoring.startSnapshots({ restoreId }, PLENTY);
    await endRestore(restoring, { execution: EXECUTION, restoreId, error });
    const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];

    await expect(restoring.writeBlocks({ restoreId, shard }, PLENTY)).rejects.toMatchObject({
      name: 'RestoreOverError',
    });
  });

  test('is one whose snapshot comes to nothing', async () => {
    const { restoreId, shards } = await plan();
    await restoring.startSnapshots({ restoreId }, PLENTY);
    for (const shard of (await readJson(deployment.work, shards.key)) as unknown[])
      await restoring.writeBlocks({ restoreId, shard }, PLENTY);
    const { state } = await restoring.completeSnapshots({ restoreId, pollSeconds: 5 }, PLENTY);
    for (const snapshot of images.written.snapshots.values()) snapshot.state = 'error';

    await expect(
      restoring.completeSnapshots({ restoreId, pollSeconds: 5, state }, PLENTY),
    ).rejects.toMatchObject({
      name: 'SnapshotUnwrittenError',
      message: expect.stringContaining('written for volume vol-1, is in state error; restore again'),
    });
  });
});

test('a plan that runs out of time is gone on with, from where it was', async () => {
  const content = new Uint8Array(9_000 * 512).fill(1);
  const services = { ...deployment.services, lockMode: 'governance' as const };
  const large = await putImagePoint(services, {
    arn: INSTANCE,
    volumes: [{ volume: 'vol-1', content, blockBytes: 512 }],
  });
  const request = { point: large.point, target };
  let turns = 0;
  let planned;
  do {
    planned = await restoring.planRestore({ request, execution: EXECUTION }, NO_TIME);
    turns += 1;
  } while (planned.mode === 'unfinished' && turns < 20);

  expect(planned).toMatchObject({ mode: 'blocks', shards: { count: 5 } });
  expect(turns).toBeGreaterThan(2);
});
