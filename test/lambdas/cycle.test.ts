import type { TaggedResource } from '@holdfast/aws';
import { type ResourceArn, type RunId } from '@holdfast/engine';
import { defaultImageSettings, type Plan, RetentionRules } from '@holdfast/engine/model';
import { describe, expect, test } from 'vitest';
import { makeDeployment, NO_TIME, PLENTY, readJson, untilDone } from './support/deployment.ts';
import { type CycleItem, discover, makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';

const CYCLE = { plan: 'daily', type: 'full', scheduledAt: '2026-03-02T02:00:00Z', cycleId: 'daily-full-1' };
const arn = (name: string) => `arn:aws:s3:::${name}` as ResourceArn;
const tagged = (name: string, fields: Partial<TaggedResource> = {}): TaggedResource => ({
  ...TAGGED_BUCKET,
  arn: arn(name),
  ...fields,
});

const ec2 = (id: string) => `arn:aws:ec2:us-east-1:1:${id}` as ResourceArn;
const taggedInstance = (index: number) =>
  tagged('', { arn: ec2(`instance/i-${String(index).padStart(3, '0')}`), kind: 'ec2-instance' });

test('discovery that is repeated leads to the same runs', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment, [tagged('a'), tagged('b')]);

  const first = await discover(deployment, pipeline);
  const second = await discover(deployment, pipeline);

  expect(second).toEqual(first);
  expect(new Set(first.map(({ runId }) => runId)).size).toBe(2);
});

describe('a discovery without time', () => {
  const found = [tagged('b'), tagged('a'), tagged('bad', { plan: 'dayly' }), taggedInstance(1)];

  test('finds some resources a call, and in the end what one call would have found', async () => {
    const [deployment, other] = [makeDeployment(), makeDeployment()];
    const seenAt = new Date(deployment.clock.now().getTime() - 1_000);
    await deployment.catalog.resources.put({
      arn: arn('untagged'),
      kind: 's3-bucket',
      plan: 'daily',
      seenAt,
    });
    const pipeline = makePipeline(deployment, found);
    const withTime = makePipeline(other, found);

    const expected = await withTime.discover(CYCLE, PLENTY);
    const first = await pipeline.discover(CYCLE, NO_TIME);
    let calls = 1;
    const last = await untilDone(async () => {
      calls += 1;
      return pipeline.discover(CYCLE, NO_TIME);
    });

    expect(first).toEqual({ done: false });
    // The index, each of the resources, and what follows the last of them.
    expect(calls).toBe(found.length + 2);
    expect(last).toEqual(expected);
    for (const name of ['files', 'images'])
      expect(await readJson(deployment.work, `cycles/daily-full-1/${name}.json`)).toEqual(
        await readJson(other.work, `cycles/daily-full-1/${name}.json`),
      );
    expect(await Array.fromAsync(deployment.catalog.resources.list())).toEqual(
      await Array.fromAsync(other.catalog.resources.list()),
    );
    expect(deployment.metrics.of('ResourceProblems')).toEqual([1]);
  });

  test('forgets one resource a call that lost its tag', async () => {
    const deployment = makeDeployment();
    const names = ['x', 'y', 'z'];
    const seenAt = new Date(deployment.clock.now().getTime() - 1_000);
    for (const name of names)
      await deployment.catalog.resources.put({ arn: arn(name), kind: 's3-bucket', plan: 'daily', seenAt });
    const pipeline = makePipeline(deployment, [tagged('a')]);
    const known = async () =>
      (await Array.fromAsync(deployment.catalog.resources.list())).map((row) => row.arn);
    const left: number[] = [];

    await untilDone(async () => {
      const output = await pipeline.discover(CYCLE, NO_TIME);
      left.push((await known()).length);
      return output;
    });

    expect(left).toEqual([3, 4, 3, 2, 1]);
    expect(await known()).toEqual([arn('a')]);
  });

  test('goes on among the rows of the catalog, 1,000 a call', async () => {
    const deployment = makeDeployment();
    const { catalog, clock } = deployment;
    const seenAt = new Date(clock.now().getTime() - 1_000);
    for (let at = 0; at < 2_000; at += 1) {
      const directory = `arn:holdfast:directory:host:/${at}` as ResourceArn;
      await catalog.resources.put({ arn: directory, kind: 'directory', plan: 'daily', seenAt });
    }
    const last = 'arn:holdfast:volume:untagged' as ResourceArn;
    await catalog.resources.put({ arn: last, kind: 'ebs-volume', plan: 'daily', seenAt });
    const pipeline = makePipeline(deployment, []);
    let calls = 0;

    await untilDone(async () => {
      calls += 1;
      return pipeline.discover(CYCLE, NO_TIME);
    });

    // The index, and what follows 0, 1,000 and 2,000 rows.
    expect(calls).toBe(4);
    expect(await catalog.resources.find(last)).toBeUndefined();
  });

  test('comes to the same when every call is made twice', async () => {
    const deployment = makeDeployment();
    const pipeline = makePipeline(deployment, found);
    const call = async () => pipeline.discover(CYCLE, NO_TIME);

    const last = await untilDone(async () => (await Promise.all([call(), call()]))[1]);

    expect(last).toMatchObject({ lists: { files: { count: 2 }, images: { count: 1 } }, problems: 1 });
  });

  test('forgets nothing that another discovery has found since it began', async () => {
    const deployment = makeDeployment();
    const pipeline = makePipeline(deployment, [tagged('a')]);
    await pipeline.discover(CYCLE, NO_TIME);
    deployment.clock.advance(60_000);
    await discover(deployment, makePipeline(deployment, [tagged('a'), tagged('new')]), 'weekly-full-1');

    await untilDone(async () => pipeline.discover(CYCLE, NO_TIME));

    expect(await deployment.catalog.resources.find(arn('new'))).toBeDefined();
  });
});

