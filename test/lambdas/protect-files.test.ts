import { RunClosedError, type RunId } from '@holdfast/engine';
import { recordText } from '@holdfast/engine/testing';
import type { CompressionLevel } from '@holdfast/engine/model';
import { expect, test } from 'vitest';
import { DAILY, makeDeployment, NO_TIME, PLENTY, readJson, untilDone } from './support/deployment.ts';
import { commitPoint, discover, makePipeline, protectFiles } from './support/pipeline.ts';

const RUN = 'a'.repeat(32);
const OPEN = {
  resourceArn: 'arn:aws:s3:::photos',
  kind: 's3-bucket',
  plan: 'daily',
  type: 'full',
  runId: RUN,
  execution: 'arn:execution',
};

function plantFiles(deployment: ReturnType<typeof makeDeployment>, count = 10) {
  for (let file = 0; file < count; file += 1)
    deployment.source.plant(`folder/file-${file}`, `content ${file}`);
}

test('a cycle over a bucket ends in a recovery point and a report without failures', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment);

  const [item] = await discover(deployment, pipeline);
  const point = await protectFiles(deployment, pipeline, item!);
  const report = await untilDone(async () =>
    pipeline.reportCycle({ plan: 'daily', type: 'full', cycleId: 'daily-full-1' }, PLENTY),
  );

  expect(point).toMatchObject({
    state: 'completed',
    type: 'full',
    files: 10,
    warnings: 0,
    runId: item!.runId,
  });
  expect(await deployment.catalog.points.find(point!.pointId)).toMatchObject({
    plan: 'daily',
    runId: item!.runId,
  });
  expect(report).toMatchObject({ completed: 1, warnings: 0, failed: 0, skipped: 0 });
  expect(report.readBytes).toBe(90);
  expect(deployment.metrics.of('CycleFailures')).toEqual([0]);
  expect(deployment.metrics.of('ResourcesCompleted', 'daily')).toEqual([1]);
});

test.for(['vault', 'work', 'trail-log'])(
  'a run of the own bucket %s is refused, whatever its tag says',
  async (bucket) => {
    const deployment = makeDeployment();
    const pipeline = makePipeline(deployment);

    await expect(
      pipeline.openRun({ ...OPEN, resourceArn: `arn:aws:s3:::${bucket}` }, PLENTY),
    ).rejects.toThrow('belongs to this deployment');
    expect(await deployment.catalog.runs.find(RUN as RunId)).toBeUndefined();
  },
);

test('more shards than one commit should join are joined in groups', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment, 390);

  const [item] = await discover(deployment, pipeline);
  const point = await protectFiles(deployment, pipeline, item!);

  const groups = await readJson(deployment.work, `runs/${item!.runId}/groups.json`);
  expect(groups).toMatchObject([{ first: 0, count: 128 }, { first: 128 }]);
  expect(point).toMatchObject({ state: 'completed', files: 390 });
});

test('every step of a run can be repeated and leads to the one point', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment);
  const twice = async <Output>(step: () => Promise<Output>): Promise<Output> => {
    const first = await step();
    deployment.clock.advance(1000);
    expect(await step()).toEqual(first);
    return first;
  };

  await twice(async () => pipeline.openRun(OPEN, PLENTY));
  const listed = await twice(async () => pipeline.listShards({ runId: RUN, state: null }, PLENTY));
  const { key, count } = (listed as Extract<typeof listed, { done: true }>).shards;
  for (const shard of (await readJson(deployment.work, key)) as unknown[]) {
    await twice(async () => pipeline.protectShard({ runId: RUN, shard }, PLENTY));
  }
  const point = await twice(async () => commitPoint(pipeline, RUN, count));
  const { files, logicalBytes: bytes } = point;
  expect(await deployment.catalog.progress.find(RUN)).toEqual({ files, bytes, total: { files, bytes } });

  const points = await Array.fromAsync(deployment.catalog.points.list('arn:aws:s3:::photos' as never));
  expect(points.map(({ pointId }) => pointId)).toEqual([point.pointId]);
});

test('of two attempts that list a source while it grows, the list of the first stands', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment, 10);
  await pipeline.openRun(OPEN, PLENTY);
  const list = async () => pipeline.listShards({ runId: RUN, state: null }, PLENTY);

  const first = await list();
  plantFiles(deployment, 390);
  const second = await list();

  expect(second).toEqual(first);
  if (!first.done) throw new Error('the listing stopped');
  expect(await readJson(deployment.work, first.shards.key)).toHaveLength(first.shards.count);
  expect(await readJson(deployment.work, first.groups.key)).toHaveLength(first.groups.count);
});

