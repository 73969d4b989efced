import { describe, expect, test } from 'vitest';
import * as fc from 'fast-check';
import {
  keysUntil,
  leasePolicyFor,
  leaseUntilFor,
  lockDates,
  previewRetention,
  type PackId,
  type ResourceKey,
} from '@holdfast/engine';
import { retentionClasses, retentionClassOf, RetentionRules, safety } from '@holdfast/engine/model';
import { pointRow } from '@holdfast/engine/testing';
import { parseDeploymentConfig } from '../../lib/deployment-config.ts';
import { lockCaps } from '../../lib/lock-caps.ts';

const capsOf = (...retentions: Parameters<typeof lockCaps>[0][number]['retention'][]) =>
  lockCaps(retentions.map((retention) => ({ retention })));

const now = new Date('2026-11-23T04:05:06Z');
const resource = '0123456789abcdef0123456789abcdef' as ResourceKey;
const packId = 'fedcba9876543210fedcba9876543210' as PackId;
const daysUntil = (date: Date): number => (date.getTime() - now.getTime()) / 86_400_000;

describe('the cap of a class', () => {
  test('is the longest retention of its plans, slack, a generation and a margin', () => {
    expect(capsOf({ keepDays: 60 }, { keepDays: 90 }).byClass.standard).toBe(90 + 3 + 30 + 2);
  });

  test('leaves room to prolong held points by two generations, however little the plans keep', () => {
    expect(capsOf({ keepDays: 1 })).toEqual({
      byClass: { short: 65, standard: 65, long: 65 },
      audit: 402,
      longest: 65,
    });
  });

  test('does not follow calendar rules, but that of what is not a pack does', () => {
    const { byClass, longest } = capsOf({ keepDays: 7, weekly: 8, yearly: 7 });

    expect(byClass.short).toBe(65);
    expect(longest).toBe(8 * 366 + 35);
  });

  test('does not grow with plans of longer classes, as these do not lease its packs', () => {
    const { byClass, longest } = capsOf({ keepDays: 7 }, { keepDays: 3650 });

    expect(byClass.short).toBe(65);
    expect(byClass.long).toBe(3650 + 35);
    expect(longest).toBe(3650 + 35);
  });

  test('is at least that of shorter classes, whose runs may share its packs', () => {
    expect(capsOf({ keepDays: 90 })).toMatchObject({ byClass: { short: 65, standard: 125, long: 125 } });
  });

  test('of what is not a pack covers every date that any rule can give', () => {
    const others = new Set(['minimumPoints', 'timeZone', 'containerAfterDays', 'archiveClass']);
    const rule = fc.constantFrom(...Object.keys(RetentionRules.shape).filter((name) => !others.has(name)));
    const timeZone = fc.constantFrom('UTC', 'Europe/Vienna', 'Pacific/Apia', 'America/St_Johns');
    const committedAt = fc.date({
      min: new Date('2026-01-01T00:00:00Z'),
      max: new Date('2033-01-01T00:00:00Z'),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(rule, fc.integer({ min: 2, max: 100 }), committedAt, timeZone, (name, count, at, zone) => {
        const file = { keepDays: 1, minimumPoints: 0, [name]: count };
        const rules = RetentionRules.parse({ ...file, timeZone: zone });
        const point = pointRow(0, { sourceTime: at, committedAt: at, expiresAt: at });
        const [kept] = previewRetention([point], rules, rules, at);
        const { plans } = parseDeploymentConfig({
          deployment: { plans: [{ name: 'p', schedules: { full: 'rate(1 day)' }, retention: file }] },
        });
        expect(((kept?.until.getTime() ?? 0) - at.getTime()) / 86_400_000).toBeLessThan(
          lockCaps(plans).longest,
        );
      }),
    );
  });

  test('is known for every class of the engine', () => {
    expect(Object.keys(capsOf({ keepDays: 30 }).byClass)).toEqual([...retentionClasses]);
    for (const keepDays of [14, 15, 100, 101]) {
      const { byClass } = capsOf({ keepDays: keepDays + 1000 }, { keepDays });
      expect(byClass[retentionClassOf(keepDays)]).toBeGreaterThan(keepDays);
    }
  });

  test('leaves room for the locks of the audit log', () => {
    expect(capsOf({ keepDays: 30 }).audit).toBeGreaterThan(safety.auditKeepDays);
  });

  test('lets every plan lease what its runs ask for', () => {
    const retention = fc.record({ keepDays: fc.integer({ min: 1, max: 5000 }) });
    fc.assert(
      fc.property(fc.array(retention, { minLength: 1, maxLength: 6 }), (retentions) => {
        const { byClass, longest } = capsOf(...retentions);
        for (const { keepDays } of retentions) {
          const policy = leasePolicyFor(keepDays);
          const run = leaseUntilFor(now, keepDays, policy);
          const pack = lockDates(run, policy, resource)({ packId, kind: 'chunks' });
          expect(byClass[retentionClassOf(keepDays)]).toBeGreaterThanOrEqual(daysUntil(pack) + 1);
          expect(longest).toBeGreaterThanOrEqual(daysUntil(keysUntil(run, policy).until) + 1);
        }
      }),
    );
  });
});
