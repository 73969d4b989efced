import {
  AuditLog,
  findLastPoints,
  isDegraded,
  judgeResource,
  type PointId,
  type PointRow,
  type ResourceArn,
  type RunId,
} from '@holdfast/engine';
import { FaultPlan, withFaults } from '@holdfast/engine/testing';
import { RetentionRules } from '@holdfast/engine/model';
import { describe, expect, test } from 'vitest';
import { expirePointsStep } from '../../lambdas/maintenance/expire-points.ts';
import { planMaintenanceStep } from '../../lambdas/maintenance/plan-maintenance.ts';
import { reconcilePointsStep } from '../../lambdas/maintenance/reconcile-points.ts';
import { renewLeasesStep } from '../../lambdas/maintenance/renew-leases.ts';
import { reportMaintenanceStep } from '../../lambdas/maintenance/report-maintenance.ts';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import { sweepPacksStep } from '../../lambdas/maintenance/sweep-packs.ts';
import { sweepSnapshotsStep } from '../../lambdas/maintenance/sweep-snapshots.ts';
import { verifySampleStep } from '../../lambdas/maintenance/verify-sample.ts';
import { writeCheckpointStep } from '../../lambdas/maintenance/write-checkpoint.ts';
import {
  DAILY,
  type Deployment,
  makeDeployment,
  NO_TIME,
  PLENTY,
  readJson,
  untilDone,
} from './support/deployment.ts';
import { MemoryImages } from './support/memory-images.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';

const day = 86_400_000;
const RUN = 'a'.repeat(32) as RunId;
const maintenanceId = 'maintain-1';
/** What bringing points in line with holds comes to where there are none. */
const held = { done: true, state: { holds: 0, held: 0, released: 0, failures: { count: 0, messages: [] } } };
const instance = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1' as ResourceArn;

const idOf = (letter: string) => letter.repeat(32) as RunId;

/** A deployment with one point, whose retention of 30 days ends in a moment. */
async function withOldPoint() {
  const deployment = makeDeployment();
  deployment.source.plant('a.txt', 'content');
  const item = { ...TAGGED_BUCKET, resourceArn: TAGGED_BUCKET.arn, runId: RUN };
  await protectFiles(deployment, makePipeline(deployment), item);
  const [point] = await Array.fromAsync(deployment.catalog.points.list(TAGGED_BUCKET.arn));
  if (point === undefined) throw new Error('no point');
  deployment.clock.set(new Date(point.expiresAt.getTime() - 1_000));
  return { deployment, point };
}

function rulesWith(minimumPoints: number) {
  return [{ ...DAILY, retention: RetentionRules.parse({ keepDays: 30, minimumPoints }) }];
}

/** All stages, as the machine calls them; every answer goes on where the last one stopped. */
function makeStages(deployment: Deployment, minimumPoints = 0) {
  const images = new MemoryImages(deployment.clock);
  const given = { ...deployment, images, plans: rulesWith(minimumPoints) };
  return {
    images,
    plan: planMaintenanceStep.over(given),
    reconcile: reconcilePointsStep.over(given),
    renew: renewLeasesStep.over(given),
    expire: expirePointsStep.over(given),
    sweep: sweepPacksStep.over(given),
    sweepSnapshots: sweepSnapshotsStep.over(given),
    verify: verifySampleStep.over(given),
    report: reportMaintenanceStep.over(given),
  };
}

async function maintain(stages: ReturnType<typeof makeStages>) {
  const plan = await untilDone(async () => stages.plan({ maintenanceId }, PLENTY));
  const reconciled = await stages.reconcile({ state: null }, PLENTY);
  const each = async <State>(
    stage: (event: unknown, context: StepContext) => Promise<{ readonly state: State }>,
  ): Promise<State[]> => {
    const states: State[] = [];
    for (const partition of plan.partitions)
      states.push((await stage({ ...plan, partition, state: null }, PLENTY)).state);
    return states;
  };
  const renewed = await each(stages.renew);
  const expired = await stages.expire({ held, renewed, state: null }, PLENTY);
  const swept = await each(stages.sweep);
  const snapshots = await stages.sweepSnapshots({ reconciled }, PLENTY);
  const verified = await each(stages.verify);
  return stages.report(
    { errors: {}, plan, reconciled, holds: held, renewed, expired, swept, snapshots, verified },
    PLENTY,
  );
}

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

