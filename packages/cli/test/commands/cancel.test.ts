import type { RunId } from '@holdfast/engine';
import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const execution = 'arn:aws:states:eu-west-1:111122223333:execution:protect:x';

test('stops the execution and closes the run, so that the resource is free', async () => {
  const cli = new CliUnderTest();
  const { runId } = await cli.plantRun({ execution });

  const { code, out } = await cli.run('cancel', runId);

  expect(out).toBe(`run ${runId} of arn:aws:s3:::photos is cancelled\n`);
  expect(code).toBe(0);
  expect(cli.executions.stopped).toEqual([execution]);
  expect(await cli.catalog.runs.find(runId)).toMatchObject({ state: 'cancelled', endedAt: cli.clock.now() });
  await expect(cli.plantRun()).resolves.toMatchObject({ state: 'open' });
});

test('can be repeated: the second time there is nothing to stop', async () => {
  const cli = new CliUnderTest();
  const { runId } = await cli.plantRun({ execution });

  const first = await cli.json('cancel', runId);
  const after = await cli.catalog.runs.find(runId);
  const { code, out } = await cli.run('cancel', runId);

  expect(first).toEqual({ runId, resourceArn: 'arn:aws:s3:::photos', state: 'cancelled', cancelled: true });
  expect(out).toBe(`run ${runId} of arn:aws:s3:::photos is over already: cancelled\n`);
  expect(code).toBe(0);
  expect(cli.executions.stopped).toEqual([execution]);
  expect(await cli.catalog.runs.find(runId)).toEqual(after);
});

test('finishes a cancellation that broke off after the catalog knew of it', async () => {
  const cli = new CliUnderTest();
  const { runId } = await cli.plantRun({ execution });
  await cli.catalog.runs.cancel(runId);

  await cli.run('cancel', runId);

  expect(cli.executions.stopped).toEqual([execution]);
  expect(await cli.catalog.runs.find(runId)).toMatchObject({ state: 'cancelled' });
});

test('leaves a run that is complete as it is', async () => {
  const cli = new CliUnderTest();
  const { runId } = await cli.plantRun({ execution });
  const closed = await cli.catalog.runs.close(runId, { state: 'completed', endedAt: cli.clock.now() });

  const { code, out } = await cli.run('cancel', runId);

  expect(out).toBe(`run ${runId} of arn:aws:s3:::photos is over already: completed\n`);
  expect(code).toBe(0);
  expect(cli.executions.stopped).toEqual([]);
  expect(await cli.catalog.runs.find(runId)).toEqual(closed);
});

test('asks a run without an execution to stop, and leaves closing it to whoever drives it', async () => {
  const cli = new CliUnderTest();
  const { runId } = await cli.plantRun();

  const { out } = await cli.run('cancel', runId);

  expect(out).toContain('has been asked to stop');
  expect(await cli.catalog.runs.find(runId)).toMatchObject({ state: 'cancelling' });
});

test('takes the beginning of an id that only one run has', async () => {
  const cli = new CliUnderTest();
  await cli.plantRun({ runId: 'aaaa1'.padEnd(32, '0') as RunId, execution });
  await cli.catalog.runs.close('aaaa1'.padEnd(32, '0') as RunId, { state: 'completed' });
  await cli.plantRun({ runId: 'aaaa2'.padEnd(32, '0') as RunId, execution });

  const ambiguous = await cli.run('cancel', 'aaaa');
  const unknown = await cli.run('cancel', 'bbbb');
  const { out } = await cli.run('cancel', 'aaaa2');

  expect(ambiguous).toMatchObject({ code: 2, err: expect.stringContaining('"aaaa" may be any of aaaa2') });
  expect(unknown).toMatchObject({
    code: 3,
    err: 'holdfast: run "bbbb" is not in the catalog; "holdfast runs" lists the newest ones\n',
  });
  expect(out).toContain('is cancelled');
});
