import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareBucket } from '../../localstack/demo/compare-bucket.ts';
import type { SourceBucket } from '../../localstack/demo/source-objects.ts';
import { arnOfBucket, listPoints, newestPoint, runCycle, runGoodCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { runExecution, statesOf } from './support/executions.ts';
import { sumOf } from './support/metrics.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restore, restoreAndCompare } from './support/restores.ts';
import { makeSource, tagBucket, untag } from './support/source-buckets.ts';

const app = openApp();
const { inputs, vanished } = testBuckets.sources;
const { restored, unlisted, missing, unknownPlan, wrongCase } = testBuckets;
let bucket: SourceBucket;
let vanishedBucket: SourceBucket;
let point: string;

beforeAll(async () => {
  await makeTargets(app);
  bucket = await makeSource(app, inputs, { plan: testPlans.inputs, objects: 24 });
  vanishedBucket = await makeSource(app, vanished, { plan: testPlans.inputs, objects: 4 });
  for (const Bucket of [unknownPlan, wrongCase]) await app.s3.send(new CreateBucketCommand({ Bucket }));
  await tagBucket(app, unknownPlan, 'hourly');
  await tagBucket(app, wrongCase, testPlans.inputs, 'Holdfast:Plan');
  await runGoodCycle(app, testPlans.inputs, 'full');
  point = (await newestPoint(app, arnOfBucket(inputs))).pointId;
});

afterAll(async () => untag(app, inputs, unknownPlan, wrongCase));

const into = (name: string) => ({ bucket: name, prefix: 'never-written/' });

describe('a restore that cannot be done', () => {
  const requests: readonly (readonly [what: string, request: () => unknown, reason: RegExp])[] = [
    [
      'of a point that does not exist',
      () => ({ point: '20200101T000000Z-0123456789abcdef', target: into(restored) }),
      /point 20200101T000000Z-0123456789abcdef does not exist; list .*holdfast points/,
    ],
    [
      'of a point by another name than points have',
      () => ({ point: 'yesterday', target: into(restored) }),
      /"point" is "yesterday": expected a point id such as/,
    ],
    [
      'of a time before the first point',
      () => ({ resource: arnOfBucket(inputs), time: '2001-01-01T00:00:00Z', target: into(restored) }),
      /no recovery point at or before 2001-01-01T00:00:00.000Z; its oldest one is \d{8}T/,
    ],
    [
      'of a resource that was never protected',
      () => ({ resource: arnOfBucket(unlisted), time: '2040-01-01T00:00:00Z', target: into(restored) }),
      /holdfast-e2e-unlisted has no recovery point .* it has none at all: check the ARN/,
    ],
    [
      'into a bucket that is not configured',
      () => ({ point, target: into(unlisted) }),
      /bucket holdfast-e2e-unlisted is not allowed as a restore target; add it to restoreTargets.buckets/,
    ],
    [
      'into the original bucket where that is not configured',
      () => ({ point, target: { original: true } }),
      /bucket holdfast-e2e-inputs is not allowed as a restore target/,
    ],
    [
      'into the vault',
      () => ({ point, target: into(app.vaultBucket) }),
      /belongs to Holdfast itself; restore into another/,
    ],
    [
      'into a bucket that does not exist',
      () => ({ point, target: into(missing) }),
      /bucket holdfast-e2e-missing does not exist; make it/,
    ],
    [
      'of paths that the point does not have',
      () => ({ point, target: into(restored), paths: ['no/such/folder/'] }),
      /no\/such\/folder\//,
    ],
    [
      'as volumes of a bucket',
      () => ({ point, target: { volumes: { availabilityZone: 'us-east-1a' } } }),
      /holds files of a s3-bucket, so no volumes can be made of it; name a bucket/,
    ],
    [
      'with fields that are misspelled, of a wrong kind or missing',
      () => ({ point, target: { buckets: restored }, paths: 'a.txt', overwrite: 'yes' }),
      /the restore cannot be used: .*"paths" is "a.txt".*"target" has no field "buckets".*"overwrite" is "yes".*docs\/restore-input.schema.json/,
    ],
    ['that is a list', () => [point], /the restore cannot be used: it is a list of 1/],
  ];

  test.for(requests)(
    '%s, ends before anything is written, with the value and a remedy',
    async ([, request, reason]) => {
      const before = await sumOf(app, 'RestoreFailures');

      const ended = await restore(app, request());

      expect(ended.status).toBe('FAILED');
      expect(ended.error).toMatch(/^(InvalidInput|UnknownName|TargetUnavailable)Error$/);
      expect(ended.reason).toMatch(reason);
      expect(await statesOf(app.sfn, ended.arn)).toEqual([
        'Accept',
        'Begin',
        'PlanRestore',
        'FailRestore',
        'NameRestoreFailed',
        'RestoreFailed',
      ]);
      expect(await sumOf(app, 'RestoreFailures')).toBe(before + 1);
    },
  );

  test('has left nothing in the target', async () => {
    expect(await compareBucket(app.s3, restored, 'never-written/', new Map())).toEqual([]);
  });
});

describe('a file that the target has already', () => {
  const key = 'first/b/1.txt';
  const theirs = Buffer.from('somebody else wrote this');

  /** A complete restore, of which one file was changed and one deleted since. */
  async function prepare(prefix: string): Promise<(rule: string) => Promise<unknown>> {
    const target = { bucket: restored, prefix };
    expect((await restore(app, { point, target })).status).toBe('SUCCEEDED');
    await app.s3.send(new PutObjectCommand({ Bucket: restored, Key: prefix + key, Body: theirs }));
    const Objects = [{ Key: `${prefix}first/c/2.txt` }];
    await app.s3.send(new DeleteObjectsCommand({ Bucket: restored, Delete: { Objects } }));
    return async (overwrite) => {
      const { output } = await restore(app, { point, target, overwrite });
      return (output as { report: unknown }).report;
    };
  }

  test('stays as it is by the rule "never"', async () => {
    const again = await prepare('never/');

    const report = await again('never');

    expect(report).toMatchObject({ files: 24, written: 1, same: 22, kept: 1, keptFiles: [key] });
    const { ContentLength } = await app.s3.send(
      new HeadObjectCommand({ Bucket: restored, Key: `never/${key}` }),
    );
    expect(ContentLength).toBe(theirs.length);
    const differences = await compareBucket(app.s3, restored, 'never/', bucket.state());
    expect(differences.filter((line) => !line.startsWith(`"${key}": `))).toEqual([]);
  });

  test('is written by the rule "if-different" only if it differs', async () => {
    const again = await prepare('if-different/');

    const report = await again('if-different');

    expect(report).toMatchObject({ files: 24, written: 2, same: 22, kept: 0 });
    expect(await compareBucket(app.s3, restored, 'if-different/', bucket.state())).toEqual([]);
  });

  test('is written by the rule "always", whatever it is', async () => {
    const again = await prepare('always/');

    const report = await again('always');

    expect(report).toMatchObject({ files: 24, written: 24, same: 0, kept: 0 });
    expect(await compareBucket(app.s3, restored, 'always/', bucket.state())).toEqual([]);
  });
});

describe('a tag that protects nothing', () => {
  test('is said to name a plan that is not deployed', async () => {
    const row = await app.catalog.resources.find(arnOfBucket(unknownPlan));

    expect(row?.problem).toMatch(/its tag names plan "hourly", which is not deployed; name one of: .*inputs/);
  });

  test('is said to be spelled in another case', async () => {
    const row = await app.catalog.resources.find(arnOfBucket(wrongCase));

    expect(row?.problem).toBe('its tag is spelled "Holdfast:Plan"; spell it "holdfast:plan"');
  });

  test('is counted where people look', async () => {
    expect(await sumOf(app, 'ResourceProblems')).toBeGreaterThanOrEqual(2);
    expect(await sumOf(app, 'ResourceProblems', testPlans.inputs)).toBeGreaterThanOrEqual(1);
  });
});

test('a bucket that was deleted is not missed by the next cycle, and its point still restores', async () => {
  const before = await newestPoint(app, arnOfBucket(vanished));
  const Objects = [...vanishedBucket.state().keys()].map((Key) => ({ Key }));
  await app.s3.send(new DeleteObjectsCommand({ Bucket: vanished, Delete: { Objects } }));
  await app.s3.send(new DeleteBucketCommand({ Bucket: vanished }));

  const { status } = await runCycle(app, testPlans.inputs, 'incremental');

  expect(status).toBe('SUCCEEDED');
  expect(await app.catalog.resources.find(arnOfBucket(vanished))).toBeUndefined();
  expect(await restoreAndCompare(app, before.pointId, vanishedBucket.state())).toEqual([]);
});

test('a cycle of a plan that is not deployed fails before it protects anything, and names those that are', async () => {
  const ended = await runCycle(app, 'hourly', 'full');

  expect(ended.status).toBe('FAILED');
  expect(ended.reason).toMatch(/"?hourly"?.*inputs/);
  expect(await statesOf(app.sfn, ended.arn)).toEqual([
    'Accept',
    'Complete',
    'HasPlan',
    'RecordConfiguration',
    'DiscoverResources',
    'FailCycle',
    'NameCycleFailed',
    'CycleFailed',
  ]);
});

const start = async (name: string, input: unknown) =>
  runExecution(app.sfn, app.machines.cycle, `${name}-${process.pid}-${Date.now()}`, input);

describe('a cycle that a person starts', () => {
  test('needs no more than the name of its plan', async () => {
    const before = (await listPoints(app, arnOfBucket(inputs))).length;

    const { status, reason } = await start('by-hand', { plan: testPlans.inputs });

    expect({ status, reason }).toEqual({ status: 'SUCCEEDED', reason: '' });
    expect(await listPoints(app, arnOfBucket(inputs))).toHaveLength(before + 1);
    expect((await newestPoint(app, arnOfBucket(inputs))).type).toBe('incremental');
  });

  test.each([{}, { Comment: 'Insert your JSON here' }, { plan: 7 }])(
    'with %o is told what it needs',
    async (input) => {
      const { status, error, reason } = await start('without-plan', input);

      expect({ status, error }).toEqual({ status: 'FAILED', error: 'InvalidInputError' });
      expect(reason).toContain('say which plan, as in {"plan": "daily"}');
    },
  );
});