test('each cycle has runs of its own', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);

  const [first] = await discover(deployment, pipeline, 'daily-full-1');
  const [second] = await discover(deployment, pipeline, 'daily-full-2');

  expect(second!.runId).not.toBe(first!.runId);
});

test('a cycle protects the resources of its own plan, and leaves out those with a problem', async () => {
  const deployment = makeDeployment();
  const weekly = { ...makeDailyLike('weekly') };
  const pipeline = makePipeline(
    deployment,
    [
      tagged('mine'),
      tagged('other', { plan: 'weekly' }),
      tagged('denied', { problem: 'its tags may not be read' }),
    ],
    [makeDailyLike('daily'), weekly],
  );

  const list = await discover(deployment, pipeline);

  expect(list.map(({ resourceArn }) => resourceArn)).toEqual([arn('mine')]);
});

test('a tag that names no plan becomes a problem in the catalog and in the metrics', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment, [tagged('a', { plan: 'dayly' }), tagged('b')]);

  const { problems } = await untilDone(async () => pipeline.discover(CYCLE, PLENTY));

  expect(problems).toBe(1);
  expect(await deployment.catalog.resources.find(arn('a'))).toMatchObject({
    problem: expect.stringMatching(/"dayly".*daily/),
  });
  expect(deployment.metrics.of('ResourceProblems')).toEqual([1]);
  expect(deployment.metrics.of('ResourceProblems', 'daily')).toEqual([0]);
});

test('a resource that lost its tag is forgotten, but not a directory that an agent protects', async () => {
  const deployment = makeDeployment();
  const seenAt = deployment.clock.now();
  await deployment.catalog.resources.put({ arn: arn('untagged'), kind: 's3-bucket', plan: 'daily', seenAt });
  const directory = 'arn:holdfast:directory:host:/home' as ResourceArn;
  await deployment.catalog.resources.put({ arn: directory, kind: 'directory', plan: 'daily', seenAt });

  await discover(deployment, makePipeline(deployment));

  expect(await deployment.catalog.resources.find(arn('untagged'))).toBeUndefined();
  expect(await deployment.catalog.resources.find(directory)).toBeDefined();
});

test('a cycle without resources reports that nothing failed', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment, []);

  const { lists } = await untilDone(async () => pipeline.discover(CYCLE, PLENTY));
  const report = await pipeline.reportCycle(CYCLE, PLENTY);

  expect(await readJson(deployment.work, lists.files.key)).toEqual([]);
  expect(await readJson(deployment.work, lists.images.key)).toEqual([]);
  expect(report).toMatchObject({ completed: 0, failed: 0 });
});

