import { describe, expect, test } from 'vitest';
import { parseScheduleExpression } from '../../src/model/schedule-expression.ts';
import { skippedRuns } from '../../src/model/skipped-runs.ts';

const AUTUMN = new Date('2026-11-29T12:00:00Z');
const datesOf = (expression: string, timeZone: string, from = AUTUMN): string[] =>
  skippedRuns(parseScheduleExpression(expression), timeZone, from).map(({ date }) => date);

describe('where summer time begins', () => {
  test('a daily schedule within the hour that is passed over loses that day', () => {
    expect(skippedRuns(parseScheduleExpression('cron(30 2 * * ? *)'), 'Europe/Berlin', AUTUMN)).toEqual([
      { date: '2027-03-28', from: '02:00', to: '03:00' },
      { date: '2028-03-26', from: '02:00', to: '03:00' },
    ]);
  });

  test.each([
    ['at its first minute', 'cron(0 2 * * ? *)', 'Europe/Berlin', ['2027-03-28', '2028-03-26']],
    ['on Sundays', 'cron(0 2 ? * SUN *)', 'America/New_York', ['2027-03-14', '2028-03-12']],
    ['twice a day', 'cron(0 2,14 * * ? *)', 'America/New_York', ['2027-03-14', '2028-03-12']],
    ['every four hours from two on', 'cron(0 2/4 * * ? *)', 'Europe/Berlin', ['2027-03-28', '2028-03-26']],
    ['on a date that is such a day', 'cron(0 2 28 3 ? *)', 'Europe/Berlin', ['2027-03-28']],
    ['at midnight, where it begins then', 'cron(0 0 * * ? *)', 'Africa/Cairo', ['2027-04-30', '2028-04-28']],
    ['in the south', 'cron(15 2 * * ? *)', 'Australia/Sydney', ['2027-10-03', '2028-10-01']],
    [
      'in the half hour of an island',
      'cron(15 2 * * ? *)',
      'Australia/Lord_Howe',
      ['2027-10-03', '2028-10-01'],
    ],
  ])('a schedule %s loses a run', (_, expression, timeZone, dates) => {
    expect(datesOf(expression, timeZone)).toEqual(dates);
  });

  test.each([
    ['before it', 'cron(59 1 * * ? *)', 'Europe/Berlin'],
    ['after it', 'cron(0 3 * * ? *)', 'Europe/Berlin'],
    ['on days that are no Sundays', 'cron(30 2 ? * MON-SAT *)', 'Europe/Berlin'],
    ['every hour', 'cron(0 * * * ? *)', 'Europe/Berlin'],
    ['every quarter of an hour', 'cron(0/15 * * * ? *)', 'Europe/Berlin'],
    ['every other hour', 'cron(0 0/2 * * ? *)', 'Europe/Berlin'],
    ['in the next hour as well', 'cron(0 2,3 * * ? *)', 'Europe/Berlin'],
    ['in another year', 'cron(30 2 * * ? 2031)', 'Europe/Berlin'],
    ['where there is no summer time', 'cron(30 2 * * ? *)', 'Asia/Tokyo'],
    ['in UTC', 'cron(30 2 * * ? *)', 'UTC'],
    ['at intervals', 'rate(1 day)', 'Europe/Berlin'],
    ['in the hour that comes twice in autumn', 'cron(30 1 * * ? *)', 'America/New_York'],
  ])('a schedule %s loses none', (_, expression, timeZone) => {
    expect(datesOf(expression, timeZone)).toEqual([]);
  });
});
