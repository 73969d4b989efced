import { type ResourceArn, TargetUnavailableError } from '@holdfast/engine';
import { FakeClock, putImagePoint, SeededRandom } from '@holdfast/engine/testing';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { PlanRestoreOutput } from '../../lambdas/restore/plan-restore.ts';
import {
  type Deployment,
  makeDeployment,
  NO_TIME,
  PLENTY,
  readJson,
  untilDone,
} from './support/deployment.ts';
import { makeVolume, MemoryImages } from './support/memory-images.ts';
import { endRestore, makeRestoring, type Restoring, restoresOnTheLog } from './support/restoring.ts';

const EXECUTION = 'arn:aws:states:us-east-1:111122223333:execution:restore:one';
const INSTANCE = 'arn:aws:ec2:us-east-1:111122223333:instance/i-1' as ResourceArn;
const KEY = 'arn:aws:kms:us-east-1:111122223333:key/k1';
const blockBytes = 4096;
const volumeBlocks = 60;
const target = { volumes: { availabilityZone: 'us-east-1a' } };

const machine = {
  ...new MemoryImages(new FakeClock()).machine,
  subnetId: 'subnet-1',
  rootDeviceName: '/dev/xvda',
  volumes: [
    makeVolume('vol-1', { device: '/dev/xvda', sizeGiB: 1, encrypted: true, kmsKeyId: KEY }),
    makeVolume('vol-2', { device: '/dev/xvdb', sizeGiB: 1 }),
  ],
};

/** Content by block; the same number is the same content. */
type Blocks = Readonly<Record<number, number>>;
const first: Blocks = { 0: 1, 7: 2, 8: 3, 59: 4 };
const second: Blocks = { 3: 5 };

function blockOf(seed: number): Uint8Array {
  return new SeededRandom(`block ${seed}`).bytes(blockBytes);
}

function contentOf(blocks: Blocks): Uint8Array {
  const content = new Uint8Array(volumeBlocks * blockBytes);
  for (const [index, seed] of Object.entries(blocks)) content.set(blockOf(seed), Number(index) * blockBytes);
  return content;
}

let deployment: Deployment;
let pointOf: (recorded: Readonly<Record<string, unknown>>) => Promise<string>;
let restoring: Restoring;
let images: MemoryImages;
let point: string;

beforeEach(async () => {
  deployment = makeDeployment();
  images = new MemoryImages(deployment.clock);
  restoring = makeRestoring(deployment, images);
  const services = { ...deployment.services, lockMode: 'governance' as const };
  pointOf = async (recorded) => {
    const root = await putImagePoint(services, {
      arn: INSTANCE,
      volumes: [
        {
          volume: 'vol-1',
          content: contentOf(first),
          blockBytes,
          record: { encrypted: true, device: '/dev/xvda' },
        },
        { volume: 'vol-2', content: contentOf(second), blockBytes },
      ],
      machine: recorded,
    });
    return root.point;
  };
  point = await pointOf(machine);
});

async function plan(request: object = {}) {
  return restoring.planRestore({ request: { point, target, ...request }, execution: EXECUTION }, PLENTY);
}

/** Writes the snapshots of a plan as the restore machine does. */
async function write(planned: PlanRestoreOutput, context = PLENTY) {
  const { restoreId } = planned;
  await restoring.startSnapshots({ restoreId }, PLENTY);
  const shards = (await readJson(deployment.work, planned.shards.key)) as unknown[];
  for (const shard of shards)
    await untilDone(async () => restoring.writeBlocks({ restoreId, shard }, context));
  let state: unknown;
  for (let done = false; !done;)
    ({ done, state } = await restoring.completeSnapshots({ restoreId, pollSeconds: 5, state }, PLENTY));
  return new Map(images.written.snapshots);
}

/** Does for volumes what the restore machine does. */
async function restore(request: object = {}, context = PLENTY) {
  const planned = await plan(request);
  const { restoreId } = planned;
  const written = await write(planned, context);
  while (!(await restoring.restoreVolumes({ restoreId, pollSeconds: 5 }, PLENTY)).done);
  const report = await endRestore(restoring, { execution: EXECUTION, restoreId });
  return { planned, report, written };
}

