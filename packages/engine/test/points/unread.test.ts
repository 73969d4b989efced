import { describe, expect, test } from 'vitest';
import { SourceEntryError } from '../../src/errors.ts';
import { isDegraded, newestClean, unreadOf, warningOf } from '../../src/points/unread.ts';
import { pointRow } from '../../src/testing/catalog-rows.ts';

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

test('the newest clean point is neither degraded nor about to go', () => {
  const points = [
    pointRow(1),
    pointRow(2),
    pointRow(3, { expiring: true }),
    pointRow(4, { unread: { carried: 0, missing: 1 } }),
  ];

  expect(newestClean(points)).toBe(points[1]);
  expect(newestClean(points.slice(2))).toBeUndefined();
});

test('what is left out by design is noted with a reason that every reader of the format knows', () => {
  const error = new SourceEntryError('left-out', 'socket', 'is a socket and is not backed up');

  expect(warningOf(error, error.path)).toEqual({
    path: 'socket',
    reason: 'unreadable',
    message: '"socket" is a socket and is not backed up',
  });
});
