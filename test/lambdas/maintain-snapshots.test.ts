import {
  findLastPoints,
  isDegraded,
  judgeResource,
  type PointId,
  type PointRow,
  type ResourceArn,
  type RunId,
} from '@holdfast/engine';
import { FaultPlan, withFaults } from '@holdfast/engine/testing';
import { describe, expect, test } from 'vitest';
import { sweepSnapshotsStep } from '../../lambdas/maintenance/sweep-snapshots.ts';
import { DAILY, type Deployment, makeDeployment, NO_TIME, PLENTY } from './support/deployment.ts';
import { held, makeStages } from './support/maintaining.ts';
import { MemoryImages } from './support/memory-images.ts';

const day = 86_400_000;
const RUN = 'a'.repeat(32) as RunId;
const instance = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1' as ResourceArn;

const idOf = (letter: string) => letter.repeat(32) as RunId;

async function withImage(deployment: Deployment, images: MemoryImages, runId: RunId): Promise<PointRow> {
  await images.createMachineSnapshots(images.machine, { 'holdfast:run': runId });
  const { store, catalog } = deployment;
  const { versionId } = await store.put(`points/${runId}/image`, new Uint8Array(1));
  const now = deployment.clock.now();
  const row: PointRow = {
    pointId: `20260302T020000Z-${runId.slice(0, 16)}` as PointId,
    resourceArn: instance,
    resourceKind: 'ec2-instance',
    plan: 'daily',
    type: 'full',
    chainPointId: `20260302T020000Z-${runId.slice(0, 16)}` as PointId,
    runId,
    sourceTime: now,
    committedAt: now,
    expiresAt: new Date(now.getTime() + day),
    retentionClass: 'standard',
    counts: {
      files: 2,
      filesChanged: 0,
      filesRemoved: 0,
      logicalBytes: 0,
      readBytes: 0,
      newBytes: 0,
      storedBytes: 0,
    },
    warnings: 0,
    seconds: 1,
    rootName: `points/${runId}/image`,
    rootVersionId: versionId,
  };
  await catalog.points.put(row);
  return row;
}

