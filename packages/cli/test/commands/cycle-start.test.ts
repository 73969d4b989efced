import { beforeEach, expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const report = {
  completed: 2,
  warnings: 1,
  degraded: 0,
  failed: 0,
  skipped: 1,
  readBytes: 4096,
  storedBytes: 1024,
};

let cli: CliUnderTest;

beforeEach(() => {
  cli = new CliUnderTest();
});

/** Ends the cycle when it is looked at for the second time. */
function endWith(state: Parameters<CliUnderTest['executions']['end']>[1]): void {
  cli.executions.onLook = async (execution, look) => {
    if (look === 2) cli.executions.end(execution, state);
  };
}

test('starts a cycle of the plan, of the type that was asked for', async () => {
  const started = await cli.json('cycle', 'start', 'daily', '--type', 'full');

  const [execution] = cli.executions.started;
  expect(execution).toMatchObject({
    machine: 'cycle',
    input: { plan: 'daily', type: 'full', scheduledAt: '2026-11-23T12:00:00.000Z', cycleId: execution?.name },
  });
  expect(execution?.name).toMatch(/^by-hand-[0-9a-f]{32}$/);
  expect(started).toMatchObject({ cycleId: execution?.name, plan: 'daily', type: 'full' });
});

test('waits for the end, and sums up what was protected', async () => {
  endWith({ status: 'succeeded', output: JSON.stringify({ report: { done: true, ...report } }) });

  const { code, out } = await cli.run('cycle', 'start', 'daily', '--wait');

  expect(out).toBe(`\
protected  3 resources: 2 completed, 1 with warnings, 0 degraded
skipped    1 resource
read       4.0 KiB, stored 1.0 KiB
`);
  expect(code).toBe(0);
});

test('ends with 6 where a point is degraded', async () => {
  endWith({ status: 'succeeded', output: JSON.stringify({ report: { ...report, degraded: 1 } }) });

  const { code, out } = await cli.run('cycle', 'start', 'daily', '--wait', '--json');

  expect(code).toBe(6);
  expect(JSON.parse(out)).toMatchObject({ plan: 'daily', report: { degraded: 1 } });
});

test('says what failed', async () => {
  const cause = JSON.stringify({ errorMessage: '1 of 3 resources of plan daily failed: photos' });
  endWith({ status: 'failed', error: 'CycleFailedError', cause });

  const { code, err } = await cli.run('cycle', 'start', 'daily', '--wait');

  expect(code).toBe(1);
  expect(err).toContain('CycleFailedError: 1 of 3 resources of plan daily failed: photos');
});

test('starts nothing for a plan that is not deployed', async () => {
  const { code, err } = await cli.run('cycle', 'start', 'dayly');

  expect(code).toBe(3);
  expect(err).toContain('plan "dayly" does not exist; did you mean daily? deployed plans are: daily');
  expect(cli.executions.started).toEqual([]);
});
