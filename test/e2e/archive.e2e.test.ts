import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, HeadObjectCommand, InvalidObjectState } from '@aws-sdk/client-s3';
import type { PointRow } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareBucket } from '../../localstack/demo/compare-bucket.ts';
import type { ExpectedState } from '../../localstack/demo/source-objects.ts';
import { holdfast } from './support/command-line.ts';
import { findGap, testUnless } from '../support/gaps.ts';
import { arnOfBucket, listPoints, readPoint } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { eventually } from './support/eventually.ts';
import { listRunning, runExecution, statesOf } from './support/executions.ts';
import { GatewayClient } from './support/gateway.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { backUpDaysAgo } from './support/old-points.ts';
import { makeTargets, restore } from './support/restores.ts';
import { makeSource, putAwkward, untag } from './support/source-buckets.ts';
import { withWaitScale } from './support/wait-scale.ts';

const app = openApp();
const gateway = new GatewayClient(app);
const noGateway = await findGap('gateway');
const noWaitScale = await findGap('waitScale');
const { glacier, deepArchive } = testBuckets.sources;
const toBucket = ['--to-bucket', testBuckets.restored] as const;
/** No thaw ends before a test says so. */
const thawMs = 24 * 3_600_000;

/** A point that its plan keeps for a year, and the container that maintenance made of it. */
interface Archived {
  readonly base: string;
  readonly point: PointRow;
  readonly container: { readonly Bucket: string; readonly Key: string };
  readonly state: ExpectedState;
}

let flexible: Archived;
let deep: Archived;

beforeAll(async () => {
  await makeTargets(app);
  if (noGateway === undefined) await gateway.setArchive({ thawMs });
  const [first, second] = [
    await keepForLong(glacier, testPlans.glacier),
    await keepForLong(deepArchive, testPlans.deepArchive),
  ];

  const { status, reason } = await runExecution(
    app.sfn,
    app.machines.maintenance,
    `e2e-archive-${process.pid}-${Date.now()}`,
    {},
  );

  expect(`${status} ${reason}`).toBe('SUCCEEDED ');
  flexible = await containerOf(glacier, first);
  deep = await containerOf(deepArchive, second);
});

afterAll(async () => {
  if (noGateway === undefined) await gateway.setArchive({ thawMs: 2_000 });
  await untag(app, glacier, deepArchive);
});

/** Backs a bucket up forty days ago, and empties it: what is restored comes out of the vault. */
async function keepForLong(bucket: string, plan: string): Promise<Pick<Archived, 'base' | 'state'>> {
  const source = await makeSource(app, bucket, { plan, objects: 30 });
  await putAwkward(source);
  const state = source.state();
  const base = await backUpDaysAgo(app, { bucket, plan, keepDays: 60, days: 40 });
  for (const key of state.keys()) await source.remove(key);
  return { base, state };
}

/** Maintenance starts the runs that make containers, and does not wait for them. */
async function containerOf(
  bucket: string,
  { base, state }: Pick<Archived, 'base' | 'state'>,
): Promise<Archived> {
  const point = await eventually(`a container of ${bucket}`, async () =>
    (await listPoints(app, arnOfBucket(bucket))).find(({ archiveClass }) => archiveClass !== undefined),
  );
  const { container } = await readPoint(app, point);
  return { base, point, container: { Bucket: app.vaultBucket, Key: `containers/${container?.pack}` }, state };
}

test('what a plan keeps for long is made a container in its archive class, which S3 does not let anybody read', async () => {
  for (const [{ base, point, container }, storageClass] of [
    [flexible, 'GLACIER'],
    [deep, 'DEEP_ARCHIVE'],
  ] as const) {
    expect(point).toMatchObject({ type: 'synthetic-full', basePointId: base, archiveClass: storageClass });
    const { StorageClass, Restore } = await app.s3.send(new HeadObjectCommand(container));
    expect([StorageClass, Restore]).toEqual([storageClass, undefined]);
    await expect(app.s3.send(new GetObjectCommand(container))).rejects.toBeInstanceOf(InvalidObjectState);
  }
});

test('a quote says what the thaw takes and costs, and thaws nothing', async () => {
  const fast = await holdfast('restore', flexible.point.pointId, '--quote', '--thaw-speed', 'expedited');
  const standard = await holdfast('restore', deep.point.pointId, ...toBucket, '--quote', '--json');

  expect(fast).toMatchObject({ code: 0 });
  expect(fast.out).toContain('thaw      from GLACIER, expedited: at most 5 min, about $0.0100');
  expect(fast.out).toMatch(/^cost      about \$0\.01\d*, thaw included/m);
  expect(fast.out).toMatch(/^time      about 5 min, thaw included/m);
  expect(JSON.parse(standard.out)).toMatchObject({
    pointId: deep.point.pointId,
    files: deep.state.size,
    thaw: { state: 'frozen', storageClass: 'DEEP_ARCHIVE', speed: 'standard', seconds: 12 * 3600 },
  });
  for (const { container } of [flexible, deep])
    expect((await app.s3.send(new HeadObjectCommand(container))).Restore).toBeUndefined();
});