test('images have a list of their own, and begin one after the other, none later than after a while', async () => {
  const deployment = makeDeployment();
  const images = Array.from({ length: 150 }, (_, index) => taggedInstance(index));
  const volume = tagged('', { arn: ec2('volume/vol-1'), kind: 'ebs-volume' });
  const pipeline = makePipeline(deployment, [...images, tagged('a'), volume, tagged('b')]);

  const { lists } = await untilDone(async () => pipeline.discover(CYCLE, PLENTY));

  const files = (await readJson(deployment.work, lists.files.key)) as CycleItem[];
  expect(files.map(({ resourceArn, startAfterSeconds }) => [resourceArn, startAfterSeconds])).toEqual([
    [arn('a'), 0],
    [arn('b'), 0],
  ]);
  const waits = ((await readJson(deployment.work, lists.images.key)) as CycleItem[]).map(
    ({ startAfterSeconds = 0 }) => startAfterSeconds,
  );
  expect(waits.slice(0, 3)).toEqual([0, 1, 2]);
  expect(Math.max(...waits)).toBe(100);
  expect([lists.files.count, lists.images.count, waits.length]).toEqual([2, 151, 151]);
});

test('a volume that goes with its instance is on record, and has no run of its own', async () => {
  const deployment = makeDeployment();
  const volume = tagged('', {
    arn: ec2('volume/vol-1'),
    kind: 'ebs-volume',
    partOf: ec2('instance/i-001'),
  });
  const pipeline = makePipeline(deployment, [taggedInstance(1), volume]);

  const list = await discover(deployment, pipeline);

  expect(list.map(({ resourceArn }) => resourceArn)).toEqual([ec2('instance/i-001')]);
  expect(await deployment.catalog.resources.find(volume.arn)).toMatchObject({
    plan: 'daily',
    partOf: ec2('instance/i-001'),
  });
});

test('a map that ended early fails what it did not begin, and nothing that the other map did', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment, [tagged('good'), taggedInstance(1)]);
  const list = await discover(deployment, pipeline);
  await protectFiles(deployment, pipeline, list[0]!);
  const error = { Error: 'States.ItemReaderFailed', Cause: 'the list could not be read' };

  const reported = pipeline.reportCycle({ ...CYCLE, maps: { files: {}, images: { error } } }, PLENTY);

  await expect(reported).rejects.toThrow(
    /^1 of 2 .*instance\/i-001: it was not begun: States.ItemReaderFailed: the list could not be read$/,
  );
  expect(deployment.metrics.of('ResourcesCompleted', 'daily')).toEqual([1]);
  await expect(
    pipeline.reportCycle({ ...CYCLE, maps: { files: { error }, images: {} } }, PLENTY),
  ).rejects.toThrow(/^1 of 2 .*instance\/i-001: no run was opened/);
});

test('a cycle fails with the name of every resource that was not protected, and why', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment, [tagged('good'), tagged('broken'), tagged('never-opened')]);
  const list = await discover(deployment, pipeline);
  const item = (name: string) => list.find(({ resourceArn }) => resourceArn === arn(name))!;
  await protectFiles(deployment, pipeline, item('good'));
  await pipeline.openRun({ ...item('broken'), plan: 'daily', type: 'full' }, PLENTY);
  const Cause = JSON.stringify({
    errorType: 'SourceUnavailableError',
    errorMessage: 'bucket broken is gone',
  });
  await pipeline.failRun({ ...item('broken'), error: { Error: 'SourceUnavailableError', Cause } }, PLENTY);

  const report = pipeline.reportCycle(CYCLE, PLENTY);

  await expect(report).rejects.toMatchObject({
    name: 'CycleFailedError',
    message: expect.stringMatching(
      /^2 of 3 .*:::broken: SourceUnavailableError: bucket broken is gone.*:::never-opened: no run was opened/,
    ),
  });
  expect(deployment.metrics.of('ResourcesFailed', 'daily')).toEqual([2]);
  expect(deployment.metrics.of('ResourcesCompleted', 'daily')).toEqual([1]);
  // Once for the run, once for the cycle.
  expect(deployment.metrics.of('CycleFailures')).toEqual([1, 1]);
});

test('a report without time looks at some resources a call, and counts and names each once', async () => {
  const deployment = makeDeployment();
  const many = Array.from({ length: 600 }, (_, index) => tagged(`bucket-${String(index).padStart(3, '0')}`));
  const pipeline = makePipeline(deployment, many);
  const list = await discover(deployment, pipeline);
  await protectFiles(deployment, pipeline, list[1]!);
  const report = async () => pipeline.reportCycle(CYCLE, NO_TIME);

  const first = await Promise.all([report(), report()]);
  const second = await report();
  const last = report();

  expect([...first, second]).toEqual([{ done: false }, { done: false }, { done: false }]);
  await expect(last).rejects.toThrow(/^599 of 600 .*bucket-000: .*bucket-020: no run.*; and 579 more/);
  expect(deployment.metrics.of('ResourcesFailed', 'daily')).toEqual([599]);
  expect(deployment.metrics.of('ResourcesCompleted', 'daily')).toEqual([1]);
});

