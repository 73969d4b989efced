import {
  type BlockSource,
  getVolume,
  PointReader,
  type PointId,
  readRoot,
  type ResourceArn,
  restoreVolume,
  type RunId,
} from '@holdfast/engine';
import { MemoryBlockSource, MemoryVolume } from '@holdfast/engine/testing';
import { type BackupType, type Plan, RetentionRules } from '@holdfast/engine/model';
import { beforeEach, describe, expect, test } from 'vitest';
import { checkSnapshotsStep } from '../../lambdas/image/check-snapshots.ts';
import { commitImageStep } from '../../lambdas/image/commit-image.ts';
import { copyBlocksStep } from '../../lambdas/image/copy-blocks.ts';
import { releaseSnapshotsStep } from '../../lambdas/image/release-snapshots.ts';
import { takeCopyTurn } from '../../lambdas/image/copy-turn.ts';
import { listBlocksStep } from '../../lambdas/image/list-blocks.ts';
import { snapshotVolumesStep } from '../../lambdas/image/snapshot-volumes.ts';
import { expirePointsStep } from '../../lambdas/maintenance/expire-points.ts';
import { sweepSnapshotsStep } from '../../lambdas/maintenance/sweep-snapshots.ts';
import { consolidatePointStep } from '../../lambdas/protect/consolidate-point.ts';
import { joinGroupStep } from '../../lambdas/protect/join-group.ts';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import {
  DAILY,
  type Deployment,
  makeDeployment,
  NO_TIME,
  PLENTY,
  readJson,
  untilDone,
} from './support/deployment.ts';
import { makeVolume, MemoryImages } from './support/memory-images.ts';
import { makePipeline } from './support/pipeline.ts';

const INSTANCE = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1' as ResourceArn;
const blockBytes = 2 ** 19;
/** Shards of a window of blocks. */
const vaultPlan: Plan = {
  ...DAILY,
  images: { ...DAILY.images, blocks: 'vault' },
  shard: { files: 3, bytes: 64 * blockBytes },
};

let plan: Plan;
/** Plans beside it. */
let others: readonly Plan[];
let deployment: Deployment;
let disks: MemoryBlockSource;
let images: MemoryImages;
let throttled: number;
let root: string;
let data: string;

beforeEach(() => {
  plan = vaultPlan;
  others = [];
  deployment = makeDeployment();
  disks = new MemoryBlockSource(deployment.clock);
  images = new MemoryImages(deployment.clock);
  throttled = 0;
  root = disks.makeVolume(400 * blockBytes);
  data = disks.makeVolume(200 * blockBytes);
  images.machine = { ...images.machine, volumes: [makeVolume(root), makeVolume(data)] };
  images.freeze = (volume) => disks.takeSnapshot(volume);
  for (const index of [0, 1, 2, 70, 150, 151, 390]) write(root, index);
  for (const index of [5, 6, 130]) write(data, index);
});

function write(volume: string, index: number, seed = 0): void {
  disks.write(volume, index, new Uint8Array(blockBytes).fill((index + 7 * seed) % 251 || 1));
}

function stepsOver(blocks: BlockSource = disks) {
  const deps = {
    ...deployment,
    images,
    blocks,
    plans: [plan, ...others],
    throttledCalls: () => (throttled += 3),
  };
  return {
    openRun: makePipeline(deployment, [], [plan, ...others]).openRun,
    snapshotVolumes: snapshotVolumesStep.over(deps),
    checkSnapshots: checkSnapshotsStep.over(deps),
    listBlocks: listBlocksStep.over(deps),
    copyBlocks: copyBlocksStep.over(deps),
    joinGroup: joinGroupStep.over(deps),
    commitImage: commitImageStep.over(deps),
    consolidatePoint: consolidatePointStep.over(deps),
    releaseSnapshots: releaseSnapshotsStep.over(deps),
    sweepSnapshots: sweepSnapshotsStep.over(deps),
    expirePoints: expirePointsStep.over(deps),
  };
}