test('a point that nothing keeps any more is removed, and later its packs', async () => {
  const { deployment, point } = await withOldPoint();
  const stages = makeStages(deployment);
  const packs = deployment.catalog.packRows().length;

  const before = await maintain(stages);
  deployment.clock.advance(2_000);
  const expired = await maintain(stages);
  deployment.clock.advance(60 * day);
  const swept = await maintain(stages);

  expect(before).toMatchObject({ roots: 1, pointsExpired: 0, packsSwept: 0 });
  expect(expired).toMatchObject({ pointsExpired: 1, packsSwept: 0 });
  expect(swept).toMatchObject({ roots: 0, packsSwept: packs, failures: 0 });
  expect(swept.bytesSwept).toBeGreaterThan(0);
  expect(await deployment.catalog.points.find(point.pointId)).toBeUndefined();
  expect(deployment.catalog.packRows()).toEqual([]);
  expect(deployment.metrics.of('PointsExpired')).toEqual([0, 1, 0]);
  expect(deployment.metrics.of('PacksSwept')).toEqual([0, 0, packs]);
  expect(deployment.metrics.of('MaintenanceFailures')).toEqual([0, 0, 0]);
});

test('a point that the rules keep is prolonged before it would expire', async () => {
  const { deployment, point } = await withOldPoint();

  const report = await maintain(makeStages(deployment, 1));

  expect(report).toMatchObject({ pointsRenewed: 1, pointsExpired: 0 });
  expect((await deployment.catalog.points.find(point.pointId))?.expiresAt.getTime()).toBeGreaterThan(
    point.expiresAt.getTime(),
  );
  expect(deployment.metrics.of('LeasesRenewed')).toEqual([report.packsRenewed]);
});

test('the lists of a day lie in the work bucket, a list for each partition', async () => {
  const { deployment } = await withOldPoint();

  const { partitions, resources } = await untilDone(async () =>
    makeStages(deployment).plan({ maintenanceId }, PLENTY),
  );

  expect(partitions).toHaveLength(16);
  expect(resources).toBe(1);
  const lists = await Promise.all(
    partitions.map(async (partition) =>
      readJson(deployment.work, `maintenance/${maintenanceId}/resources/${partition}.json`),
    ),
  );
  expect(lists.flat()).toEqual([TAGGED_BUCKET.arn]);
});

test('stages that are out of time get one item done all the same', async () => {
  const { deployment } = await withOldPoint();
  const stages = makeStages(deployment);
  deployment.clock.advance(60 * day);
  const renewed = [{ failures: { count: 0, messages: [] } }];
  const { partitions } = await untilDone(async () => stages.plan({ maintenanceId }, NO_TIME));

  const expired = await stages.expire({ held, renewed, state: null }, NO_TIME);
  const sweeps = await Promise.all(
    partitions.map(async (partition) => stages.sweep({ partition, state: null }, NO_TIME)),
  );

  expect(expired.state.expired).toBe(1);
  expect(sweeps.some(({ state }) => state.swept === 1)).toBe(true);
  // One pack of each partition that has any, however little time there is.
  expect(sweeps.every(({ done, state }) => state.swept === 1 || (done && state.swept === 0))).toBe(true);
});

test('reconciling without time goes on behind roots, then behind resources, and adds up the calls', async () => {
  const { deployment, point } = await withOldPoint();
  const { reconcile } = makeStages(deployment);
  const emptied = ['a', 'b'].map((name) => `arn:aws:s3:::${name}` as ResourceArn);
  for (const [index, arn] of emptied.entries()) {
    const pointId = `${point.pointId.slice(0, -1)}${index}` as PointId;
    await deployment.catalog.resources.put({
      arn,
      kind: 's3-bucket',
      plan: 'daily',
      seenAt: point.sourceTime,
    });
    const rootName = `points/${'0'.repeat(32)}/${pointId}`;
    await deployment.catalog.points.put({ ...point, resourceArn: arn, pointId, rootName });
  }

  let calls = 1;
  let output = await reconcile({ state: null }, NO_TIME);
  for (; !output.done; calls += 1)
    output = await reconcile(JSON.parse(JSON.stringify({ state: output.state })), NO_TIME);

  expect(output.state).toMatchObject({ roots: 1, recovered: 0, missing: 2, failures: { count: 0 } });
  expect(calls).toBe(1 + emptied.length);
});