function seedsOf(blocks: ReadonlyMap<number, Uint8Array>, zeros = 0): Blocks {
  const seeds = [1, 2, 3, 4, 5, 6, 7];
  return Object.fromEntries(
    [...blocks].map(([index, bytes]) => [
      index,
      seeds.find((seed) => Buffer.compare(blockOf(seed), bytes) === 0) ?? zeros,
    ]),
  );
}

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

/** A snapshot of a volume as it is now. */
function plantParent(blocks: Blocks, volumeId = 'vol-1'): string {
  const { blocks: source } = restoring;
  const volume = source.makeVolume(volumeBlocks * blockBytes);
  for (const [index, seed] of Object.entries(blocks)) source.write(volume, Number(index), blockOf(seed));
  source.write(volume, 20, new Uint8Array(blockBytes));
  const snapshot = source.takeSnapshot(volume);
  images.plant({ snapshotId: snapshot, volumeId, encrypted: true, kmsKeyId: KEY });
  return snapshot;
}

const deltaFrom = (...snapshots: string[]) => ({
  target: { volumes: { ...target.volumes, deltaFrom: snapshots } },
});

describe('a delta', () => {
  test('writes the blocks that differ, zeros for those that are new, and nothing else', async () => {
    const parent = plantParent({ 0: 1, 7: 6, 8: 3, 30: 7 });

    const { report, written } = await restore(deltaFrom(parent));

    const [one, other] = written.values();
    expect(one?.order).toMatchObject({ parent });
    expect(seedsOf(one?.blocks ?? new Map())).toEqual({ 7: 2, 30: 0, 59: 4 });
    expect(other?.order.parent).toBeUndefined();
    expect(report.volumes?.map(({ from }) => from)).toEqual(['delta', 'vault']);
    // The parent is not the restore's.
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([parent]);
  });

  test('of several volumes writes of each what differs from its own snapshot', async () => {
    const [one, other] = [plantParent({ ...first, 7: 6 }), plantParent({ 5: 1 }, 'vol-2')];

    const { planned, report, written } = await restore(deltaFrom(one, other));

    expect(planned.quote).toMatchObject({ blocks: 5, comparedBlocks: 2 ** 12 });
    expect(report.volumes?.map(({ from }) => from)).toEqual(['delta', 'delta']);
    const orders = [...written.values()];
    expect(orders.map(({ order }) => order.parent)).toEqual([one, other]);
    expect(seedsOf(orders[0]?.blocks ?? new Map())).toEqual({ 7: 2 });
    expect(seedsOf(orders[1]?.blocks ?? new Map())).toEqual({ ...second, 5: 0 });
  });

  test('of two snapshots of one volume is refused', async () => {
    const asked = deltaFrom(plantParent(first), plantParent(first));

    await expect(plan(asked)).rejects.toThrow(
      /^"deltaFrom" names snap-.* and snap-.*, both of volume vol-1;/,
    );
  });

  test('of a volume that is as it was writes nothing', async () => {
    const { written } = await restore(deltaFrom(plantParent(first)));

    expect([...written.values()][0]?.blocks.size).toBe(0);
  });

  test.for([
    ['is no snapshot of this account and region', {}],
    ['is in state pending', { state: 'pending' }],
    ['is of volume vol-9, which the point has not: it has vol-1, vol-2', { volumeId: 'vol-9' }],
    ['has 2 GiB, more than the 1 that the volume had', { sizeGiB: 2 }],
    ['is not encrypted, and the volume was', { encrypted: false }],
  ] as const)('is refused before anything is made when its snapshot %s', async ([why, fields]) => {
    const snapshotId = 'snap-0123456789abcdef0';
    if (Object.keys(fields).length > 0) images.plant({ snapshotId, ...fields });

    await expect(plan(deltaFrom(snapshotId))).rejects.toThrow(
      `"deltaFrom" ${snapshotId} ${why}; name a complete snapshot`,
    );
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

const launch = async ({ restoreId }: PlanRestoreOutput) =>
  restoring.launchInstance({ restoreId, pollSeconds: 15 }, PLENTY);

describe('a machine whose snapshots are gone', () => {
  const instance = { target: { instance: {} } };
  const ami = { target: { ami: { name: 'web of March' } } };

  test('is launched from what is written out of the vault, which goes when it runs', async () => {
    const planned = await plan(instance);
    await launch(planned);
    const written = await write(planned);
    const { done } = await launch(planned);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId });

    expect(planned).toMatchObject({
      mode: 'blocks',
      next: 'instance',
      quote: { volumes: 2, written: 2, blocks: 5 },
    });
    expect([...written.values()].map(({ blocks }) => seedsOf(blocks))).toEqual([first, second]);
    expect(done).toBe(true);
    expect(restoring.launches.registered[0]?.BlockDeviceMappings?.map(({ Ebs }) => Ebs?.SnapshotId)).toEqual([
      ...written.keys(),
    ]);
    expect(report).toMatchObject({
      state: 'completed',
      volumes: [
        { sourceVolumeId: 'vol-1', from: 'vault', keyId: KEY },
        { sourceVolumeId: 'vol-2', from: 'vault' },
      ],
      ami: { isKept: false },
    });
    expect(report.ami?.snapshots).toBeUndefined();
    expect([images.written.snapshots.size, restoring.launches.images.size]).toEqual([0, 0]);
  });

  test('is launched from a snapshot that is left, which stays, and one that is written', async () => {
    images.plant({ snapshotId: 'snap-1', volumeId: 'vol-1' });
    const planned = await plan(instance);
    const [written] = (await write(planned)).keys();

    await launch(planned);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId });

    expect(report.volumes).toMatchObject([
      { snapshotId: 'snap-1', from: 'snapshot' },
      { snapshotId: written, from: 'vault' },
    ]);
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-1']);
  });

  test('is refused before anything is written when something stands in the way', async () => {
    restoring.launches.facts = { ...restoring.launches.facts, groups: new Map() };
    const planned = await plan(instance);

    await expect(launch(planned)).rejects.toMatchObject({ name: 'LaunchRefusedError' });
    expect(images.written.snapshots.size).toBe(0);
  });

  test.for([['instance', instance] as const, ['AMI', ami] as const])(
    'with a license is refused as an %s before anything is written, as what is written has none',
    async ([, request]) => {
      const licensed = await pointOf({ ...machine, platform: 'Windows' });
      const planned = await plan({ ...request, point: licensed });

      await expect(launch(planned)).rejects.toMatchObject({
        name: 'LaunchRefusedError',
        message: expect.stringContaining('is not billed as Windows'),
      });
    },
  );

  test('is asked for by a dry run without a snapshot', async () => {
    const planned = await plan({ ...instance, dryRun: true });

    const { check } = await launch(planned);

    expect(planned).toMatchObject({ mode: 'check-instance', quote: { written: 2, blocks: 5 } });
    expect(check).toMatchObject({
      problems: [],
      unknown: [
        'whether an AMI can be registered: snapshots are written out of the vault first',
        expect.stringContaining('capacity'),
      ],
    });
    expect(images.written.snapshots.size).toBe(0);
  });

  test('leaves the snapshots of an AMI that is kept, and the report names them', async () => {
    const planned = await plan(ami);
    const written = await write(planned);
    await launch(planned);
    const report = await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId });

    expect(report.ami).toMatchObject({ name: 'web of March', isKept: true, snapshots: [...written.keys()] });
    expect([...images.written.snapshots.keys()]).toEqual([...written.keys()]);
  });

  test.for([['instance', instance] as const, ['AMI', ami] as const])(
    'leaves no snapshot when its restore as an %s fails',
    async ([, request]) => {
      const planned = await plan(request);
      await write(planned);
      const error = { Error: 'InstanceFailedError', Cause: 'no capacity' };

      await endRestore(restoring, { execution: EXECUTION, restoreId: planned.restoreId, error });

      expect(images.written.snapshots.size).toBe(0);
    },
  );
});
