import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HoldId, PointId } from '../../src/ids.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { planRetention, type RetentionReason } from '../../src/retention/plan-retention.ts';
import { RetentionRules } from '../../src/model/retention-rules.ts';
import { pointRow } from '../../src/testing/catalog/rows.ts';

const dayMs = 86_400_000;

function rulesOf(rules: Partial<RetentionRules>): RetentionRules {
  return RetentionRules.parse({ keepDays: 7, minimumPoints: 0, ...rules });
}

/** A point of a time, committed ten minutes later. */
function pointAt(iso: string, change: Partial<PointRow> = {}): PointRow {
  const sourceTime = new Date(iso);
  const pointId = `${sourceTime.toISOString().replaceAll(/[-:]|\.\d+/g, '')}-0000000000000000` as PointId;
  const committedAt = new Date(sourceTime.getTime() + 600_000);
  return { ...pointRow(0), pointId, sourceTime, committedAt, ...change };
}

/** A point on each of some days in a row, at two in the morning. */
function daily(from: string, days: number): PointRow[] {
  const first = Date.parse(`${from}T02:00:00Z`);
  return Array.from({ length: days }, (_, day) => pointAt(new Date(first + day * dayMs).toISOString()));
}

/** The dates of the points that a rule keeps at a time. */
function keptBy(
  reason: RetentionReason,
  points: readonly PointRow[],
  rules: RetentionRules,
  now: string,
): string[] {
  return planRetention(points, rules, new Date(now))
    .filter(({ reasons }) => reasons.includes(reason))
    .map(({ point }) => point.sourceTime.toISOString().slice(0, 10))
    .toSorted();
}

describe('keeps points', () => {
  test('for the days of the plan after their commit, whatever else', () => {
    const [decision] = planRetention([pointAt('2026-01-01T02:00:00Z')], rulesOf({}), new Date('2026-01-02'));

    expect(decision?.keepUntil.toISOString()).toBe('2026-01-08T02:10:00.000Z');
    expect(decision?.reasons).toEqual(['days']);
  });

  test('of the first of each week, month and year, so many back', () => {
    const points = daily('2025-11-01', 400);
    const rules = rulesOf({ weekly: 3, monthly: 2, yearly: 1 });
    const now = '2026-12-05T12:00:00Z';

    // 2026-11-30 is the Monday of the week that has begun.
    expect(keptBy('weekly', points, rules, now)).toEqual([
      '2026-11-09',
      '2026-11-16',
      '2026-11-23',
      '2026-11-30',
    ]);
    expect(keptBy('monthly', points, rules, now)).toEqual(['2026-10-01', '2026-11-01', '2026-12-01']);
    expect(keptBy('yearly', points, rules, now)).toEqual(['2025-11-01', '2026-01-01']);
  });

  test('of days as the time zone of the plan has them', () => {
    const points = [pointAt('2026-06-01T21:59:00Z'), pointAt('2026-06-01T22:30:00Z')];
    const ask = (timeZone: string): number =>
      planRetention(points, rulesOf({ daily: 3, timeZone }), new Date('2026-06-02T00:00:00Z')).filter(
        ({ reasons }) => reasons.includes('daily'),
      ).length;

    expect(ask('UTC')).toBe(1);
    expect(ask('Europe/Vienna')).toBe(2);
  });

  test('that are the newest, although their source stopped years ago', () => {
    const decisions = planRetention(
      daily('2020-01-01', 10),
      rulesOf({ minimumPoints: 3 }),
      new Date('2026-01-01'),
    );

    expect(decisions.map(({ reasons }) => reasons)).toEqual([
      ...Array.from({ length: 3 }, () => ['minimum']),
      ...Array.from({ length: 7 }, () => []),
    ]);
    expect(decisions[0]?.keepUntil).toEqual(new Date('2026-01-08'));
  });

  test('that somebody holds', () => {
    const held = pointAt('2020-01-01T02:00:00Z', { holds: ['h1' as HoldId] });

    expect(planRetention([held], rulesOf({}), new Date('2026-01-01'))[0]?.reasons).toEqual(['hold']);
  });
});

