import { expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const report = {
  pointsRenewed: 2,
  pointsExpired: 3,
  pointsToConsolidate: 0,
  packsSwept: 1_234,
  bytesSwept: 2_048,
  packsVerified: 7,
  bytesVerified: 1_024,
};

test('starts an execution of the maintenance machine under a fresh name', async () => {
  const cli = new CliUnderTest();

  const { code, out } = await cli.run('maintain');
  const again = await cli.json('maintain');

  const [first, second] = cli.executions.started;
  expect(first).toMatchObject({ machine: 'maintenance', input: {} });
  expect(first?.name).toMatch(/^maintain-[0-9a-f]{32}$/);
  expect(second?.name).not.toBe(first?.name);
  expect(again).toEqual({ execution: expect.stringContaining(`:maintenance:${second?.name}`) });
  expect(out).toContain(`:execution:maintenance:${first?.name}`);
  expect(code).toBe(0);
});

test('waits for the end and says what was done', async () => {
  const cli = new CliUnderTest();
  cli.executions.onLook = async (execution, look) => {
    await Promise.resolve();
    if (look === 2)
      cli.executions.end(execution, { status: 'succeeded', output: JSON.stringify({ report }) });
  };

  const { code, out } = await cli.run('maintain', '--wait');

  expect(out).toBe(`\
expired   3 points
renewed   2 points
swept     1,234 packs, 2.0 KiB
verified  7 packs, 1.0 KiB
`);
  expect(code).toBe(0);
});

test('names what is left to consolidate', async () => {
  const cli = new CliUnderTest();
  const output = JSON.stringify({ report: { ...report, pointsToConsolidate: 4 } });
  cli.executions.onLook = async (execution) => {
    await Promise.resolve();
    cli.executions.end(execution, { status: 'succeeded', output });
  };

  expect((await cli.run('maintain', '--wait')).out).toContain('4 points to consolidate');
  expect(await cli.json('maintain', '--wait')).toMatchObject({ report: { pointsToConsolidate: 4 } });
});

test('a maintenance that failed ends with its reason and another exit code', async () => {
  const cli = new CliUnderTest();
  cli.executions.onLook = async (execution) => {
    await Promise.resolve();
    cli.executions.end(execution, {
      status: 'failed',
      error: 'MaintenanceFailedError',
      cause: JSON.stringify({ errorMessage: 'maintenance did not do everything: renew' }),
    });
  };

  const { code, err } = await cli.run('maintain', '--wait');

  expect(code).not.toBe(0);
  expect(err).toContain('maintenance did not do everything: renew');
});
