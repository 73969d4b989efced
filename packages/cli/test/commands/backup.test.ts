import type { ResourceArn, RunId } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { bucketArn, CliUnderTest } from '../cli-under-test.ts';

async function withBucket(): Promise<CliUnderTest> {
  const cli = new CliUnderTest();
  await cli.plantResource();
  return cli;
}

test('starts an execution of the protect machine that is named after a fresh run id', async () => {
  const cli = await withBucket();

  const { code, out } = await cli.run('backup', 'photos', '--type', 'full');
  const { out: second } = await cli.run('backup', bucketArn);

  const [first, other] = cli.executions.started;
  expect(first).toEqual({
    machine: 'protect',
    name: first?.name,
    input: { resourceArn: bucketArn, kind: 's3-bucket', plan: 'daily', type: 'full', runId: first?.name },
  });
  expect(first?.name).toMatch(/^[0-9a-f]{32}$/);
  expect(other?.name).not.toBe(first?.name);
  expect(other?.input).toMatchObject({ type: 'incremental' });
  expect(out).toBe(`\
run ${first?.name} of arn:aws:s3:::photos has started (full)
execution arn:aws:states:eu-west-1:111122223333:execution:protect:${first?.name}
`);
  expect(second).toContain('(incremental)');
  expect(await cli.json('backup', 'photos')).toMatchObject({ resourceArn: bucketArn, plan: 'daily' });
  expect(code).toBe(0);
});

test('waits for the end, says on stderr how it gets on, and prints the point', async () => {
  const cli = await withBucket();
  cli.source.plant('a.txt', 'x'.repeat(2048));
  cli.source.plant('b.txt', 'hello');
  cli.executions.onLook = async (execution, look) => {
    if (look === 4) cli.executions.parts = { done: 2, total: 10 };
    if (look === 8) cli.executions.parts = { done: 5, total: 10 };
    if (look !== 9) return;
    await cli.backUp('full', bucketArn, cli.executions.started[0]?.name as RunId);
    const output = JSON.stringify({ run: { mode: 'blocks' }, point: { throttledCalls: 1_234 } });
    cli.executions.end(execution, { status: 'succeeded', output });
  };

  const { code, out, err } = await cli.run('backup', 'photos', '--wait', '--progress');

  const runId = cli.executions.started[0]?.name;
  const [point] = await Array.fromAsync(cli.catalog.points.list(bucketArn));
  expect(out).toBe(`\
point     ${point?.pointId}
resource  arn:aws:s3:::photos
type      full
taken     2026-11-23 12:00:24Z, kept until 2026-12-23 12:00:24Z
content   2 files, 2.0 KiB; 2 changed, 0 removed
read      2.0 KiB, stored ${out.match(/stored (.+)/)?.[1]}
warnings  0
state     completed: everything was read
throttled 1,234 calls, which EBS refused at first
`);
  expect(err).toBe(`\
run ${runId} of arn:aws:s3:::photos has started (incremental)
run ${runId}: starting, 12 s: 2 of 10 parts, 20 %
`);
  expect(cli.clock.sleeps).toHaveLength(8);
  expect(code).toBe(0);
});

test('with --wait ends with 6 where the point could not read everything, and names the clean one', async () => {
  const cli = await withBucket();
  cli.source.plant('a.txt', 'old');
  const clean = await cli.backUp();
  cli.clock.advance(60_000);
  cli.source.plant('a.txt', 'newer');
  cli.source.plant('b.txt', 'hello');
  cli.source.plant('c.txt', 'hello');
  for (const path of ['a.txt', 'b.txt']) cli.source.trap(path, 'deny');
  cli.executions.onLook = async (execution) => {
    await cli.backUp('incremental', bucketArn, cli.executions.started.at(-1)?.name as RunId);
    cli.executions.end(execution, { status: 'succeeded', output: '{}' });
  };

  const { code, out, err } = await cli.run('backup', 'photos', '--wait');
  const document = await cli.run('backup', 'photos', '--wait', '--json');

  const told = '2 entries could not be read: it lacks 1, and has 1 as earlier points do';
  expect(code).toBe(6);
  expect(out).toContain(`state     degraded: ${told}\n`);
  expect(err).toMatch(
    new RegExp(`is degraded: ${told}; the clean point to use instead is ${clean.root.point} of 2026-11-23`),
  );
  expect(document.code).toBe(6);
  expect(JSON.parse(document.out)).toMatchObject({
    run: { state: 'degraded' },
    unread: { carried: 1, missing: 1 },
    cleanPointId: clean.root.point,
  });
});

