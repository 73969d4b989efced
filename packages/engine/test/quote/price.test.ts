import { describe, expect, test } from 'vitest';
import { defaultImageSettings, type Plan, RetentionRules } from '../../src/model/index.ts';
import type { SourceEstimate } from '../../src/quote/estimate-source.ts';
import { priceFirstCopy } from '../../src/quote/price-copy.ts';
import { priceMonths, priceImage } from '../../src/quote/price-retention.ts';
import { simulateRetention } from '../../src/quote/simulate-retention.ts';

const gibibyte = 2 ** 30;
const now = new Date('2026-11-29T12:00:00Z');

function planOf(retention: object, schedules: Plan['schedules']): Plan {
  return {
    name: 'p',
    schedules,
    retention: RetentionRules.parse(retention),
    rpoHours: 30,
    readTags: false,
    compression: 'default',
    images: defaultImageSettings,
    prefixes: [],
    shard: { files: 10_000, bytes: 2 ** 30 },
  };
}

const daily = { full: { expression: 'cron(0 2 * * ? *)', timeZone: 'UTC' } };
const incremental = { incremental: daily.full };

/** A bucket of 1,000 objects of 100 MiB, half of which compresses away. */
const bucket: SourceEstimate = {
  listed: { files: 1_000, bytes: 100_000 * 2 ** 20 },
  classes: { STANDARD: { files: 1_000, bytes: 100_000 * 2 ** 20 } },
  frozen: { files: 0, bytes: 0 },
  awsBackupBytes: 100_000 * 2 ** 20,
  storedBytes: { value: 50 * gibibyte, low: 49 * gibibyte, high: 51 * gibibyte },
  repeatedBytes: 0,
  knownBytes: 0,
  chunks: 80_000,
  sample: { units: 100, bytes: 8e8, unread: 0, askedIndex: false, isWhole: false },
  asked: { requests: 101, dollars: 0.000_05, transferDollars: 0.07 },
};

describe('the first copy', () => {
  test('is paid for listing, reading, storing and workers', () => {
    const { requests, dollars, parts } = priceFirstCopy(bucket);

    // Two lists of 1,000 keys, 1,000 objects, and 1,600 packs of 32 MiB.
    expect(requests).toBe(2 + 1_000 + 97 + 1_600);
    expect(parts.listing).toBeCloseTo(2 * 0.000_005, 9);
    expect(parts.reading).toBeCloseTo(1_097 * 0.000_000_4, 9);
    expect(parts.retrieval).toBe(0);
    expect(parts.storing).toBeCloseTo(
      1_600 * (0.000_005 + 5 * 0.000_000_625) + 80_000 * (0.000_000_625 + 0.000_000_125),
      6,
    );
    expect(dollars).toBeCloseTo(
      Object.values(parts).reduce((sum, part) => sum + part, 0),
      9,
    );
  });

  test('of infrequently used objects costs what S3 asks for reading them', () => {
    const infrequent = { ...bucket, classes: { STANDARD_IA: bucket.listed } };

    expect(priceFirstCopy(infrequent).parts.retrieval).toBeCloseTo((100_000 / 1_024) * 0.01, 6);
  });

  test('leaves out what has to be thawed', () => {
    const frozen = { files: 400, bytes: 40_000 * 2 ** 20 };
    const classes = { STANDARD: { files: 600, bytes: 60_000 * 2 ** 20 }, DEEP_ARCHIVE: frozen };

    const { parts } = priceFirstCopy({ ...bucket, classes, frozen });

    expect(parts.retrieval).toBe(0);
    expect(parts.reading).toBeCloseTo((600 + 58) * 0.000_000_4, 9);
  });
});

