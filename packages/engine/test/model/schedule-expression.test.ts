import { assert, integer, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { longestGapMinutes } from '../../src/model/schedule-times.ts';
import { parseScheduleExpression, ScheduleExpressionError } from '../../src/model/schedule-expression.ts';

const gapOf = (...expressions: string[]): number | undefined =>
  longestGapMinutes(expressions.map(parseScheduleExpression));
const HOUR = 60;
const DAY = 24 * HOUR;

describe('schedule expressions', () => {
  test('leaves out fields that match everything', () => {
    expect(parseScheduleExpression('cron(0 3 * * ? *)')).toEqual({ cron: { minutes: [0], hours: [3] } });
  });

  test('reads lists, ranges, steps and names', () => {
    expect(parseScheduleExpression('cron(0/20 8-10,22 ? jan,DEC MON-WED 2027/2)')).toMatchObject({
      cron: { minutes: [0, 20, 40], hours: [8, 9, 10, 22], months: [1, 12], daysOfWeek: [2, 3, 4] },
    });
  });

  test.each([
    ['cron(0 3 L * ? *)', { daysOfMonth: 'L' }],
    ['cron(0 3 15W * ? *)', { daysOfMonth: '15W' }],
    ['cron(0 3 ? * FRIL *)', { daysOfWeek: '6L' }],
    ['cron(0 3 ? * 3#2 *)', { daysOfWeek: '3#2' }],
    ['cron(0 3 ? * L *)', { daysOfWeek: [7] }],
  ])('reads the day that %s leaves to the calendar', (expression, days) => {
    expect(parseScheduleExpression(expression)).toMatchObject({ cron: days });
  });

  test.each([
    ['rate(1 hour)', 60],
    ['rate(15 minutes)', 15],
    ['rate(2 days)', 2 * DAY],
  ])('reads %s as minutes', (expression, everyMinutes) => {
    expect(parseScheduleExpression(expression)).toEqual({ everyMinutes });
  });

  test.each([
    ['daily', 'is not a schedule'],
    ['at(2027-01-01T00:00:00)', 'is not a schedule'],
    ['rate(0 minutes)', 'never runs'],
    ['rate(1 hours)', 'write rate(1 hour)'],
    ['rate(6 hour)', 'write rate(6 hours)'],
    ['cron(0 3 * * ?)', 'has 5 fields instead of six'],
    ['cron(0 3 * * * *)', '? in exactly one of'],
    ['cron(0 3 ? * ? *)', '? in exactly one of'],
    ['cron(60 3 * * ? *)', '"60" for minutes; use 0 to 59'],
    ['cron(0 24 * * ? *)', '"24" for hours; use 0 to 23'],
    ['cron(0 3 0 * ? *)', '"0" for day of month; use 1 to 31'],
    ['cron(0 3 * 13 ? *)', '"13" for month; use 1 to 12 or JAN to DEC'],
    ['cron(0 3 ? * 8 *)', '"8" for day of week; use 1 to 7 or SUN to SAT'],
    ['cron(0 3 ? * FUN *)', '"FUN" for day of week'],
    ['cron(0 3 32W * ? *)', '"32W" for day of month'],
    ['cron(0 3 * * ? 1969)', '"1969" for year'],
    ['cron(0/0 3 * * ? *)', '"0/0" for minutes'],
    ['cron(30-10 3 * * ? *)', '"30-10" for minutes'],
    ['cron(, 3 * * ? *)', '"," for minutes'],
    ['cron(? 3 * * ? *)', '"?" for minutes'],
  ])('refuses %s and says what to write', (expression, message) => {
    expect(() => parseScheduleExpression(expression)).toThrow(ScheduleExpressionError);
    expect(() => parseScheduleExpression(expression)).toThrow(message);
  });

  test('never takes a number outside a field', () => {
    assert(
      property(integer({ min: 0, max: 99 }), integer({ min: 0, max: 99 }), (minute, hour) => {
        const read = () => parseScheduleExpression(`cron(${minute} ${hour} * * ? *)`);
        if (minute < 60 && hour < 24) expect(read()).toEqual({ cron: { minutes: [minute], hours: [hour] } });
        else expect(read).toThrow(ScheduleExpressionError);
      }),
    );
  });
});

describe('the longest pause between two runs', () => {
  test.each([
    ['rate(6 hours)', 6 * HOUR],
    ['cron(0 3 * * ? *)', DAY],
    ['cron(0 8-18 * * ? *)', 14 * HOUR],
    ['cron(0 2 ? * MON-FRI *)', 3 * DAY],
    ['cron(0 2 1 * ? *)', 31 * DAY],
    ['cron(0 2 L * ? *)', 31 * DAY],
    ['cron(0 2 ? * 1#1 *)', 35 * DAY],
    ['cron(0 2 ? * 6L *)', 35 * DAY],
    ['cron(0 2 1W * ? *)', 33 * DAY],
    ['cron(0 2 1 1 ? *)', 366 * DAY],
  ])('of %s is %i minutes', (expression, minutes) => {
    expect(gapOf(expression)).toBe(minutes);
  });

  test('is the pause that all schedules together leave', () => {
    expect(gapOf('cron(0 2 ? * SUN *)', 'cron(0 2 ? * MON-SAT *)')).toBe(DAY);
    expect(gapOf('cron(0 2 ? * SUN *)', 'rate(12 hours)')).toBe(12 * HOUR);
  });

  test('is unknown for days that do not exist', () => {
    expect(gapOf('cron(0 2 31 2 ? *)')).toBeUndefined();
  });
});