test('a resource that an earlier cycle still works on is reported with that run', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  const earlier = 'e'.repeat(32);
  await pipeline.openRun(
    { ...TAGGED_BUCKET, resourceArn: TAGGED_BUCKET.arn, runId: earlier, type: 'full' },
    PLENTY,
  );
  await discover(deployment, pipeline);

  await expect(pipeline.reportCycle(CYCLE, PLENTY)).rejects.toThrow(
    new RegExp(`run ${earlier}.*still at work`),
  );
});

test('entries that could not be read make a degraded resource, not a failure', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  deployment.source.plant('fine', 'content');
  deployment.source.plant('secret', 'content');
  deployment.source.trap('secret', 'deny');
  const [item] = await discover(deployment, pipeline);
  await protectFiles(deployment, pipeline, item!);

  const report = await pipeline.reportCycle(CYCLE, PLENTY);

  expect(report).toMatchObject({ completed: 0, warnings: 0, degraded: 1, failed: 0 });
  expect(deployment.metrics.of('ResourcesDegraded')).toEqual([1]);
  expect(deployment.lines).toContainEqual(
    expect.objectContaining({
      level: 'warn',
      message: 'the resource is degraded',
      reason: expect.stringMatching(/^point .* could not read 1 entries and lacks 1 of them$/),
    }),
  );
});

test('a synthetic full skips images without failing', async () => {
  const deployment = makeDeployment();
  const instance = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1' as ResourceArn;
  const pipeline = makePipeline(deployment, [{ arn: instance, kind: 'ec2-instance', plan: 'daily' }]);
  await discover(deployment, pipeline);

  const report = await pipeline.reportCycle({ ...CYCLE, type: 'synthetic-full' }, PLENTY);

  expect(report).toMatchObject({ skipped: 1, failed: 0 });
});

test('a run that failed is closed once, counted once, and frees its resource', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  const [item] = await discover(deployment, pipeline);
  const open = { ...item, plan: 'daily', type: 'full' };
  await pipeline.openRun(open, PLENTY);

  await pipeline.failRun(
    { runId: item!.runId, shard: { index: 1 }, error: { Error: 'First', Cause: 'one' } },
    PLENTY,
  );
  await pipeline.failRun(
    { ...open, error: { Error: 'States.ExceedToleratedFailureThreshold', Cause: '' } },
    PLENTY,
  );

  expect(await deployment.catalog.runs.find(item!.runId as RunId)).toMatchObject({
    state: 'failed',
    error: { name: 'First', message: 'one' },
  });
  expect(deployment.metrics.of('CycleFailures', 'daily')).toEqual([1]);
  await pipeline.openRun({ ...open, runId: 'f'.repeat(32) }, PLENTY);
});

test.for([
  ['nothing', undefined],
  ['text', 'oops'],
  ['a cycle without a run', { ...CYCLE, error: { Error: 'X', Cause: 'y' } }],
  ['a run that was never opened', { runId: '0'.repeat(32), error: { Error: 'RunOpenError', Cause: '{' } }],
  ['a malformed run id and error', { runId: 7, error: 'text', plan: ['daily'] }],
  ['a plan that CloudWatch would refuse', { plan: 'plän ✓', error: {} }],
])('counts a failure whose input is %s', async ([, event]) => {
  const deployment = makeDeployment();

  const output = await makePipeline(deployment).failRun(event, PLENTY);

  expect(output).toEqual({ error: { name: expect.any(String), message: expect.any(String) } });
  expect(deployment.metrics.of('CycleFailures')).toEqual([1]);
});

function makeDailyLike(name: string): Plan {
  const schedules = { full: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' } };
  const shard = { files: 10, bytes: 1000 };
  return {
    name,
    schedules,
    retention: RetentionRules.parse({ keepDays: 30 }),
    rpoHours: 30,
    readTags: true,
    prefixes: [],
    compression: 'default',
    images: defaultImageSettings,
    shard,
  };
}