describe('asks for a container', () => {
  const now = new Date('2026-01-02');

  test('where the calendar keeps a point longer than packs should be shared', () => {
    const [decision] = planRetention([pointAt('2026-01-01T02:00:00Z')], rulesOf({ monthly: 12 }), now);

    expect(decision?.container).toBe(true);
  });

  test('of an image whose blocks lie in the vault, too', () => {
    const image = pointAt('2026-01-01T02:00:00Z', { resourceKind: 'ec2-instance', hasBlocks: true });

    expect(planRetention([image], rulesOf({ monthly: 12 }), now)[0]?.container).toBe(true);
  });

  test.each<[string, Partial<PointRow>, Partial<RetentionRules>]>([
    ['of an image, which is kept as snapshots', { resourceKind: 'ebs-volume' }, { monthly: 12 }],
    ['of a point that is one', { type: 'synthetic-full' }, { monthly: 12 }],
    ['for some weeks', {}, { weekly: 5 }],
    ['where every point is kept for as long', {}, { keepDays: 400, monthly: 12 }],
    [
      'for a hold or a minimum, which have no end to plan for',
      { holds: ['h' as HoldId] },
      { minimumPoints: 9 },
    ],
  ])('but not %s', (_what, change, rules) => {
    const points = [pointAt('2026-01-01T02:00:00Z', change)];

    expect(planRetention(points, rulesOf(rules), now)[0]?.container).toBe(false);
  });

  describe('that exists already', () => {
    const full = pointAt('2026-01-01T02:00:00Z');
    const container = {
      ...pointAt('2026-01-01T02:00:00Z', { type: 'synthetic-full' }),
      pointId: '20260101T020000Z-ffffffffffffffff' as PointId,
      committedAt: new Date('2026-01-03'),
    };
    const rules = rulesOf({ keepDays: 40, monthly: 12 });

    test('and lets it represent its period in place of what it was made of', () => {
      const decisions = planRetention([container, full], rules, new Date('2026-02-01'));

      expect(decisions.filter(({ reasons }) => reasons.includes('monthly'))).toMatchObject([
        { point: container, container: false },
      ]);
    });

    test('once more where that is damaged, while there is something to make it of', () => {
      const damaged = new Set([container.pointId]);

      const decisions = planRetention([container, full], rules, new Date('2026-02-01'), damaged);

      expect(decisions.filter(({ reasons }) => reasons.includes('monthly'))).toMatchObject([
        { point: full, container: true },
      ]);
    });
  });
});

describe('beside degraded points', () => {
  const degraded = { unread: { carried: 1, missing: 0 } } as const;

  test('keeps as many clean points as the minimum says, and the newest of all', () => {
    const points = daily('2025-01-01', 4);
    const worse = daily('2025-01-05', 5).map((point) => ({ ...point, ...degraded }));
    const rules = rulesOf({ minimumPoints: 2 });

    expect(keptBy('minimum', [...points, ...worse], rules, '2026-01-01')).toEqual([
      '2025-01-03',
      '2025-01-04',
      '2025-01-08',
      '2025-01-09',
    ]);
  });

  test('keeps the first clean point of a period that begins with a degraded one, and both', () => {
    const points = [
      pointAt('2026-01-01T02:00:00Z', degraded),
      pointAt('2026-01-02T02:00:00Z'),
      pointAt('2026-01-03T02:00:00Z'),
    ];

    expect(keptBy('monthly', points, rulesOf({ monthly: 3 }), '2026-03-01')).toEqual([
      '2026-01-01',
      '2026-01-02',
    ]);
  });

  test('keeps the last clean point for as long as any of the degraded ones after it, and no other', () => {
    const [older, last, ...after] = daily('2026-01-01', 40).map((point, day) =>
      day < 2 ? point : { ...point, ...degraded },
    );
    const points = [older, last, ...after].flatMap((point) => point ?? []);

    const decisions = planRetention(points, rulesOf({ daily: 14 }), new Date('2026-02-10'));

    const newest = decisions[0];
    expect(decisions.find(({ point }) => point === last)).toMatchObject({
      keepUntil: newest?.keepUntil,
      reasons: ['clean'],
    });
    expect(decisions.find(({ point }) => point === older)?.reasons).toEqual([]);
  });

  test('treats a point whose row does not say what could not be read by its warnings', () => {
    const points = [pointAt('2026-01-01T02:00:00Z'), pointAt('2026-02-01T02:00:00Z', { warnings: 1 })];

    const [, clean] = planRetention(points, rulesOf({}), new Date('2026-02-02'));

    expect(clean?.reasons).toEqual(['clean']);
  });
});