describe('what a plan keeps', () => {
  test('is what its schedules make and its rules keep, by the calendar', () => {
    const plan = planOf({ keepDays: 7, weekly: 4 }, daily);

    const points = simulateRetention(plan, 's3-bucket', now, 60);

    expect(points.slice(0, 7).map(({ ageDays }) => Math.round(ageDays * 10) / 10)).toEqual([
      0.4, 1.4, 2.4, 3.4, 4.4, 5.4, 6.4,
    ]);
    // The first points of this week and the four before it, which begin on Mondays; the newest is among the seven.
    expect(points.length).toBe(7 + 4);
    const gaps = points.slice(8).map(({ ageDays }, at) => ageDays - (points[at + 7]?.ageDays ?? 0));
    for (const gap of gaps) expect(gap).toBeCloseTo(7, 5);
  });

  test('of files beyond its days goes into containers, in the archive class', () => {
    const plan = planOf({ keepDays: 30, monthly: 12 }, daily);

    const points = simulateRetention(plan, 's3-bucket', now, 500);

    expect(points.filter(({ container }) => container === 'archive').length).toBeGreaterThanOrEqual(12);
    expect(points.filter(({ isShared }) => isShared)).toHaveLength(30);
    const images = simulateRetention(plan, 'ebs-volume', now, 500);
    expect(images.every(({ container, isShared }) => container === undefined && isShared)).toBe(true);
  });
});

describe('a month', () => {
  const options = { kind: 's3-bucket', now } as const;

  test('costs the storage of one copy where nothing changes, and half as much as uncompressed copies elsewhere', () => {
    const plan = planOf({ keepDays: 30 }, incremental);

    const month = priceMonths(bucket, { ...options, plan, changedPerDay: 0 }).at(-1);

    expect(month).toMatchObject({ points: 30, containers: 0, storedBytes: 50 * gibibyte });
    expect(month?.parts.packs).toBeCloseTo(50 * 0.023, 6);
    expect(month?.awsBackupDollars).toBeCloseTo((100_000 / 1_024) * 0.05, 6);
    expect(month?.ebsSnapshotsDollars).toBeCloseTo((100_000 / 1_024) * 0.05, 6);
  });

  test('costs more for every day’s change that is kept, with what packs hold beyond it', () => {
    const plan = planOf({ keepDays: 30 }, incremental);

    const month = priceMonths(bucket, { ...options, plan, changedPerDay: 0.01 }).at(-1);

    // Thirty points, a day apart: one copy, and 29 times 1 %.
    expect(month?.storedBytes).toBeCloseTo(50 * gibibyte * 1.29 * 1.55, -3);
    expect(month?.ebsSnapshotsDollars).toBeCloseTo((100_000 / 1_024) * 1.29 * 0.05, 4);
  });

  test('costs a whole copy for every container, in the price of its class', () => {
    const plan = planOf({ keepDays: 30, yearly: 7 }, incremental);

    const months = priceMonths(bucket, { ...options, plan, changedPerDay: 0 });
    const last = months.at(-1);

    expect(months.map(({ afterDays }) => afterDays)).toEqual([30, 365, 8 * 366 + 1]);
    expect(last?.containers).toBeGreaterThanOrEqual(7);
    expect(last?.parts.containers).toBeCloseTo((last?.containers ?? 0) * 50 * 0.004, 6);
  });

  test('of an infrequently used bucket with a full a day is dearer than with incrementals, for its retrieval', () => {
    const infrequent = { ...bucket, classes: { STANDARD_IA: bucket.listed } };
    const price = (schedules: Plan['schedules']): number =>
      priceMonths(infrequent, {
        ...options,
        plan: planOf({ keepDays: 30 }, schedules),
        changedPerDay: 0.01,
      })[0]?.parts.runs ?? 0;

    expect(price(daily) - price(incremental)).toBeGreaterThan(29 * (100_000 / 1_024) * 0.01);
  });

  test('of an image is a month of its blocks in the vault, or of its snapshots if they stay there', () => {
    const plan = planOf({ keepDays: 14 }, daily);
    const asked = { kind: 'ebs-volume', now, changedPerDay: 0.01 } as const;
    const ofSnapshots = { ...plan, images: { ...plan.images, blocks: 'none' as const } };

    const [month] = priceImage(100 * gibibyte, { plan, ...asked });
    const [left] = priceImage(100 * gibibyte, { plan: ofSnapshots, ...asked });

    expect(month).toMatchObject({ afterDays: 15, points: 14 });
    expect(month?.dollars).toBeCloseTo(100 * 1.13 * 0.023, 6);
    expect(month?.awsBackupDollars).toBeCloseTo(100 * 1.13 * 0.05, 6);
    expect(left?.dollars).toBe(month?.awsBackupDollars);
  });
});
