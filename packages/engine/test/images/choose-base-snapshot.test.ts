import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseBaseSnapshot } from '../../src/images/choose-base-snapshot.ts';

const tebibyte = 2 ** 40;

const keeps = (runsAMonth: number): boolean =>
  chooseBaseSnapshot('cheapest', { usedBytes: tebibyte, changedShare: 0.01, runsAMonth }).keeps;

test('reads all blocks again for few runs a month, and keeps a snapshot for many', () => {
  expect([1, 4, 7].map(keeps)).toEqual([false, false, false]);
  expect([9, 30].map(keeps)).toEqual([true, true]);
});

test('prices a month of a tebibyte as AWS bills it', () => {
  const use = { usedBytes: tebibyte, changedShare: 0, runsAMonth: 1 };

  const { keepDollars, reReadDollars } = chooseBaseSnapshot('cheapest', use);

  // 1,024 GiB at $0.05; 2,097,152 blocks at $0.003 for a thousand, their lists, and 7.6 hours of a worker.
  expect(keepDollars).toBeCloseTo(51.2, 2);
  expect(reReadDollars).toBeCloseTo(6.29 + 0.0001 + 0.63, 1);
});

test('lets the size of an image decide nothing', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 2 ** 33, max: 2 ** 46 }),
      (changedShare, runsAMonth, usedBytes) => {
        const [one, other] = [usedBytes, tebibyte].map((bytes) =>
          chooseBaseSnapshot('cheapest', { usedBytes: bytes, changedShare, runsAMonth }),
        );
        const margin = Math.abs(one!.keepDollars / one!.reReadDollars - 1);

        if (margin > 0.001) expect(one!.keeps).toBe(other!.keeps);
      },
    ),
  );
});

test('does what the plan says where it says so, and keeps nothing for fulls alone', () => {
  const use = { usedBytes: tebibyte, changedShare: 0.01, runsAMonth: 30 };

  expect(chooseBaseSnapshot('re-read', use)).toMatchObject({ keeps: false });
  expect(chooseBaseSnapshot('keep', { ...use, runsAMonth: 1 })).toMatchObject({ keeps: true });
  expect(chooseBaseSnapshot('keep', { ...use, runsAMonth: 0 })).toMatchObject({ keeps: false });
});
