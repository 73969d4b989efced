import type { ResourceArn, RunId, RunRow } from '@holdfast/engine';
import { beforeEach, expect, test } from 'vitest';
import { bucketArn, CliUnderTest, dailyPlan } from '../cli-under-test.ts';

const other = 'arn:aws:s3:::videos' as ResourceArn;
const daily = {
  ...dailyPlan,
  schedules: {
    incremental: { expression: 'cron(0 2 * * ? *)', timeZone: 'Europe/Vienna' },
    full: { expression: 'cron(0 2 ? * TUE *)', timeZone: 'Europe/Vienna' },
    'synthetic-full': { expression: 'rate(7 days)', timeZone: 'UTC' },
  },
};

let cli: CliUnderTest;

beforeEach(async () => {
  cli = new CliUnderTest();
  cli.plans = [daily, { ...dailyPlan, name: 'weekly' }];
  await cli.plantResource();
});

async function plantEnded(id: string, row: Partial<RunRow>, state: 'completed' | 'failed'): Promise<void> {
  const { runId } = await cli.plantRun({ runId: id.repeat(32) as RunId, ...row });
  await cli.catalog.runs.close(runId, { state, endedAt: cli.clock.now() });
}

test('says of each rule when it runs next by the clocks of its zone, and how the last runs ended', async () => {
  await cli.plantResource({ arn: other });
  await plantEnded('a', {}, 'failed');
  cli.clock.advance(3_600_000);
  await plantEnded('b', {}, 'completed');
  await plantEnded('c', { resourceArn: other }, 'failed');

  const { code, out } = await cli.run('plans', 'daily');

  expect(code).toBe(0);
  expect(out).toBe(`\
daily: 2 resources: 2 unprotected; RPO 30 h
TYPE            NEXT RUN                              IN  LAST RUN  ENDED
full            Tue 2026-11-24 02:00 Europe/Vienna  12 h  -         never ran
incremental     Wed 2026-11-25 02:00 Europe/Vienna  36 h  0 s ago   1 failed, 1
                                                                    completed
synthetic-full  rate(7 days)                           -  -         never ran
`);
});

test('does not say of a rule that it never ran where older runs were not looked at', async () => {
  for (let run = 0; run < 2000; run += 1)
    await cli.plantRun({ resourceArn: `arn:aws:s3:::bucket-${run}` as ResourceArn });

  const { out } = await cli.run('plans', 'daily', '--wide');

  expect(out).toMatch(/\nfull {12}.* not in its last 2000 runs\n/);
  expect(out).not.toContain('never ran');
});

test('names resources whose tag names a plan that is not deployed', async () => {
  await cli.plantResource({ arn: other, plan: 'dayly' });

  expect((await cli.run('plans')).out).toContain(`\
tagged with a plan that is not deployed, and not backed up
RESOURCE  PLAN
videos    dayly
`);
  expect(await cli.json('plans')).toMatchObject({
    plans: [
      { name: 'daily', resources: { unprotected: 1 } },
      { name: 'weekly', rules: [] },
    ],
    withoutPlan: [{ resourceArn: other, plan: 'dayly' }],
  });
});

test('refuses a plan that is not deployed, and names those that are', async () => {
  const { code, err } = await cli.run('plans', 'dayly');

  expect(code).toBe(3);
  expect(err).toContain('plan "dayly" does not exist; did you mean daily? deployed plans are: daily, weekly');
});

test('says that a deployment does not tell its plans', async () => {
  cli.plans = undefined;

  const { code, err } = await cli.run('plans');

  expect(code).toBe(3);
  expect(err).toContain('the plans are not known');
  expect(err).not.toContain(bucketArn);
});
