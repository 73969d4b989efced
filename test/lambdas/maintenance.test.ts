import { AuditLog, type PointId, type ResourceArn, type RunId } from '@holdfast/engine';
import { describe, expect, test } from 'vitest';
import { reportMaintenanceStep } from '../../lambdas/maintenance/report-maintenance.ts';
import { writeCheckpointStep } from '../../lambdas/maintenance/write-checkpoint.ts';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import { makeDeployment, NO_TIME, PLENTY, readJson, untilDone } from './support/deployment.ts';
import { held, makeStages } from './support/maintaining.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';

const day = 86_400_000;
const RUN = 'a'.repeat(32) as RunId;
const maintenanceId = 'maintain-1';
const instance = 'arn:aws:ec2:eu-west-1:111122223333:instance/i-1' as ResourceArn;

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
