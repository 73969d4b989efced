import {
  type AuditEntry,
  type PointId,
  type ResourceArn,
  StoreUnavailableError,
  verifyAudit,
} from '@holdfast/engine';
import { RetentionRules } from '@holdfast/engine/model';
import { expect, test } from 'vitest';
import { consolidatePointStep } from '../../lambdas/protect/consolidate-point.ts';
import { planMaintenanceStep } from '../../lambdas/maintenance/plan-maintenance.ts';
import { startContainersStep } from '../../lambdas/maintenance/start-containers.ts';
import { BUCKET_ARN, DAILY, makeDeployment, PLENTY, untilDone } from './support/deployment.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';
import { EXECUTION, makeRestoring, restoreFiles } from './support/restoring.ts';

const DAY = 86_400_000;
const MAINTENANCE = { maintenanceId: 'daily-1' };

interface Started {
  readonly name: string;
  readonly input: { readonly runId: string; readonly container: { readonly pointId: string } };
}

/** A plan that keeps one point of each month for a year, in the deep archive. */
const yearly = (keepDays: number) => ({
  ...DAILY,
  retention: RetentionRules.parse({ keepDays, monthly: 12, archiveClass: 'deep-archive' }),
});

async function withPoint(keepDays = 30) {
  const plans = [yearly(keepDays)];
  const deployment = makeDeployment();
  const started: Started[] = [];
  const deps = {
    ...deployment,
    plans,
    machines: {
      protect: {
        start: async (name: string, input: unknown) => {
          const isNew = !started.some((one) => one.name === name);
          if (isNew) started.push({ name, input: input as Started['input'] });
          return Promise.resolve(isNew ? ('started' as const) : ('exists' as const));
        },
      },
    },
  };
  deployment.source.plant('file', 'content');
  const pipeline = makePipeline(deployment, [TAGGED_BUCKET], plans);
  const item = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId: 'a'.repeat(32) };
  await deployment.catalog.resources.put({
    arn: BUCKET_ARN,
    kind: 's3-bucket',
    plan: 'daily',
    seenAt: deployment.clock.now(),
  });
  const point = (await protectFiles(deployment, pipeline, item))?.pointId ?? '';
  deployment.clock.advance(20 * DAY);

  /** What maintenance does about containers on one day. */
  const maintain = async (): Promise<number> => {
    const { partitions } = await untilDone(async () => planMaintenanceStep.over(deps)(MAINTENANCE, PLENTY));
    let count = 0;
    for (const partition of partitions)
      count += (await startContainersStep.over(deps)({ ...MAINTENANCE, partition }, PLENTY)).state.started;
    return count;
  };
  return { deployment, deps, started, pipeline, point, maintain };
}

test('a point that its plan keeps for long becomes a container in the archive, kept as long as the plan says', async () => {
  const { deployment, started, pipeline, point, maintain } = await withPoint();

  expect(await maintain()).toBe(1);
  const [run] = started;
  expect(run?.input).toMatchObject({
    type: 'synthetic-full',
    container: { pointId: point, keepUntil: '2027-04-01T00:00:00.000Z', archiveClass: 'deep-archive' },
  });
  const opened = await pipeline.openRun(run?.input, PLENTY);
  expect(opened).toMatchObject({ mode: 'consolidate', type: 'synthetic-full' });
  const made = await consolidatePointStep.over(deployment)({ runId: run?.name, state: null }, PLENTY);

  const row = await deployment.catalog.points.find((made.done ? made.pointId : '') as never);
  expect(row).toMatchObject({ archiveClass: 'DEEP_ARCHIVE', basePointId: point });
  expect(row?.expiresAt.toISOString().slice(0, 10)).toBe('2027-04-01');
  expect(await maintain()).toBe(0);
});

test('a repeated maintenance of one day starts nothing twice, and the next day tries again', async () => {
  const { deployment, started, maintain } = await withPoint();

  await maintain();
  await maintain();
  expect(started).toHaveLength(1);
  deployment.clock.advance(DAY);
  await maintain();

  expect(started).toHaveLength(2);
  expect(new Set(started.map(({ input }) => input.container.pointId)).size).toBe(1);
});