test('degraded points never shorten what a clean point is kept, nor outlive the last of them', () => {
  const anyRules = fc.record({
    keepDays: fc.integer({ min: 1, max: 20 }),
    daily: fc.integer({ min: 0, max: 20 }),
    weekly: fc.integer({ min: 0, max: 10 }),
    monthly: fc.integer({ min: 0, max: 6 }),
    yearly: fc.integer({ min: 0, max: 2 }),
    minimumPoints: fc.integer({ min: 0, max: 4 }),
  });
  const anyHistory = fc.uniqueArray(fc.record({ hour: fc.nat(400 * 24), isClean: fc.boolean() }), {
    minLength: 1,
    maxLength: 40,
    selector: ({ hour }) => hour,
  });
  const start = Date.parse('2025-12-20T00:00:00Z');
  fc.assert(
    fc.property(anyRules, anyHistory, fc.integer({ min: 0, max: 200 }), (rules, history, laterDays) => {
      const points = history.map(({ hour, isClean }) =>
        pointAt(new Date(start + hour * 3_600_000).toISOString(), {
          unread: { carried: 0, missing: isClean ? 0 : 1 },
        }),
      );
      const clean = points.filter(({ unread }) => unread?.missing === 0);
      const now = new Date(
        Math.max(...points.map(({ committedAt }) => committedAt.getTime())) + laterDays * dayMs,
      );

      const withAll = planRetention(points, rulesOf(rules), now);
      const alone = planRetention(clean, rulesOf(rules), now);

      for (const { point, keepUntil } of alone) {
        const kept = withAll.find((decision) => decision.point === point)?.keepUntil.getTime();
        expect(kept).toBeGreaterThanOrEqual(keepUntil.getTime());
      }
      const last = withAll.findIndex(({ point }) => clean.includes(point));
      for (const later of withAll.slice(0, Math.max(0, last))) {
        if (later.keepUntil > now)
          expect(withAll[last]?.keepUntil.getTime()).toBeGreaterThanOrEqual(later.keepUntil.getTime());
      }
    }),
  );
});

test('a clock that was ahead once takes no later point out of its period', () => {
  const ahead = pointAt('2036-01-01T02:00:00Z');
  // The points after it are ordered behind it, whatever their clock says.
  const later = ['2026-10-01', '2026-10-02', '2026-11-01'].map((day, at) =>
    pointAt(`2036-01-01T02:00:0${at + 1}Z`, { committedAt: new Date(`${day}T02:00:00Z`) }),
  );

  const decisions = planRetention([ahead, ...later], rulesOf({ monthly: 12 }), new Date('2026-11-20'));

  const monthly = decisions.filter(({ reasons }) => reasons.includes('monthly'));
  expect(monthly.map(({ keepUntil }) => keepUntil.toISOString().slice(0, 10))).toEqual([
    '2027-12-01',
    '2027-11-01',
    '2037-02-01',
  ]);
});

test('a point that is being expired neither counts nor represents anything', () => {
  const first = pointAt('2026-01-01T02:00:00Z', { expiring: true });
  const second = pointAt('2026-01-01T08:00:00Z');

  const decisions = planRetention([first, second], rulesOf({ monthly: 3 }), new Date('2026-01-15'));

  expect(decisions.map(({ point, reasons }) => [point, reasons])).toEqual([[second, ['monthly']]]);
});

test('what keeps a point does not let go of it because newer points arrive or time passes, until its date', () => {
  const anyRules = fc.record({
    keepDays: fc.integer({ min: 1, max: 20 }),
    daily: fc.integer({ min: 0, max: 20 }),
    weekly: fc.integer({ min: 0, max: 10 }),
    monthly: fc.integer({ min: 0, max: 6 }),
    yearly: fc.integer({ min: 0, max: 2 }),
    timeZone: fc.constantFrom('UTC', 'Europe/Vienna', 'Asia/Kathmandu'),
  });
  const anyHours = fc.uniqueArray(fc.integer({ min: 0, max: 400 * 24 }), { minLength: 1, maxLength: 60 });
  const start = Date.parse('2025-12-20T00:00:00Z');
  fc.assert(
    fc.property(anyRules, anyHours, fc.integer({ min: 1, max: 100 }), (rules, hours, laterDays) => {
      const all = hours
        .toSorted((a, b) => a - b)
        .map((hour) => pointAt(new Date(start + hour * 3_600_000).toISOString()));
      const some = all.slice(0, Math.ceil(all.length / 2));
      const now = some.at(-1)?.committedAt ?? new Date(start);
      const later = new Date(now.getTime() + laterDays * dayMs);
      const promised = planRetention(some, rulesOf(rules), now).filter(({ keepUntil }) => keepUntil > later);

      const now2 = planRetention(all, rulesOf(rules), later);

      for (const { point, keepUntil } of promised) {
        expect(now2.find((decision) => decision.point === point)?.keepUntil).toEqual(keepUntil);
      }
    }),
  );
});
