import { afterAll, beforeAll, expect, test } from 'vitest';
import { deployApp } from '../../localstack/deploy-app.ts';
import type { SourceBucket } from '../../localstack/demo/source-objects.ts';
import { findGap, testUnless } from '../support/gaps.ts';
import { arnOfBucket, listPoints, newestPoint, runGoodCycle } from './support/cycles.ts';
import { openApp, plansFile } from './support/deployed.ts';
import { eventually } from './support/eventually.ts';
import { listRunning, waitForEnd } from './support/executions.ts';
import { listVersions } from './support/list-versions.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restoreAndCompare } from './support/restores.ts';
import { switchSchedule } from './support/schedules.ts';
import { fill, makeSource, untag } from './support/source-buckets.ts';

const app = openApp();
const { minutely } = testBuckets.sources;
const noSchedules = await findGap('schedules');
let bucket: SourceBucket;

beforeAll(async () => {
  await makeTargets(app);
  bucket = await makeSource(app, minutely, { plan: testPlans.minutely, objects: 12 });
});

afterAll(async () => {
  await switchSchedule(testPlans.minutely, 'DISABLED');
  await untag(app, minutely);
});

testUnless(noSchedules)('a schedule that is due starts a cycle, which protects the resource', async () => {
  await switchSchedule(testPlans.minutely, 'ENABLED');

  const point = await eventually('a point made by the schedule', async () =>
    (await listPoints(app, arnOfBucket(minutely))).at(0),
  );
  await switchSchedule(testPlans.minutely, 'DISABLED');
  // That cycle is not over, and where it took long another may be under way.
  for (const cycle of await listRunning(app.sfn, app.machines.cycle)) await waitForEnd(app.sfn, cycle);

  expect(point).toMatchObject({ type: 'full', plan: testPlans.minutely });
  expect(await restoreAndCompare(app, point.pointId, bucket.state())).toEqual([]);
});

test('deploying again changes nothing about the vault, its points and the chains that go on', async () => {
  await runGoodCycle(app, testPlans.minutely, 'full');
  const full = await newestPoint(app, arnOfBucket(minutely));
  const before = bucket.state();
  const stored = await listVersions(app.s3, app.vaultBucket);
  const { environment, accountId, region } = app;

  // Synthesized anew, as by who deploys again.
  const outputs = await deployApp({ environment, plansFile, accountId, region, log: () => undefined });

  expect(outputs).toEqual(app.outputs);
  expect(await listVersions(app.s3, app.vaultBucket)).toEqual(stored);
  await fill(bucket, 'after-the-deployment', 5);
  await runGoodCycle(app, testPlans.minutely, 'incremental');
  const next = await newestPoint(app, arnOfBucket(minutely));
  expect(next).toMatchObject({ type: 'incremental', basePointId: full.pointId });
  expect(await restoreAndCompare(app, full.pointId, before)).toEqual([]);
  expect(await restoreAndCompare(app, next.pointId, bucket.state())).toEqual([]);
});