test('with --wait and --json gives the run and the point as one document, and nothing on stderr', async () => {
  const cli = await withBucket();
  cli.source.plant('a.txt', 'x');
  cli.executions.onLook = async (execution) => {
    await cli.backUp('full', bucketArn, cli.executions.started[0]?.name as RunId);
    cli.executions.end(execution, { status: 'succeeded' });
  };

  const { out, err } = await cli.run('backup', 'photos', '--type', 'full', '--wait', '--json');

  expect(JSON.parse(out)).toMatchObject({
    runId: cli.executions.started[0]?.name,
    resourceArn: bucketArn,
    requestedType: 'full',
    run: { state: 'completed' },
    point: { type: 'full', counts: { files: 1 }, sourceTime: '2026-11-23T12:00:00.000Z' },
  });
  expect(err).toBe('');
});

test("fails with the run's own reason", async () => {
  const cli = await withBucket();
  cli.executions.onLook = async (execution) => {
    const runId = cli.executions.started[0]?.name as RunId;
    await cli.plantRun({ runId });
    const error = { name: 'SourceUnavailableError', message: 'bucket photos may not be listed' };
    await cli.catalog.runs.close(runId, { state: 'failed', endedAt: cli.clock.now(), error });
    cli.executions.end(execution, { status: 'failed', error: 'RunFailed', cause: 'see the run' });
  };

  const { code, out, err } = await cli.run('backup', 'photos', '--wait');

  expect(code).toBe(1);
  expect(out).toBe('');
  expect(err).toBe(
    `holdfast: run ${cli.executions.started[0]?.name} of ${bucketArn} made no point: bucket photos may not be listed\n`,
  );
});

test("fails with the execution's reason when the run was never opened", async () => {
  const cli = await withBucket();
  cli.executions.onLook = async (execution) => {
    const cause = JSON.stringify({
      errorType: 'UnknownNameError',
      errorMessage: 'plan "daily" does not exist',
    });
    cli.executions.end(execution, { status: 'failed', error: 'UnknownNameError', cause });
  };

  const { code, err } = await cli.run('backup', 'photos', '--wait');

  expect(code).toBe(1);
  expect(err).toContain('made no point: UnknownNameError: plan "daily" does not exist\n');
});

test('says why the machine left a run out', async () => {
  const cli = await withBucket();
  const output = JSON.stringify({ run: { mode: 'skip', reason: 'an image has no synthetic full' } });
  cli.executions.onLook = async (execution) => cli.executions.end(execution, { status: 'succeeded', output });

  const { code, err } = await cli.run('backup', 'photos', '--type', 'synthetic-full', '--wait');

  expect(code).toBe(1);
  expect(err).toContain('made no point: an image has no synthetic full\n');
});

test('stops waiting when it is interrupted and says that the work goes on', async () => {
  const cli = await withBucket();
  cli.executions.onLook = async () => cli.abort.abort();

  const { code, err } = await cli.run('backup', 'photos', '--wait');

  expect(code).toBe(130);
  expect(err).toBe(
    'holdfast: interrupted; what was started in AWS goes on: "holdfast runs" and "holdfast restores" show it\n',
  );
  expect(cli.executions.stopped).toEqual([]);
});

test.for([
  [['nowhere'], 3, 'resource "nowhere" is not in the catalog; "holdfast resources" lists what is'],
  [['photos', '--type', 'half'], 2, '--type "half" is not a backup type; write one of full, incremental'],
  [['laptop'], 2, 'is a directory, which AWS cannot read'],
  [['typo'], 2, 'arn:aws:s3:::typo cannot be backed up: plan "dayly" does not exist'],
] as const)('starts nothing for %j', async ([args, wanted, message]) => {
  const cli = await withBucket();
  await cli.plantResource({ arn: 'arn:holdfast:directory:laptop' as ResourceArn, kind: 'directory' });
  await cli.plantResource({
    arn: 'arn:aws:s3:::typo' as ResourceArn,
    problem: 'plan "dayly" does not exist',
  });

  const { code, out, err } = await cli.run('backup', ...args);

  expect(err).toContain(message);
  expect(code).toBe(wanted);
  expect(out).toBe('');
  expect(cli.executions.started).toEqual([]);
});