/** Opens a run and waits for its snapshots, as the machine does. */
async function takeSnapshots(runId: string, type: BackupType, planName = 'daily') {
  const steps = stepsOver();
  const event = { resourceArn: INSTANCE, kind: 'ec2-instance', plan: planName, type, runId };
  const opened = await steps.openRun(event, PLENTY);
  if (opened.mode !== 'blocks') return opened;
  await steps.snapshotVolumes({ runId }, PLENTY);
  images.change({ state: 'completed', progress: 100 });
  const look = await steps.checkSnapshots(
    { runId, pollSeconds: 60, mode: 'blocks', imagesAtOnce: 2 },
    PLENTY,
  );
  expect(look.done).toBe(true);
  return opened;
}

/** Lists, copies and commits; each loop gets as little time as there is. */
async function copy(runId: string, context: StepContext = NO_TIME) {
  const steps = stepsOver();
  let state: unknown;
  const listing = await untilDone(async () => {
    const output = await steps.listBlocks({ runId, state }, context);
    state = output.done ? undefined : output.state;
    return output;
  });
  const shards = (await readJson(deployment.work, listing.shards.key)) as readonly object[];
  const copied = [];
  for (const shard of shards) copied.push(await steps.copyBlocks({ runId, shard }, PLENTY));
  const commit = { runId, shardCount: listing.shards.count, groupCount: listing.groups.count };
  const point = await untilDone(async () => steps.commitImage(commit, context));
  return { point, shards, copied };
}

async function backUp(runId: string, type: BackupType, planName?: string) {
  deployment.clock.advance(60_000);
  await takeSnapshots(runId, type, planName);
  return copy(runId);
}

async function contentOf(pointId: string, volume: string): Promise<Uint8Array> {
  const keys = await deployment.openKeys();
  const stored = await readRoot(deployment.store, keys, INSTANCE, pointId as PointId);
  const reader = new PointReader(deployment.store, keys, stored.root);
  const entry = await getVolume(reader, volume);
  const target = new MemoryVolume(entry.bytes);
  await restoreVolume(reader, entry, { target });
  return target.bytes;
}

function sourceOf(runId: string, volume: string): Uint8Array {
  const taken = images.snapshots.find(
    ({ volumeId, tags }) => volumeId === volume && tags['holdfast:run'] === runId,
  );
  return disks.contentOf(taken?.snapshotId ?? '');
}

const RUN = 'a'.repeat(32);
const NEXT = 'b'.repeat(32);
const LAST = 'c'.repeat(32);

test('an instance becomes a point with every block of its volumes', async () => {
  const { point, shards, copied } = await backUp(RUN, 'full');

  expect(shards.length).toBeGreaterThan(2);
  expect(copied[0]).toEqual({ index: 0, throttledCalls: 3 });
  expect(point).toMatchObject({
    state: 'completed',
    type: 'full',
    files: 2,
    logicalBytes: 600 * blockBytes,
    readBytes: 10 * blockBytes,
    throttledCalls: 3 * shards.length,
  });
  expect(deployment.metrics.values).toContainEqual({
    name: 'ThrottledBlockCalls',
    value: 3 * shards.length,
    unit: 'Count',
  });
  for (const volume of [root, data])
    expect(Buffer.compare(await contentOf(point.pointId, volume), sourceOf(RUN, volume))).toBe(0);
});

test('an incremental and a differential read what changed, and each has all blocks', async () => {
  await backUp(RUN, 'full');
  write(root, 1, 1);
  write(root, 399, 1);
  disks.trim(data, 6);
  const incremental = await backUp(NEXT, 'incremental');
  write(root, 2, 2);
  const differential = await backUp(LAST, 'differential');

  expect(incremental.point).toMatchObject({ type: 'incremental', readBytes: 2 * blockBytes });
  expect(differential.point).toMatchObject({ type: 'differential', readBytes: 3 * blockBytes });
  for (const [runId, { point }] of [
    [NEXT, incremental],
    [LAST, differential],
  ] as const)
    for (const volume of [root, data])
      expect(Buffer.compare(await contentOf(point.pointId, volume), sourceOf(runId, volume))).toBe(0);
});