describe('snapshots', () => {
  test('of an expired image go with it, those of others stay', async () => {
    const deployment = makeDeployment();
    const { expire, images } = makeStages(deployment);
    await withImage(deployment, images, RUN);
    deployment.clock.advance(2 * day);
    await withImage(deployment, images, 'b'.repeat(32) as RunId);

    const { state } = await expire({ held, renewed: [], state: null }, PLENTY);

    expect(state).toMatchObject({ expired: 1, snapshots: 2 });
    expect(images.snapshots.map(({ tags }) => tags['holdfast:run'])).toEqual([
      'b'.repeat(32),
      'b'.repeat(32),
    ]);
  });

  test('that are gone make their point a degraded one and are told, until they are there again', async () => {
    const deployment = makeDeployment();
    const { catalog, clock, metrics } = deployment;
    const { sweepSnapshots, report, images } = makeStages(deployment);
    const whole = await withImage(deployment, images, RUN);
    clock.advance(3_700_000);
    const robbed = await withImage(deployment, images, idOf('b'));
    images.change({ state: 'completed' });
    const gone = images.snapshots.at(-1)!;
    await images.removeSnapshot(gone.snapshotId);
    const sweep = async () => sweepSnapshots({}, PLENTY);

    const tooEarly = await sweep();
    clock.advance(3_700_000);
    const found = await sweep();
    const reported = report({ errors: {}, snapshots: found }, PLENTY);

    expect([tooEarly.state.pointsLacking, found.state.pointsLacking]).toEqual([0, 1]);
    await expect(reported).rejects.toThrow('1 points of images have lost EBS snapshots');
    expect(metrics.of('PointsWithoutSnapshots')).toEqual([1]);
    expect(metrics.of('MaintenanceFailures')).toEqual([0]);
    const marked = await catalog.points.find(robbed.pointId);
    expect(marked).toMatchObject({ snapshotsMissing: 1 });
    expect(isDegraded(marked!)).toBe(true);
    const last = await findLastPoints(catalog.points.list(instance));
    expect([last.newest?.pointId, last.clean?.pointId]).toEqual([robbed.pointId, whole.pointId]);
    const resource = { arn: instance, kind: 'ec2-instance', plan: 'daily', seenAt: clock.now() } as const;
    expect(judgeResource(resource, last, [DAILY], clock.now())).toMatchObject({
      standing: 'degraded',
      problem: expect.stringMatching(/lost 1 of its 2 EBS snapshots; the last clean one is/),
    });
    await images.createMachineSnapshots(images.machine, { 'holdfast:run': idOf('b') });
    images.change({ state: 'completed' });
    expect((await sweep()).state.pointsLacking).toBe(0);
    expect(await catalog.points.find(robbed.pointId)).not.toHaveProperty('snapshotsMissing');
  });

  test('that are gone are told of every point, whatever the catalog does about one', async () => {
    const deployment = makeDeployment();
    const { catalog, clock } = deployment;
    const images = new MemoryImages(clock);
    for (const digit of ['b', 'c']) await withImage(deployment, images, idOf(digit));
    clock.advance(3_700_000);
    for (const { snapshotId } of images.snapshots) await images.removeSnapshot(snapshotId);
    const faulty = withFaults(
      catalog,
      new FaultPlan([{ kind: 'throttle', call: 1, method: 'points.noteSnapshotsMissing' }]),
    );

    const swept = await sweepSnapshotsStep.over({ ...deployment, catalog: faulty, images, plans: [DAILY] })(
      {},
      PLENTY,
    );

    expect(swept.state).toMatchObject({ pointsLacking: 2, failures: { count: 1 } });
    const points = await Array.fromAsync(catalog.points.list(instance));
    expect(points.filter(({ snapshotsMissing }) => snapshotsMissing === 2)).toHaveLength(1);
  });

  test('are looked through in any number of calls, and each point and run once', async () => {
    const deployment = makeDeployment();
    const { catalog, clock } = deployment;
    const { sweepSnapshots, images } = makeStages(deployment);
    for (const letter of ['c', 'd', 'e']) await withImage(deployment, images, idOf(letter));
    for (const letter of ['a', 'b', 'f']) {
      await images.createMachineSnapshots(images.machine, { 'holdfast:run': idOf(letter) });
      await catalog.runs.open({
        runId: idOf(letter),
        resourceArn: `arn:aws:ec2:::instance/i-${letter}` as ResourceArn,
        plan: 'daily',
        requestedType: 'full',
        type: 'full',
        leaseUntil: clock.now(),
        startedAt: clock.now(),
        aliveUntil: clock.now(),
        state: 'open',
      });
      await catalog.runs.close(idOf(letter), { state: 'failed', endedAt: clock.now() });
    }
    images.change({ state: 'completed' });
    await images.removeSnapshot(images.snapshots[0]!.snapshotId);
    clock.advance(8 * day);
    for (const letter of ['c', 'd', 'e'])
      for await (const { pointId, runId } of catalog.points.list(instance))
        if (runId === idOf(letter))
          await catalog.points.prolong(pointId, new Date(clock.now().getTime() + 20 * day));

    let calls = 1;
    let swept = await sweepSnapshots({ reconciled: held }, NO_TIME);
    while (!swept.done) {
      calls += 1;
      swept = await sweepSnapshots({ reconciled: held, state: swept.state }, NO_TIME);
    }

    // Three points, then six runs, of which none is in two calls; one call has the last point and the first run.
    expect(calls).toBe(8);
    expect(swept.state).toMatchObject({ pointsLacking: 1, removed: 6, unknown: 5, failures: { count: 0 } });
    expect(images.snapshots).toHaveLength(5);
  });

  test('of points whose time is over, or that were just committed, are not missed', async () => {
    const deployment = makeDeployment();
    const { sweepSnapshots, images } = makeStages(deployment);
    await withImage(deployment, images, RUN);
    const ids = images.snapshots.map(({ snapshotId }) => snapshotId);
    for (const id of ids) await images.removeSnapshot(id);

    const young = await sweepSnapshots({}, PLENTY);
    deployment.clock.advance(2 * day);
    const over = await sweepSnapshots({}, PLENTY);

    expect([young.state.pointsLacking, over.state.pointsLacking]).toEqual([0, 0]);
  });

  test('that an AMI is made of keep their point, are told, and fail nothing; the rest goes', async () => {
    const deployment = makeDeployment();
    const stages = makeStages(deployment);
    const { images } = stages;
    const point = await withImage(deployment, images, RUN);
    const other = await withImage(deployment, images, idOf('b'));
    const used = images.snapshots[0]!.snapshotId;
    images.inUse.add(used);
    deployment.clock.advance(2 * day);

    const expireAndReport = async () => {
      const expired = await stages.expire({ held, renewed: [], state: null }, PLENTY);
      return stages.report(
        { errors: {}, expired, snapshots: await stages.sweepSnapshots({}, PLENTY) },
        PLENTY,
      );
    };
    const first = await expireAndReport();
    images.inUse.clear();
    const second = await expireAndReport();

    expect(first).toMatchObject({ pointsExpired: 1, pointsInUse: 1, snapshotsRemoved: 3, failures: 0 });
    expect(deployment.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', runId: RUN, snapshotId: used }),
    );
    expect(second).toMatchObject({ pointsExpired: 1, pointsInUse: 0, snapshotsRemoved: 1 });
    expect(images.snapshots).toEqual([]);
    for (const { pointId } of [point, other])
      expect(await deployment.catalog.points.find(pointId)).toBeUndefined();
    expect(deployment.metrics.of('MaintenanceFailures')).toEqual([0, 0]);
  });

  test('of a failed run are removed whatever EC2 says of others', async () => {
    const deployment = makeDeployment();
    const { sweepSnapshots, images } = makeStages(deployment);
    const { catalog, clock } = deployment;
    for (const letter of ['b', 'c', 'd']) {
      await images.createMachineSnapshots(images.machine, { 'holdfast:run': idOf(letter) });
      await catalog.runs.open({
        runId: idOf(letter),
        resourceArn: instance,
        plan: 'daily',
        requestedType: 'full',
        type: 'full',
        leaseUntil: clock.now(),
        startedAt: clock.now(),
        aliveUntil: clock.now(),
        state: 'open',
      });
      await catalog.runs.close(idOf(letter), { state: 'failed', endedAt: clock.now() });
    }
    const [used, , locked] = images.snapshots.map(({ snapshotId }) => snapshotId);
    images.inUse.add(used!);
    images.undeletable.add(locked!);
    clock.advance(8 * day);

    const { state: swept } = await sweepSnapshots({ reconciled: held }, PLENTY);

    expect(swept).toMatchObject({ removed: 3, inUse: 1, failures: { count: 1 } });
    expect(swept.failures.messages[0]).toContain(locked);
    expect(images.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([used, locked]);
  });

  test('that a failed run left are removed after some days; of points, open and unknown runs they stay', async () => {
    const deployment = makeDeployment();
    const { sweepSnapshots, images } = makeStages(deployment);
    const { catalog, clock } = deployment;
    const runs = { failed: 'c', open: 'd', unknown: 'e', ofPoint: 'f' } as const;
    await withImage(deployment, images, idOf(runs.ofPoint));
    for (const [what, letter] of Object.entries(runs)) {
      if (what !== 'ofPoint')
        await images.createMachineSnapshots(images.machine, { 'holdfast:run': idOf(letter) });
      if (what === 'unknown') continue;
      // One after the other: each takes the resource over from the one before it.
      clock.advance(day / 24);
      await catalog.runs.open({
        runId: idOf(letter),
        resourceArn: what === 'open' ? ('arn:aws:ec2:::instance/i-2' as ResourceArn) : instance,
        plan: 'daily',
        requestedType: 'full',
        type: 'full',
        leaseUntil: clock.now(),
        startedAt: clock.now(),
        aliveUntil: clock.now(),
        state: 'open',
      });
    }
    // Counts as failed, and has a point all the same.
    await catalog.runs.close(idOf(runs.ofPoint), { state: 'failed', endedAt: clock.now() });

    const { state: early } = await sweepSnapshots({ reconciled: held }, PLENTY);
    clock.advance(8 * day);
    // The catalog may lack the row of a point that was committed.
    const { state: unsure } = await sweepSnapshots({ reconciled: { ...held, done: false } }, PLENTY);
    const { state: late } = await sweepSnapshots({ reconciled: held }, PLENTY);

    expect(early).toMatchObject({ removed: 0, unknown: 0 });
    expect(unsure).toMatchObject({ removed: 0, failures: { count: 0 } });
    expect(late).toMatchObject({ removed: 2, unknown: 2, inUse: 0, failures: { count: 0 } });
    const left = new Set(images.snapshots.map(({ tags }) => tags['holdfast:run']));
    expect(left).toEqual(new Set([runs.open, runs.unknown, runs.ofPoint].map(idOf)));
  });
});