test('a point whose container failed lets the next one go first, and comes again after it', async () => {
  const { deployment, started, pipeline, point, maintain } = await withPoint(60);
  deployment.clock.advance(15 * DAY);
  const item = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId: 'b'.repeat(32) };
  const second = (await protectFiles(deployment, pipeline, item))?.pointId ?? '';
  const nextDay = async (): Promise<string | undefined> => {
    deployment.clock.advance(DAY);
    await maintain();
    return started.at(-1)?.input.container.pointId;
  };

  expect(await nextDay()).toBe(point);
  const opened = await pipeline.openRun(started[0]?.input, PLENTY);
  await deployment.catalog.runs.close(opened.runId, {
    state: 'failed',
    endedAt: deployment.clock.now(),
    error: { name: 'StoredBytesDamagedError', message: 'planted' },
  });

  expect(await nextDay()).toBe(second);
  expect(await nextDay()).toBe(point);
});

test.each([
  ['of an image with few blocks in use', { hasBlocks: true as const }, 2 ** 40, 1],
  ['of an image whose blocks are too many', { hasBlocks: true as const }, 9 * 2 ** 40, 0],
  ['of files', {}, 2 ** 40, 0],
])('a point of 16 TiB %s', async (_what, fields, readBytes, containers) => {
  const { deployment, started, point, maintain } = await withPoint();
  const row = (await deployment.catalog.points.find(point as PointId))!;
  await deployment.catalog.points.remove(row.pointId);
  const counts = { ...row.counts, logicalBytes: 16 * 2 ** 40, readBytes };
  await deployment.catalog.points.put({ ...row, ...fields, counts });

  await maintain();

  expect(started).toHaveLength(containers);
});

test('a container that cannot be started is reported, and those of other resources are', async () => {
  const { deployment, deps, started, point } = await withPoint();
  const row = await deployment.catalog.points.find(point as PointId);
  if (row === undefined) throw new Error('no point');
  const resources = ['arn:aws:s3:::albums', BUCKET_ARN] as ResourceArn[];
  await deployment.catalog.points.put({
    ...row,
    pointId: 'another' as PointId,
    resourceArn: resources[0] as ResourceArn,
  });
  await deployment.work.put('maintenance/daily-1/resources/0.json', Buffer.from(JSON.stringify(resources)));
  const protect = {
    start: async (name: string, input: unknown) => {
      if ((input as { resourceArn: string }).resourceArn !== BUCKET_ARN)
        throw new StoreUnavailableError('starting an execution was throttled; try again later');
      return deps.machines.protect.start(name, input);
    },
  };

  const { done, state } = await startContainersStep.over({ ...deps, machines: { protect } })(
    { ...MAINTENANCE, partition: 0 },
    PLENTY,
  );

  expect(done).toBe(true);
  expect(state).toMatchObject({ next: 2, started: 1, waiting: 1, failures: { count: 1 } });
  expect(state.failures.messages[0]).toContain('arn:aws:s3:::albums: StoreUnavailableError');
  expect(started.map(({ input }) => input.container.pointId)).toEqual([point]);
});

test('a point that no object can hold is not tried every day, but counted, and stays as it is', async () => {
  const { deployment, started, point, maintain } = await withPoint();
  const row = await deployment.catalog.points.find(point as never);
  if (row === undefined) throw new Error('no point');
  await deployment.catalog.points.put({
    ...row,
    counts: { ...row.counts, logicalBytes: 8 * 2 ** 40 + 1 },
  });

  expect(await maintain()).toBe(0);

  expect(started).toEqual([]);
  expect(deployment.lines).toContainEqual(expect.objectContaining({ point, bytes: 8 * 2 ** 40 + 1 }));
});

/** A point in the deep archive, the restore machine, and S3 when it has thawed what it was asked for. */
async function withArchivedPoint() {
  const { deployment, started, pipeline, maintain } = await withPoint();
  await maintain();
  await pipeline.openRun(started[0]?.input, PLENTY);
  const made = await consolidatePointStep.over(deployment)({ runId: started[0]?.name, state: null }, PLENTY);
  const finishThaw = async (): Promise<void> => {
    for await (const { name, versionId } of deployment.store.listVersions('containers/'))
      deployment.store.finishThaw(name, versionId, new Date(deployment.clock.now().getTime() + 7 * DAY));
  };
  const point = made.done ? made.pointId : '';
  return { deployment, pipeline, point, restoring: makeRestoring(deployment), finishThaw };
}

