import { expect, test } from 'vitest';
import type { PointId, ResourceArn, RunId } from '../../src/ids.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { compareQuote } from '../../src/quote/compare-quote.ts';

const quote = {
  quotedAt: '2026-11-20T00:00:00.000Z',
  logicalBytes: 10_000,
  storedBytes: { value: 1_000, low: 900, high: 1_100 },
  changedPerDay: 0.01,
};

function pointOf(name: string, at: string, row: Partial<PointRow>, newBytes: number, storedBytes: number) {
  const time = new Date(at);
  return {
    pointId: name as PointId,
    resourceArn: 'arn:aws:s3:::photos' as ResourceArn,
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    chainPointId: 'first' as PointId,
    runId: 'run' as RunId,
    sourceTime: time,
    committedAt: time,
    expiresAt: time,
    retentionClass: 'standard',
    counts: {
      files: 3,
      filesChanged: 3,
      filesRemoved: 0,
      logicalBytes: 10_000,
      readBytes: 10_000,
      newBytes,
      storedBytes,
    },
    warnings: 0,
    seconds: 1,
    rootName: '',
    rootVersionId: '',
    ...row,
  } satisfies PointRow;
}

const first = pointOf('first', '2026-11-21T00:00:00Z', {}, 10_000, 1_200);

test('compares the first full after the quote, and not what was there before or came later', () => {
  const before = pointOf('before', '2026-11-19T00:00:00Z', {}, 10_000, 5_000);
  const later = pointOf('later', '2026-11-28T00:00:00Z', {}, 0, 10);

  expect(compareQuote(quote, [later, first, before])).toEqual({
    first: {
      pointId: 'first',
      quotedBytes: 1_000,
      storedBytes: 1_200,
      share: expect.closeTo(0.2, 9),
      isWithin: false,
    },
  });
});

test('takes a point for one after the quote although the store’s clock is a little behind', () => {
  const behind = pointOf('behind', '2026-11-19T23:59:59Z', {}, 10_000, 1_000);

  expect(compareQuote(quote, [behind]).first?.pointId).toBe('behind');
});

test('says that a point between the ends of the quote is as it was quoted', () => {
  const within = pointOf('first', '2026-11-21T00:00:00Z', {}, 10_000, 950);

  expect(compareQuote(quote, [within]).first).toMatchObject({
    isWithin: true,
    share: expect.closeTo(-0.05, 9),
  });
});

test('compares the change of every later backup with the assumed one, by days', () => {
  const base = { type: 'incremental', basePointId: 'first' as PointId } as const;
  const twoDays = pointOf('second', '2026-11-23T00:00:00Z', base, 975, 300);

  const { changedPerDay } = compareQuote(quote, [twoDays, first]);

  expect(changedPerDay).toMatchObject({ quoted: 0.01, pointId: 'second' });
  expect(changedPerDay?.seen).toBeCloseTo(0.05, 9);
});

test('says nothing before there is a point', () => {
  expect(compareQuote(quote, [])).toEqual({});
});
