import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Calendar } from '../../src/retention/calendar.ts';
import type { CalendarUnit } from '../../src/model/retention-rules.ts';

const zones = [
  'UTC',
  'Europe/Vienna',
  'America/New_York',
  'Asia/Kathmandu',
  'Pacific/Kiritimati',
  'America/Havana',
];
const units: readonly CalendarUnit[] = ['day', 'week', 'month', 'year'];
const anyTime = fc.date({
  min: new Date('1990-01-01T00:00:00Z'),
  max: new Date('2090-01-01T00:00:00Z'),
  noInvalidDate: true,
});

test('a moment lies between the start of its unit and the start of the next', () => {
  fc.assert(
    fc.property(anyTime, fc.constantFrom(...zones), fc.constantFrom(...units), (time, zone, unit) => {
      const calendar = new Calendar(zone);
      const index = calendar.indexOf(unit, time);

      expect(calendar.startOf(unit, index).getTime()).toBeLessThanOrEqual(time.getTime());
      expect(calendar.startOf(unit, index + 1).getTime()).toBeGreaterThan(time.getTime());
    }),
    { numRuns: 300 },
  );
});

test('counts the days of the place, not of UTC', () => {
  const vienna = new Calendar('Europe/Vienna');
  const evening = new Date('2026-06-30T22:30:00Z');

  expect(vienna.indexOf('month', evening)).toBe(2026 * 12 + 6);
  expect(new Calendar('UTC').indexOf('month', evening)).toBe(2026 * 12 + 5);
  expect(vienna.startOf('month', 2026 * 12 + 6).toISOString()).toBe('2026-06-30T22:00:00.000Z');
});

describe('a day that is shorter or longer than others', () => {
  test.each([
    ['the clocks go forward', '2026-03-29', 23],
    ['the clocks go back', '2026-10-25', 25],
  ])('because %s', (_what, date, hours) => {
    const vienna = new Calendar('Europe/Vienna');
    const index = Date.parse(date) / 86_400_000;

    const span = vienna.startOf('day', index + 1).getTime() - vienna.startOf('day', index).getTime();

    expect(span / 3_600_000).toBe(hours);
  });
});

test('weeks begin on Monday', () => {
  const utc = new Calendar('UTC');
  const sunday = utc.indexOf('week', new Date('2026-11-22T23:59:59Z'));

  expect(utc.indexOf('week', new Date('2026-11-23T00:00:00Z'))).toBe(sunday + 1);
  expect(utc.startOf('week', sunday + 1).toISOString()).toBe('2026-11-23T00:00:00.000Z');
});

test('a zone that does not exist is refused by name', () => {
  expect(() => new Calendar('Mars/Base')).toThrow('time zone "Mars/Base" does not exist');
});
