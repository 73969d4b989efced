import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CallCounts } from '../../src/rates/call-counts.ts';
import { giveCalls } from '../../src/rates/give-calls.ts';

const asker = fc.record({
  wanted: fc.integer({ min: 1, max: 900 }),
  snapshot: fc.constantFrom('snap-1', 'snap-2', 'snap-3'),
  /** Seconds in which it asks. */
  seconds: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
  place: fc.integer(),
});
type Asker = typeof asker extends fc.Arbitrary<infer One> ? One : never;

const limits = fc.record({
  account: fc.integer({ min: 40, max: 4000 }),
  snapshot: fc.integer({ min: 40, max: 1000 }),
});

/** Lets each ask in its seconds, in an order of its own in each. @returns what each was given, by second. */
function play(askers: readonly Asker[], rates: { readonly account: number; readonly snapshot: number }) {
  let counts: CallCounts | undefined;
  const given = askers.map(() => new Map<number, number>());
  for (let second = 1; second <= 6; second += 1) {
    const order = askers
      .map((one, index) => ({ ...one, index }))
      .filter(({ seconds }) => seconds.includes(second))
      .sort((a, b) => ((a.place * second) % 97) - ((b.place * second) % 97));
    for (const { index, wanted, snapshot, seconds } of order) {
      const wantedBefore = seconds.includes(second - 1) ? wanted : 0;
      const step = giveCalls(counts, { second, snapshot, wanted, wantedBefore }, rates);
      counts = step.counts;
      given[index]!.set(second, step.calls);
    }
  }
  return given;
}

test('gives no more calls of a second than the account and each snapshot may make, and nobody more than was wanted', () => {
  fc.assert(
    fc.property(fc.array(asker, { minLength: 1, maxLength: 30 }), limits, (askers, rates) => {
      const given = play(askers, rates);

      for (let second = 1; second <= 6; second += 1) {
        const of = (snapshot?: string): number =>
          given
            .filter((_, index) => snapshot === undefined || askers[index]!.snapshot === snapshot)
            .reduce((sum, one) => sum + (one.get(second) ?? 0), 0);
        expect(of()).toBeLessThanOrEqual(rates.account);
        for (const name of ['snap-1', 'snap-2', 'snap-3'])
          expect(of(name)).toBeLessThanOrEqual(rates.snapshot);
      }
      for (const [index, one] of given.entries())
        for (const calls of one.values()) expect(calls).toBeLessThanOrEqual(askers[index]!.wanted);
    }),
  );
});

test('gives calls to whoever asked for the second before, whoever comes between', () => {
  fc.assert(
    fc.property(fc.array(asker, { minLength: 1, maxLength: 30 }), limits, (askers, rates) => {
      const given = play(askers, rates);

      for (const [index, { seconds }] of askers.entries())
        for (const second of seconds)
          if (seconds.includes(second - 1)) expect(given[index]!.get(second)).toBeGreaterThan(0);
    }),
  );
});

test('gives all that there is when more is wanted', () => {
  const askers = Array.from({ length: 10 }, (_, place) => ({
    wanted: 200,
    snapshot: 'snap-1' as const,
    seconds: [1, 2, 3],
    place,
  }));

  const given = play(askers, { account: 800, snapshot: 1000 });

  for (const second of [2, 3]) {
    const calls = given.map((one) => one.get(second) ?? 0);
    expect(calls.reduce((sum, one) => sum + one, 0)).toBe(800);
    expect(Math.min(...calls)).toBeGreaterThanOrEqual(79);
  }
});

test('gives nothing of a second that is over', () => {
  const ask = { snapshot: 'snap-1', wanted: 10, wantedBefore: 0 };
  const { counts } = giveCalls(undefined, { ...ask, second: 9 }, { account: 100, snapshot: 100 });

  expect(giveCalls(counts, { ...ask, second: 8 }, { account: 100, snapshot: 100 })).toEqual({
    counts,
    calls: 0,
  });
});

test('does not believe a clock that is more than a minute ahead', () => {
  const ask = { snapshot: 'snap-1', wanted: 10, wantedBefore: 0 };
  const { counts } = giveCalls(undefined, { ...ask, second: 5000 }, { account: 100, snapshot: 100 });

  expect(giveCalls(counts, { ...ask, second: 8 }, { account: 100, snapshot: 100 }).calls).toBe(10);
});