async function storedAt(compression: CompressionLevel): Promise<number> {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment, undefined, [{ ...DAILY, compression }]);
  deployment.source.plant('records', recordText('records'));
  const [item] = await discover(deployment, pipeline);
  const point = await protectFiles(deployment, pipeline, item!);
  return point!.storedBytes;
}

test("a bucket's objects are compressed as hard as its plan says", async () => {
  expect(await storedAt('max')).toBeLessThan(0.97 * (await storedAt('fast')));
});

test('a run that has completed is skipped when its execution is started once more', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment);
  const [item] = await discover(deployment, pipeline);
  await protectFiles(deployment, pipeline, item!);

  const again = await pipeline.openRun({ ...OPEN, ...item }, PLENTY);

  expect(again).toMatchObject({ mode: 'skip', runId: item!.runId });
});

test('a run that failed is not taken for one that has completed', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  await pipeline.openRun(OPEN, PLENTY);
  await pipeline.failRun({ runId: RUN, error: { Error: 'Boom', Cause: 'it broke' } }, PLENTY);

  await expect(pipeline.openRun(OPEN, PLENTY)).rejects.toThrow(RunClosedError);
});

test('closing a run a second time, when only the map is known to have failed, answers with the first reason', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  await pipeline.openRun(OPEN, PLENTY);
  const Cause = JSON.stringify({
    errorType: 'SourceUnavailableError',
    errorMessage: 'bucket photos is denied',
  });
  const reason = { name: 'SourceUnavailableError', message: 'bucket photos is denied' };

  const first = await pipeline.failRun({ runId: RUN, error: { Error: reason.name, Cause } }, PLENTY);
  const map = { Error: 'States.ExceedToleratedFailureThreshold', Cause: 'one item failed' };
  const second = await pipeline.failRun({ runId: RUN, error: map }, PLENTY);

  expect(first).toEqual({ state: 'failed', error: reason });
  expect(second).toEqual(first);
});

test('an execution that failed without a run ends with what was caught', async () => {
  const { failRun } = makePipeline(makeDeployment());

  expect(await failRun({ plan: 'daily', error: { Error: 'Boom', Cause: 'it broke' } }, PLENTY)).toEqual({
    error: { name: 'Boom', message: 'it broke' },
  });
});

test('a resource whose earlier run is at work is refused with the name of that run', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  await pipeline.openRun(OPEN, PLENTY);

  const second = pipeline.openRun({ ...OPEN, runId: 'b'.repeat(32) }, PLENTY);

  await expect(second).rejects.toMatchObject({ name: 'RunOpenError', message: expect.stringContaining(RUN) });
});

test('an incremental without a base becomes a full and says why', async () => {
  const pipeline = makePipeline(makeDeployment());

  const opened = await pipeline.openRun({ ...OPEN, type: 'incremental' }, PLENTY);

  expect(opened).toMatchObject({ mode: 'files', type: 'full' });
  expect(opened.reason).toContain('no recovery point');
});

test('an opening without time leases its base over several calls, and then says how the run goes on', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment);
  await protectFiles(deployment, pipeline, { ...OPEN, runId: 'b'.repeat(32) });
  deployment.clock.advance(29 * 86_400_000);

  const opened = await pipeline.openRun({ ...OPEN, type: 'incremental' }, NO_TIME);

  const handedOn = deployment.lines.filter(({ message }) => message === 'leased a part of the base');
  expect(handedOn.length).toBeGreaterThan(1);
  expect(opened).toMatchObject({ done: true, mode: 'files', type: 'incremental' });
  deployment.clock.advance(1000);
  const point = await protectFiles(deployment, pipeline, OPEN, 'incremental');
  expect(point).toMatchObject({ type: 'incremental', files: 10, warnings: 0 });
});