test('what restores without the deployment names the command that thaws the container', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
  try {
    const vault = `s3://${app.vaultBucket}`;
    const { code, err } = await holdfast('extract', vault, deep.point.pointId, '--to', directory);

    expect(code).toBe(1);
    expect(err).toContain(
      `aws s3api restore-object --bucket ${app.vaultBucket} --key ${deep.container.Key} --version-id `,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test('a restore thaws the container, waits, and brings back every byte, header and tag', async () => {
  const { point, state, container } = flexible;
  const prefix = 'thawed/';

  const how = ['--prefix', prefix, '--thaw-speed', 'expedited', '--thaw-days', '2', '--wait', '--json'];
  const { code, out, err } = await thawing(1, () => holdfast('restore', point.pointId, ...toBucket, ...how));

  expect(`${code} ${err}`).toMatch(/^0 /);
  const { execution, report } = JSON.parse(out) as { execution: string; report: unknown };
  expect(report).toMatchObject({ state: 'completed', files: state.size, written: state.size, failed: 0 });
  expect(await compareBucket(app.s3, testBuckets.restored, prefix, state)).toEqual([]);
  expect((await app.s3.send(new HeadObjectCommand(container))).Restore).toMatch(
    /ongoing-request="false", expiry-date="\S+/,
  );
  const waits = await waitsOf(execution);
  expect(waits.planned).toBe(waits.waited + 1);
  expect(waits.waited).toBeGreaterThanOrEqual(noGateway === undefined ? 2 : 1);
});

test('a second restore while the copy can be read does not wait', async () => {
  const { point, state } = flexible;
  const [path = ''] = [...state.keys()].filter((key) => key.startsWith('first/'));
  const target = { bucket: testBuckets.restored, prefix: 'thawed-again/' };

  const ended = await restore(app, { point: point.pointId, paths: [path], target });

  expect(`${ended.status} ${ended.reason}`).toBe('SUCCEEDED ');
  expect(await waitsOf(ended.arn)).toEqual({ planned: 1, waited: 0 });
  const expected: ExpectedState = new Map([...state].filter(([key]) => key === path));
  expect(await compareBucket(app.s3, testBuckets.restored, target.prefix, expected)).toEqual([]);
});

test('a speed that the class does not have is refused, and nothing is thawed', async () => {
  const { point, container } = deep;
  const target = { bucket: testBuckets.restored, prefix: 'never/' };

  const ended = await restore(app, { point: point.pointId, target, thaw: { speed: 'expedited' } });

  expect(ended).toMatchObject({ status: 'FAILED', error: 'InvalidInputError' });
  expect(ended.reason).toContain('DEEP_ARCHIVE, which does not thaw expedited; choose standard or bulk');
  expect((await app.s3.send(new HeadObjectCommand(container))).Restore).toBeUndefined();
});

// It looks every 36 minutes whether a thaw of twelve hours is over.
testUnless(noWaitScale)('a restore from the deep archive waits longer, and is as complete', async () => {
  const { point, state } = deep;
  const target = { bucket: testBuckets.restored, prefix: 'from-the-deep/' };
  const request = { point: point.pointId, target, thaw: { speed: 'standard', days: 1 } };

  const [ended, here] = await withWaitScale(app, 3 / 2_160, async () =>
    thawing(2, () => Promise.all([restore(app, request), restoreHere(point.pointId, 'first/')])),
  );

  expect(`${ended.status} ${ended.reason}`).toBe('SUCCEEDED ');
  const { planned, waited } = await waitsOf(ended.arn);
  expect(waited).toBeGreaterThanOrEqual(2);
  expect(planned).toBe(waited + 1);
  expect(await compareBucket(app.s3, testBuckets.restored, target.prefix, state)).toEqual([]);
  // The command line waited for the same thaw.
  const wanted = [...state.keys()].filter((key) => key.startsWith('first/'));
  expect(here.report).toMatchObject({ written: wanted.length, failed: [] });
  expect((await waitsOf(here.report.execution)).waited).toBeGreaterThanOrEqual(2);
  expect(here.states.at(-1)).toBe('Recorded');
});

/** Restores what is frozen, by so many executions, each of which waits twice before the thaw ends. */
async function thawing<Result>(executions: number, restoring: () => Promise<Result>): Promise<Result> {
  let isOver = false;
  const restored = restoring().finally(() => (isOver = true));
  if (noGateway !== undefined) return restored;
  const waited = eventually(`the second wait of ${executions} restores`, async () => {
    const running = await listRunning(app.sfn, app.machines.restore);
    const waits = await Promise.all(running.map(waitsOf));
    const twice = waits.filter((one) => one.waited >= 2);
    return isOver || twice.length === executions ? true : undefined;
  });
  await Promise.all([restored, waited.then(async () => gateway.setArchive({ thawMs: 0 }))]);
  await gateway.setArchive({ thawMs });
  return restored;
}

/** Restores a folder into a directory of this machine. */
async function restoreHere(pointId: string, path: string) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
  try {
    const where = ['--to-directory', directory, '--path', path];
    const { code, out, err } = await holdfast('restore', pointId, ...where, '--thaw-days', '1', '--json');
    expect(`${code} ${err}`).toMatch(/^0 /);
    const report = JSON.parse(out) as { readonly execution: string };
    return { report, states: await statesOf(app.sfn, report.execution) };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** How often a restore was planned, and how often it waited for a thaw, which no function does. */
async function waitsOf(execution: string): Promise<{ readonly planned: number; readonly waited: number }> {
  const states = await statesOf(app.sfn, execution);
  const count = (name: string): number => states.filter((state) => state === name).length;
  return { planned: count('PlanRestore'), waited: count('WaitForThaw') };
}