test('a checkpoint without time looks at one chain a call, and hands on in files of its own execution', async () => {
  const { deployment } = await withOldPoint();
  const audit = new AuditLog(deployment.services);
  const event = { kind: 'expire', point: 'x', expiresAt: '2026-03-02T02:00:00.000Z' } as const;
  await audit.append({ chain: instance, id: 'one', by: 'test', event });
  const { work } = deployment;
  const writeCheckpoint = writeCheckpointStep.over(deployment);

  const first = await writeCheckpoint({ maintenanceId, state: null }, NO_TIME);
  const second = await writeCheckpoint({ maintenanceId, state: first.state }, NO_TIME);

  expect(first).toEqual({ done: false, state: null });
  expect(work.names()).toContain(`maintenance/${maintenanceId}/checkpoint.json`);
  expect(second).toMatchObject({ done: true, state: null, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

describe('a day on which points could not be renewed', () => {
  const failed = [{ failures: { count: 1, messages: ['point x: StoreUnavailableError: no answer'] } }];

  test.each([
    ['one', failed],
    ['all', null],
  ])('(%s of them) has none expire', async (_what, renewed) => {
    const { deployment, point } = await withOldPoint();
    deployment.clock.advance(day);

    const output = await makeStages(deployment).expire({ held, renewed, state: null }, PLENTY);

    expect(output).toMatchObject({ done: true, skipped: true, state: { expired: 0 } });
    expect(await deployment.catalog.points.find(point.pointId)).toBeDefined();
  });
});

test.each([
  ['some points', { ...held, state: { ...held.state, failures: { count: 1, messages: ['point x'] } } }],
  ['all', { state: null }],
])('a day on which %s could not be held has none expire', async (_what, notHeld) => {
  const { deployment, point } = await withOldPoint();
  deployment.clock.advance(day);

  const output = await makeStages(deployment).expire({ held: notHeld, renewed: [], state: null }, PLENTY);

  expect(output).toMatchObject({ done: true, skipped: true });
  expect(await deployment.catalog.points.find(point.pointId)).toBeDefined();
});

describe('the report', () => {
  const nothing = {
    errors: {},
    reconciled: { state: null },
    renewed: null,
    expired: { state: null },
    swept: null,
    snapshots: null,
    verified: null,
  };

  test('fails with the reason of a stage that failed, after it has published the others', async () => {
    const deployment = makeDeployment();
    const { metrics } = deployment;
    const Cause = JSON.stringify({ errorMessage: 'the vault is gone', errorType: 'VaultMissingError' });
    const swept = [{ swept: 3, bytes: 10, kept: 0, locked: 0, failures: { count: 0, messages: [] } }];
    const errors = { renew: { Error: 'VaultMissingError', Cause } };

    const reported = reportMaintenanceStep.over(deployment)({ ...nothing, errors, swept }, PLENTY);

    await expect(reported).rejects.toThrow('renew: VaultMissingError: the vault is gone');
    await expect(reported).rejects.toHaveProperty('name', 'MaintenanceFailedError');
    expect(metrics.of('PacksSwept')).toEqual([3]);
    expect(metrics.of('MaintenanceFailures')).toEqual([1]);
  });

  test('counts the partitions that succeeded when another failed', async () => {
    const deployment = makeDeployment();
    const { metrics } = deployment;
    const whole = { swept: 3, bytes: 10, kept: 0, locked: 0, failures: { count: 0, messages: [] } };
    const broken = { failures: { count: 1, messages: ['partition 4: Lambda.Unknown'] } };

    const reported = reportMaintenanceStep.over(deployment)({ ...nothing, swept: [whole, broken] }, PLENTY);

    await expect(reported).rejects.toThrow('partition 4: Lambda.Unknown');
    expect(metrics.of('PacksSwept')).toEqual([3]);
  });

  test('fails when a partition could not start its containers', async () => {
    const deployment = makeDeployment();
    const { metrics } = deployment;
    const whole = { next: 2, started: 1, waiting: 3, failures: { count: 0, messages: [] } };
    const broken = { failures: { count: 1, messages: ['partition 4: AccessDeniedError'] } };

    const reported = reportMaintenanceStep.over(deployment)(
      { ...nothing, containers: [whole, broken] },
      PLENTY,
    );

    await expect(reported).rejects.toThrow('partition 4: AccessDeniedError');
    expect(metrics.of('MaintenanceFailures')).toEqual([1]);
  });

  test('raises the alarm for damage and for points that are gone', async () => {
    const deployment = makeDeployment();
    const { metrics } = deployment;
    const failures = { count: 0, messages: [] };
    const input = {
      ...nothing,
      reconciled: { state: { roots: 4, recovered: 0, missing: 1, failures } },
      verified: [{ packs: 9, bytes: 90, resources: 1, damaged: 2, failures }],
    };

    await expect(reportMaintenanceStep.over(deployment)(input, PLENTY)).rejects.toThrow(
      '1 points are not in the vault any more; 2 packs or roots are damaged',
    );

    expect(metrics.of('PacksDamaged')).toEqual([2]);
    expect(metrics.of('PointsMissing')).toEqual([1]);
    expect(metrics.of('MaintenanceFailures')).toEqual([0]);
  });
});

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

    // Weeks of points, then runs, of which none is in two calls.
    expect(calls).toBeGreaterThan(62);
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