test('a base whose snapshot is gone is read in full', async () => {
  await backUp(RUN, 'full');
  for (const { snapshotId } of images.snapshots) disks.removeSnapshot(snapshotId);
  write(root, 1, 1);

  const { point } = await backUp(NEXT, 'incremental');

  expect(point).toMatchObject({ type: 'incremental', readBytes: 10 * blockBytes });
  expect(Buffer.compare(await contentOf(point.pointId, root), sourceOf(NEXT, root))).toBe(0);
});

test('a synthetic full of an image with blocks is one container', async () => {
  const { point: full } = await backUp(RUN, 'full');
  deployment.clock.advance(60_000);

  const opened = await takeSnapshots(NEXT, 'synthetic-full');
  const container = await untilDone(async () => stepsOver().consolidatePoint({ runId: NEXT }, PLENTY));

  expect(opened.mode).toBe('consolidate');
  expect(Buffer.compare(await contentOf(container.pointId, root), await contentOf(full.pointId, root))).toBe(
    0,
  );
});

test('images wait for their turn to be copied, and get it when another has been committed', async () => {
  const steps = stepsOver();
  const look = (runId: string) =>
    steps.checkSnapshots({ runId, pollSeconds: 60, mode: 'blocks', imagesAtOnce: 1 }, PLENTY);
  await takeSnapshots(RUN, 'full');
  const other = 'arn:aws:ec2:us-east-1:000000000000:instance/i-2';
  const event = { resourceArn: other, kind: 'ec2-instance', plan: 'daily', type: 'full', runId: NEXT };
  await steps.openRun(event, PLENTY);
  await steps.snapshotVolumes({ runId: NEXT }, PLENTY);
  images.change({ state: 'completed', progress: 100 });

  expect(await look(NEXT)).toMatchObject({ done: false, progress: 100 });
  await copy(RUN);

  expect(await look(NEXT)).toMatchObject({ done: true });
});

test('the turn of a run that failed is free for the next', async () => {
  await takeSnapshots(RUN, 'full');
  const failed = { runId: RUN, plan: 'daily', error: { Error: 'SourceUnavailableError', Cause: '{}' } };

  await makePipeline(deployment, [], [plan]).failRun(failed, PLENTY);

  const { clock, random, shared } = deployment;
  expect(await takeCopyTurn({ clock, random, shared }, NEXT as RunId, 1)).toBe('taken');
});

test('a cancelled run stops copying, and says so', async () => {
  await takeSnapshots(RUN, 'full');
  const steps = stepsOver();
  const listing = await untilDone(async () => steps.listBlocks({ runId: RUN }, PLENTY));
  const [shard] = (await readJson(deployment.work, listing.shards.key)) as readonly object[];
  await deployment.catalog.runs.cancel(RUN as RunId);

  await expect(steps.copyBlocks({ runId: RUN, shard }, PLENTY)).rejects.toMatchObject({
    name: 'RunClosedError',
  });
});

test('neither tokens of blocks nor user data come into a log', async () => {
  await backUp(RUN, 'full');

  const log = JSON.stringify(deployment.lines);
  expect(log).not.toContain('IyEvYmluL3NoCg==');
  expect(log).not.toMatch(/token/i);
});

/** Runs whose snapshots EC2 has. */
function runsWithSnapshots(): string[] {
  return [...new Set(images.snapshots.map(({ tags }) => tags['holdfast:run'] ?? ''))].sort();
}

async function backUpAndRelease(runId: string, type: BackupType, planName?: string): Promise<void> {
  await backUp(runId, type, planName);
  await stepsOver().releaseSnapshots({ runId }, PLENTY);
}

async function sweep() {
  const reconciled = { done: true, state: { failures: { count: 0, messages: [] } } };
  return stepsOver().sweepSnapshots({ reconciled, state: null }, PLENTY);
}

async function expire() {
  const held = { done: true, state: { failures: { count: 0, messages: [] } } };
  return stepsOver().expirePoints({ held, renewed: [], state: null }, PLENTY);
}

const withImages = (changes: Partial<Plan['images']>): Plan => ({
  ...vaultPlan,
  images: { ...vaultPlan.images, ...changes },
});

