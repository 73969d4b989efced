import { describe, expect, test } from 'vitest';
import { SourceEntryError } from '../../src/errors.ts';
import { findCleanPoint } from '../../src/points/kept-point.ts';
import { isDegraded, unreadOf, warningOf } from '../../src/points/unread.ts';
import { at, pointRow } from '../../src/testing/catalog/rows.ts';
import { MemoryCatalog } from '../../src/testing/index.ts';

describe('a root that does not say what could not be read', () => {
  test('counts every warning as an entry that is missing, but for what had vanished', () => {
    const warningList = [{ reason: 'vanished' }, { reason: 'denied' }, { reason: 'changed' }] as const;

    expect(unreadOf({ warnings: 3, warningList })).toEqual({ carried: 0, missing: 2 });
    expect(isDegraded({ warnings: 1, warningList: warningList.slice(0, 1) })).toBe(false);
  });

  test('goes by what it says where it does, whatever its warnings', () => {
    expect(isDegraded({ warnings: 5, unread: { carried: 0, missing: 0 } })).toBe(false);
    expect(isDegraded({ warnings: 0, unread: { carried: 1, missing: 0 } })).toBe(true);
  });
});

test.each([
  { of: 4, clean: 2, why: 'the newest that is not later, which is neither expired nor about to go' },
  { of: 0, clean: 2, why: 'the next one where there is none before it' },
])('the clean point for one of minute $of is $why', async ({ of, clean }) => {
  const catalog = new MemoryCatalog();
  const degraded = { unread: { carried: 0, missing: 1 } };
  for (const point of [
    pointRow(0, degraded),
    pointRow(1, { expiresAt: at(10) }),
    pointRow(2),
    pointRow(3, { expiring: true }),
    pointRow(4, degraded),
    pointRow(5),
  ])
    await catalog.points.put(point);

  expect((await findCleanPoint(catalog, pointRow(of), at(20)))?.pointId).toBe(pointRow(clean).pointId);
});

test('what is left out by design is noted with a reason that every reader of the format knows', () => {
  const error = new SourceEntryError('left-out', 'socket', 'is a socket and is not backed up');

  expect(warningOf(error, error.path)).toEqual({
    path: 'socket',
    reason: 'unreadable',
    message: '"socket" is a socket and is not backed up',
  });
});
