import { beforeEach, describe, expect, test } from 'vitest';
import type { CallCounts, CallRates } from '../ports/call-rates.ts';

export interface CallRatesContractOptions {
  readonly name: string;
  /** Counts of which there are none yet, made anew for every test. */
  readonly make: () => Promise<CallRates>;
}

const count = { asked: 64, askers: 1, askedBefore: 0, askersBefore: 0, given: 64, claimed: 0 };

function countsOf(second: number): CallCounts {
  return { second, account: count, snapshots: { 'snap-1': count } };
}

/** Sentences of the {@link CallRates} port, as tests. */
export function callRatesContract({ name, make }: CallRatesContractOptions): void {
  describe(`${name} as counts of calls`, () => {
    let rates: CallRates;
    beforeEach(async () => {
      rates = await make();
    });

    test('keeps the counts of each kind of call', async () => {
      expect(await rates.find('read-block')).toBeUndefined();

      expect(await rates.replace('read-block', undefined, countsOf(7))).toBe('replaced');

      expect((await rates.find('read-block'))?.counts).toEqual(countsOf(7));
      expect(await rates.find('write-block')).toBeUndefined();
    });

    test('lets one of those replace counts who read the same', async () => {
      const first = await Promise.all(
        [7, 8, 9].map((at) => rates.replace('read-block', undefined, countsOf(at))),
      );
      const { version } = (await rates.find('read-block'))!;
      const second = await Promise.all(
        [1, 2, 3].map((at) => rates.replace('read-block', version, countsOf(at))),
      );

      expect(first.toSorted()).toEqual(['changed', 'changed', 'replaced']);
      expect(second.toSorted()).toEqual(['changed', 'changed', 'replaced']);
      const kept = (await rates.find('read-block'))?.counts.second;
      expect(kept).toBe(1 + second.indexOf('replaced'));
    });
  });
}