describe('snapshots whose blocks are in the vault', () => {
  beforeEach(async () => {
    const resource = {
      arn: INSTANCE,
      kind: 'ec2-instance',
      plan: 'daily',
      seenAt: deployment.clock.now(),
    } as const;
    await deployment.catalog.resources.put(resource);
  });

  test('stay as the base of the next incremental, and go when that is committed', async () => {
    plan = withImages({ baseSnapshot: 'keep' });

    await backUpAndRelease(RUN, 'full');
    expect(runsWithSnapshots()).toEqual([RUN]);
    await backUpAndRelease(NEXT, 'incremental');

    expect(runsWithSnapshots()).toEqual([NEXT]);
  });

  test('stay as the base of differentials, too, where the plan has some', async () => {
    const differential = { expression: 'cron(0 3 ? * WED *)', timeZone: 'UTC' };
    plan = { ...withImages({ baseSnapshot: 'keep' }), schedules: { ...DAILY.schedules, differential } };
    await backUpAndRelease(RUN, 'full');
    await backUpAndRelease(NEXT, 'incremental');

    expect(runsWithSnapshots()).toEqual([RUN, NEXT]);
    await backUpAndRelease(LAST, 'full');

    expect(runsWithSnapshots()).toEqual([LAST]);
  });

  test('stay for a plan that reads changes once a year and says that they are kept', async () => {
    const incremental = { expression: 'cron(0 3 1 1 ? *)', timeZone: 'UTC' };
    plan = { ...withImages({ baseSnapshot: 'keep' }), schedules: { incremental } };

    await backUpAndRelease(RUN, 'full');

    expect(runsWithSnapshots()).toEqual([RUN]);
  });

  test('go at once where reading again is cheaper, or the plan says so', async () => {
    plan = withImages({ baseSnapshot: 're-read' });

    await backUpAndRelease(RUN, 'full');

    expect(images.snapshots).toEqual([]);
  });

  test('stay for the days that the plan keeps them, and are removed by maintenance then', async () => {
    plan = withImages({ baseSnapshot: 're-read', keepSnapshotsDays: 7 });
    await backUpAndRelease(RUN, 'full');

    deployment.clock.advance(6 * 86_400_000);
    await sweep();
    expect(runsWithSnapshots()).toEqual([RUN]);
    deployment.clock.advance(2 * 86_400_000);
    await sweep();

    expect(images.snapshots).toEqual([]);
  });

  test('stay for the days of the plan that took them when a run of another plan is committed', async () => {
    plan = withImages({ baseSnapshot: 're-read', keepSnapshotsDays: 7 });
    await backUpAndRelease(RUN, 'full');
    const weekly = { ...withImages({ baseSnapshot: 're-read' }), name: 'weekly' };
    others = [weekly];
    await backUpAndRelease(NEXT, 'full', 'weekly');

    expect(runsWithSnapshots()).toEqual([RUN]);
  });

  test('stay with the container that was made of their point for as long as it is the base', async () => {
    plan = { ...withImages({ baseSnapshot: 'keep' }), retention: RetentionRules.parse({ keepDays: 1 }) };
    await backUpAndRelease(RUN, 'full');
    plan = withImages({ baseSnapshot: 'keep' });
    deployment.clock.advance(60_000);
    await takeSnapshots(NEXT, 'synthetic-full');
    await untilDone(async () => stepsOver().consolidatePoint({ runId: NEXT }, PLENTY));
    deployment.clock.advance(10 * 86_400_000);

    const { state } = await expire();
    await sweep();
    expect(state).toMatchObject({ expired: 1, snapshots: 0 });
    expect(runsWithSnapshots()).toEqual([RUN]);
    write(root, 1, 1);
    const { point } = await backUp(LAST, 'incremental');
    await sweep();

    expect(point).toMatchObject({ type: 'incremental', readBytes: blockBytes });
    expect(runsWithSnapshots()).toEqual([LAST]);
  });

  test('stay as the base of the plan that the resource has now', async () => {
    plan = withImages({ baseSnapshot: 're-read' });
    const weekly = { ...withImages({ baseSnapshot: 'keep' }), name: 'weekly' };
    others = [weekly];
    const row = await deployment.catalog.resources.find(INSTANCE);
    await deployment.catalog.resources.put({ ...row!, plan: 'weekly' });
    await backUpAndRelease(RUN, 'full', 'daily');

    expect(runsWithSnapshots()).toEqual([RUN]);
    await sweep();

    expect(runsWithSnapshots()).toEqual([RUN]);
  });

  test('are left alone where the plan of the resource is not known', async () => {
    plan = withImages({ baseSnapshot: 're-read' });
    const row = await deployment.catalog.resources.find(INSTANCE);
    await deployment.catalog.resources.put({ ...row!, plan: 'gone' });
    await backUpAndRelease(RUN, 'full');
    await sweep();

    expect(runsWithSnapshots()).toEqual([RUN]);
  });

  test('go without a copy of them that somebody made with its tags', async () => {
    plan = withImages({ baseSnapshot: 're-read' });
    await backUpAndRelease(RUN, 'full');
    const tags = { 'holdfast:run': RUN };
    images.plant({ snapshotId: 'snap-copy', volumeId: 'vol-ffffffff', tags });
    deployment.clock.advance(30 * 86_400_000);

    await sweep();

    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual(['snap-copy']);
  });

  test('are no base of a resource that is not protected any more', async () => {
    plan = withImages({ baseSnapshot: 'keep' });
    await backUpAndRelease(RUN, 'full');

    await sweep();
    expect(runsWithSnapshots()).toEqual([RUN]);
    await deployment.catalog.resources.remove(INSTANCE);
    await sweep();

    expect(images.snapshots).toEqual([]);
  });

  test('are not removed before their point is committed', async () => {
    plan = withImages({ baseSnapshot: 're-read' });
    await takeSnapshots(RUN, 'full');

    await stepsOver().releaseSnapshots({ runId: RUN }, PLENTY);
    await sweep();

    expect(runsWithSnapshots()).toEqual([RUN]);
  });

  test('are locked for as long as the plan keeps them', async () => {
    plan = withImages({ keepSnapshotsDays: 7, lockSnapshots: true });
    await backUpAndRelease(RUN, 'full');

    const point = (await Array.fromAsync(deployment.catalog.points.list(INSTANCE)))[0]!;
    const until = new Date(point.committedAt.getTime() + 7 * 86_400_000);
    expect([...images.locks.values()]).toEqual([
      { mode: 'governance', until },
      { mode: 'governance', until },
    ]);
  });

  test('that a point consists of stay locked for as long as the point is kept', async () => {
    plan = withImages({ blocks: 'none', lockSnapshots: true });
    const steps = stepsOver();
    const event = { resourceArn: INSTANCE, kind: 'ec2-instance', plan: 'daily', type: 'full', runId: RUN };
    await steps.openRun(event, PLENTY);
    await steps.snapshotVolumes({ runId: RUN }, PLENTY);
    images.change({ state: 'completed', progress: 100 });
    const commit = { runId: RUN, shardCount: 0, groupCount: 0, state: null };
    await untilDone(async () => steps.commitImage(commit, PLENTY));
    await steps.releaseSnapshots({ runId: RUN }, PLENTY);
    const [point] = await Array.fromAsync(deployment.catalog.points.list(INSTANCE));
    const { pointId, expiresAt } = point!;
    const untils = () => [...images.locks.values()].map(({ until }) => until);
    expect(untils()).toEqual([expiresAt, expiresAt]);
    deployment.clock.advance(2 * 86_400_000);

    await sweep();
    expect(untils()).toEqual([expiresAt, expiresAt]);
    const later = new Date(expiresAt.getTime() + 30 * 86_400_000);
    await deployment.catalog.points.prolong(pointId, later);
    await sweep();

    expect(untils()).toEqual([later, later]);
  });

  test('that are gone make no point degraded', async () => {
    plan = withImages({ baseSnapshot: 're-read' });
    await backUpAndRelease(RUN, 'full');
    deployment.clock.advance(3 * 86_400_000);

    const { state } = await sweep();

    expect(state).toMatchObject({ pointsLacking: 0 });
  });
});