test('a listing that runs out of time goes on in the next call and finds every file once', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  for (let file = 0; file < 2500; file += 1) deployment.source.plant(`file-${file}`, '');
  await pipeline.openRun(OPEN, PLENTY);
  // Looked at once before a range is listed and then at every thousandth entry.
  let looks = 0;
  const hurry = { getRemainingTimeInMillis: () => ((looks += 1) % 2 === 0 ? 119_999 : 900_000) };

  let turns = 1;
  let listed = await pipeline.listShards({ runId: RUN, state: null }, hurry);
  while (!listed.done) {
    turns += 1;
    listed = await pipeline.listShards({ runId: RUN, state: listed.state }, hurry);
  }
  for (const shard of (await readJson(deployment.work, listed.shards.key)) as unknown[]) {
    await pipeline.protectShard({ runId: RUN, shard }, PLENTY);
  }
  const point = await commitPoint(pipeline, RUN, listed.shards.count);

  expect(turns).toBe(3);
  expect(point.files).toBe(2500);
});

test('a commit without time joins one shard a call, and its answer can be had again', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  plantFiles(deployment);
  await pipeline.openRun(OPEN, PLENTY);
  const listed = await pipeline.listShards({ runId: RUN, state: null }, PLENTY);
  if (!listed.done) throw new Error('the listing stopped');
  for (const shard of (await readJson(deployment.work, listed.shards.key)) as unknown[])
    await pipeline.protectShard({ runId: RUN, shard }, PLENTY);
  const hurry = { getRemainingTimeInMillis: () => 299_999 };
  const input = { runId: RUN, shardCount: listed.shards.count, groupCount: 0, state: null };

  const first = await pipeline.commitPoint(input, hurry);
  const point = await commitPoint(pipeline, RUN, listed.shards.count, hurry);
  const again = await commitPoint(pipeline, RUN, listed.shards.count, hurry);

  expect(first).toEqual({ done: false, state: null });
  expect(again).toEqual(point);
});

test('a cancelled run stops at its next step and ends as cancelled, without an alarm', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  await pipeline.openRun(OPEN, PLENTY);
  await deployment.catalog.runs.cancel(RUN as RunId);

  const step = pipeline.protectShard({ runId: RUN, shard: { index: 0 } }, PLENTY);
  await expect(step).rejects.toThrow(RunClosedError);
  const closed = await pipeline.failRun(
    { runId: RUN, error: { Error: 'RunClosedError', Cause: '' } },
    PLENTY,
  );

  expect(closed).toEqual({
    state: 'cancelled',
    error: { name: 'RunClosedError', message: expect.stringContaining('it was cancelled') },
  });
  expect(deployment.metrics.of('CycleFailures')).toEqual([]);
});

test('a worker in the middle of a shard stops when its run is cancelled', async () => {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  // Too large to be read ahead, so that reading them takes time while the shard goes on.
  for (let file = 0; file < 16; file += 1) {
    deployment.source.plant(`file-${String(file).padStart(2, '0')}`, Buffer.alloc(8 * 2 ** 20 + 1, file));
  }
  await pipeline.openRun(OPEN, PLENTY);
  const { source } = deployment;
  const open = source.open.bind(source);
  source.open = async (...args) => {
    deployment.clock.advance(30_000);
    if (source.opened.length === 3) await deployment.catalog.runs.cancel(RUN as RunId);
    return open(...args);
  };

  const step = pipeline.protectShard({ runId: RUN, shard: { index: 0 } }, PLENTY);

  await expect(step).rejects.toThrow(RunClosedError);
  expect(source.opened.length).toBeLessThan(10);
});

test('an unknown plan is refused with the names of those that exist', async () => {
  const pipeline = makePipeline(makeDeployment());

  const opened = pipeline.openRun({ ...OPEN, plan: 'nightly' }, PLENTY);

  await expect(opened).rejects.toMatchObject({
    name: 'UnknownNameError',
    message: expect.stringContaining('daily'),
  });
});

test('an event that is not one is refused with every field that is wrong', async () => {
  const pipeline = makePipeline(makeDeployment());

  const opened = pipeline.openRun({ ...OPEN, runId: 'x', type: 'weekly' }, PLENTY);

  await expect(opened).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringMatching(/"type" is "weekly".*"runId" is "x"/),
  });
});

test('a synthetic full of an image is skipped with a reason', async () => {
  const pipeline = makePipeline(makeDeployment());
  const image = { resourceArn: 'arn:aws:ec2:us-east-1:000000000000:instance/i-1', kind: 'ec2-instance' };

  const opened = await pipeline.openRun({ ...OPEN, ...image, type: 'synthetic-full' }, PLENTY);

  expect(opened).toMatchObject({ mode: 'skip', reason: expect.stringContaining('snapshots') });
});
