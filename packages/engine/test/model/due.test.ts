import { describe, expect, test } from 'vitest';
import { defaultImageSettings } from '../../src/model/image-settings.ts';
import type { Plan } from '../../src/model/plan.ts';
import { isDueAt, widestDue } from '../../src/model/due.ts';
import { RetentionRules } from '../../src/model/retention-rules.ts';

const vienna = 'Europe/Vienna';

describe('isDueAt', () => {
  test('reads cron in the time zone of the schedule', () => {
    const schedule = { expression: 'cron(0 2 * * ? *)', timeZone: vienna };

    expect(isDueAt(schedule, new Date('2026-11-23T01:00:00Z'))).toBe(true);
    expect(isDueAt(schedule, new Date('2026-11-23T02:00:00Z'))).toBe(false);
    expect(isDueAt(schedule, new Date('2026-07-01T00:00:00Z'))).toBe(true);
  });

  test('counts weekdays from Sunday as EventBridge does', () => {
    const schedule = { expression: 'cron(0 2 ? * 1 *)', timeZone: 'UTC' };

    expect(isDueAt(schedule, new Date('2026-11-22T02:00:00Z'))).toBe(true);
    expect(isDueAt(schedule, new Date('2026-11-23T02:00:00Z'))).toBe(false);
  });

  test('reads steps from a number, last days and years', () => {
    expect(
      isDueAt({ expression: 'cron(0/15 * * * ? 2026)', timeZone: 'UTC' }, new Date('2026-11-23T05:45:30Z')),
    ).toBe(true);
    expect(
      isDueAt({ expression: 'cron(0/15 * * * ? 2025)', timeZone: 'UTC' }, new Date('2026-11-23T05:45:30Z')),
    ).toBe(false);
    expect(
      isDueAt({ expression: 'cron(0 2 L * ? *)', timeZone: 'UTC' }, new Date('2026-11-30T02:00:00Z')),
    ).toBe(true);
  });

  test('takes L for the last day of the week, as EventBridge does', () => {
    const schedule = { expression: 'cron(0 2 ? * L *)', timeZone: 'UTC' };

    expect(isDueAt(schedule, new Date('2026-11-28T02:00:00Z'))).toBe(true);
    expect(isDueAt(schedule, new Date('2026-11-29T02:00:00Z'))).toBe(false);
  });

  test('reads the clock of the zone on both sides of a change of it', () => {
    const schedule = { expression: 'cron(30 2 * * ? *)', timeZone: vienna };

    expect(isDueAt(schedule, new Date('2027-10-31T00:30:00Z'))).toBe(true);
    expect(isDueAt(schedule, new Date('2027-10-31T01:30:00Z'))).toBe(true);
    expect(isDueAt(schedule, new Date('2027-11-01T01:30:00Z'))).toBe(true);
    expect(isDueAt(schedule, new Date('2027-03-28T01:30:00Z'))).toBe(false);
  });

  test('cannot tell when a rate fires', () => {
    expect(isDueAt({ expression: 'rate(1 minute)', timeZone: 'UTC' }, new Date('2026-11-23T05:45:00Z'))).toBe(
      false,
    );
  });
});

describe('widestDue', () => {
  const plan: Plan = {
    name: 'daily',
    schedules: {
      full: { expression: 'cron(0 2 1 * ? *)', timeZone: 'UTC' },
      differential: { expression: 'cron(0 2 ? * SUN *)', timeZone: 'UTC' },
      incremental: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' },
      'synthetic-full': { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' },
    },
    retention: RetentionRules.parse({ keepDays: 35 }),
    rpoHours: 26,
    readTags: true,
    prefixes: [],
    compression: 'default',
    images: defaultImageSettings,
    shard: { files: 10_000, bytes: 2 ** 30 },
  };

  test('lets the type that reads most take the place of the others of that minute', () => {
    expect(widestDue(plan, 'incremental', new Date('2026-11-23T02:00:00Z'))).toBe('incremental');
    expect(widestDue(plan, 'incremental', new Date('2026-11-22T02:00:00Z'))).toBe('differential');
    expect(widestDue(plan, 'incremental', new Date('2026-11-01T02:00:00Z'))).toBe('full');
    expect(widestDue(plan, 'differential', new Date('2026-11-01T02:00:00Z'))).toBe('full');
  });

  test('never replaces a synthetic full, nor a full', () => {
    expect(widestDue(plan, 'synthetic-full', new Date('2026-11-01T02:00:00Z'))).toBe('synthetic-full');
    expect(widestDue(plan, 'full', new Date('2026-11-01T02:00:00Z'))).toBe('full');
  });
});