test('a restore of an archived point thaws it, says by when, and goes on when it can be read', async () => {
  const { deployment, point, restoring, finishThaw } = await withArchivedPoint();
  const request = { point, target: { bucket: 'restores' }, thaw: { speed: 'bulk' } };
  const from = deployment.clock.now().getTime();

  const dry = await restoring.planRestore(
    { request: { ...request, dryRun: true }, execution: EXECUTION },
    PLENTY,
  );
  expect(dry).toMatchObject({ mode: 'dry-run', thaw: { state: 'frozen', storageClass: 'DEEP_ARCHIVE' } });
  expect(deployment.store.requests('thaw')).toBe(0);
  const first = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  deployment.clock.advance(3_600_000);
  const second = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  const readableBy = new Date(from + 48 * 3_600_000).toISOString();
  expect(first).toMatchObject({ mode: 'thaw', thaw: { state: 'thawing', waitSeconds: 8_640, readableBy } });
  expect(second).toMatchObject({ mode: 'thaw', thaw: { readableBy } });
  expect(deployment.store.requests('thaw')).toBe(1);
  expect(await deployment.catalog.restores.find(first.restoreId)).toMatchObject({ state: 'running' });
  await finishThaw();
  expect(await restoreFiles(deployment, restoring, request)).toMatchObject({
    state: 'completed',
    written: 1,
  });
});

test('a thaw that does not end in twice its time fails the restore, with what to look at', async () => {
  const { deployment, point, restoring } = await withArchivedPoint();
  const request = { point, target: { bucket: 'restores' }, thaw: { speed: 'bulk' } };
  const plan = async () => restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  await plan();

  deployment.clock.advance(96 * 3_600_000);
  expect(await plan()).toMatchObject({ mode: 'thaw' });
  deployment.clock.advance(1);

  await expect(plan()).rejects.toMatchObject({
    name: 'ThawOverdueError',
    message: expect.stringMatching(/containers\/.*archive/),
  });
});

test('a restore into a directory is on the log while the point thaws, and on record when it can be read', async () => {
  const { deployment, point, restoring, finishThaw } = await withArchivedPoint();
  const request = { point, target: { directory: 'laptop:/restored' }, thaw: { speed: 'bulk', days: 2 } };
  const plan = async () => restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  const first = await plan();
  const whileThawing = await deployment.catalog.restores.find(first.restoreId);
  await finishThaw();
  const last = await plan();
  const again = await plan();

  expect(first).toMatchObject({ mode: 'thaw', target: 'directory laptop:/restored' });
  expect(whileThawing).toMatchObject({ state: 'running' });
  expect(last).toMatchObject({ mode: 'directory', restoreId: first.restoreId });
  expect(again).toEqual(last);
  expect(deployment.store.requests('thaw')).toBe(1);
  expect(await deployment.catalog.restores.find(first.restoreId)).toMatchObject({ state: 'recorded' });
  const entries: AuditEntry[] = [];
  await verifyAudit(deployment.store, { onEntry: (entry) => entries.push(entry) });
  expect(entries.filter(({ event }) => event.kind.startsWith('restore'))).toHaveLength(1);
});

test('a restore of a time keeps to the point that it began with, whatever is committed while that thaws', async () => {
  const { deployment, pipeline, point, restoring, finishThaw } = await withArchivedPoint();
  // The point that the container was made of has expired.
  deployment.clock.advance(20 * DAY);
  const time = new Date(deployment.clock.now().getTime() + DAY).toISOString();
  const request = { resource: BUCKET_ARN, time, target: { bucket: 'restores' } };
  const plan = async () => restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  const first = await plan();
  deployment.clock.advance(3_600_000);
  const later = await protectFiles(deployment, pipeline, {
    ...TAGGED_BUCKET,
    resourceArn: BUCKET_ARN,
    runId: 'b'.repeat(32),
  });
  const second = await plan();
  await finishThaw();
  const last = await plan();

  expect([first.mode, second.mode, last.mode]).toEqual(['thaw', 'thaw', 'files']);
  expect([first, second, last].map((planned) => planned.point.id)).toEqual([point, point, point]);
  const anew = await restoring.planRestore({ request, execution: `${EXECUTION}-2` }, PLENTY);
  expect(anew.point.id).toBe(later?.pointId);
});
