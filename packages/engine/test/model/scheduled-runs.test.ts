import { expect, test } from 'vitest';
import { defaultImageSettings, type Plan, RetentionRules } from '../../src/model/index.ts';
import { findNextRun, scheduledRuns } from '../../src/model/scheduled-runs.ts';

const monday = new Date('2026-11-23T00:00:00Z');
const days = (count: number): Date => new Date(monday.getTime() + count * 86_400_000);

function planOf(schedules: Record<string, string>, timeZone = 'UTC'): Plan {
  return {
    name: 'p',
    schedules: Object.fromEntries(
      Object.entries(schedules).map(([type, expression]) => [type, { expression, timeZone }]),
    ),
    retention: RetentionRules.parse({ keepDays: 30 }),
    rpoHours: 30,
    readTags: true,
    compression: 'default',
    images: defaultImageSettings,
    prefixes: [],
    shard: { files: 10_000, bytes: 2 ** 30 },
  };
}

test('lists the runs of a week, the wider type where two are due', () => {
  const plan = planOf({ incremental: 'cron(0 2 * * ? *)', full: 'cron(0 2 ? * SUN *)' });

  const runs = scheduledRuns(plan, monday, days(7));

  expect(runs.map(({ type }) => type)).toEqual([...Array.from({ length: 6 }, () => 'incremental'), 'full']);
  expect(runs[0]).toEqual({ type: 'incremental', at: new Date('2026-11-23T02:00:00Z'), runs: 1 });
});

test('follows the clocks of the plan’s zone', () => {
  const plan = planOf({ full: 'cron(30 0 * * ? *)' }, 'Europe/Vienna');

  const winter = scheduledRuns(plan, new Date('2027-03-27T00:00:00Z'), new Date('2027-03-29T00:00:00Z'));

  expect(winter.map(({ at }) => at.toISOString())).toEqual([
    '2027-03-27T23:30:00.000Z',
    '2027-03-28T22:30:00.000Z',
  ]);
});

test('a rate counts from the start, and a frequent one is listed 24 times a day, with how often it runs', () => {
  const rare = scheduledRuns(planOf({ full: 'rate(2 days)' }), monday, days(7));
  const frequent = scheduledRuns(planOf({ incremental: 'rate(5 minutes)' }), monday, days(1));
  const byCron = scheduledRuns(planOf({ incremental: 'cron(0/5 * * * ? *)' }), monday, days(1));

  expect(rare).toHaveLength(4);
  for (const runs of [frequent, byCron]) {
    expect(runs).toHaveLength(24);
    expect(runs.reduce((sum, run) => sum + run.runs, 0)).toBe(288);
  }
});

test.for([
  ['cron(0/5 * * * ? *)', '2026-11-23T10:02:00Z', '2026-11-23T10:05:00.000Z'],
  ['cron(0 2 * * ? *)', '2026-11-23T02:00:00Z', '2026-11-23T02:00:00.000Z'],
  ['cron(0 2 1 1 ? *)', '2026-11-23T02:00:00Z', '2027-01-01T02:00:00.000Z'],
  ['cron(0 0 29 2 ? *)', '2096-03-01T00:00:00Z', '2104-02-29T00:00:00.000Z'],
] as const)('%s next runs, from %s on, at %s', ([expression, from, next]) => {
  expect(findNextRun(planOf({ incremental: expression }), 'incremental', new Date(from))).toEqual(
    new Date(next),
  );
});

test('a time that is left to a wider type, a rate and a year that is over have no next run', () => {
  const plan = planOf({ incremental: 'cron(0 2 * * ? *)', full: 'cron(0 2 ? * MON *)' });

  expect(findNextRun(plan, 'incremental', monday)).toEqual(new Date('2026-11-24T02:00:00Z'));
  expect(findNextRun(planOf({ full: 'rate(6 hours)' }), 'full', monday)).toBeUndefined();
  expect(findNextRun(planOf({ full: 'cron(0 2 * * ? 2025)' }), 'full', monday)).toBeUndefined();
  expect(findNextRun(planOf({}), 'full', monday)).toBeUndefined();
});
