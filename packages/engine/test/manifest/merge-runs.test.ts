import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeRuns } from '../../src/manifest/merge-runs.ts';
import { collect } from './trees.ts';

interface Item {
  readonly key: number;
  readonly sum: string;
}

const byKey = (a: Item, b: Item): number => a.key - b.key;
const joined = (a: Item, b: Item): Item => ({ key: a.key, sum: a.sum + b.sum });

describe('merging sorted runs', () => {
  test('gives every key once, in order, with its items combined in the order of the runs', async () => {
    const run = fc.array(fc.nat(20), { maxLength: 12 }).map((keys) => keys.sort((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(fc.array(run, { maxLength: 40 }), async (keys) => {
        const runs = keys.map((list, at) => list.map((key): Item => ({ key, sum: `${at} ` })));
        const expected = new Map<number, string>();
        for (const { key, sum } of runs.flat()) expected.set(key, (expected.get(key) ?? '') + sum);

        const merged = await collect(mergeRuns<Item>(runs, byKey, joined));

        expect(merged).toEqual([...expected].sort(([a], [b]) => a - b).map(([key, sum]) => ({ key, sum })));
      }),
      { seed: 70, numRuns: 300 },
    );
  });

  test('closes every run when the reader stops early or a run fails', async () => {
    let open = 0;
    async function* run(from: number, failAt: number): AsyncGenerator<Item> {
      open++;
      try {
        for (let key = from; key < from + 10; key++) {
          if (key === failAt) throw new RangeError('torn');
          yield { key, sum: '' };
        }
      } finally {
        open--;
      }
    }

    for await (const { key } of mergeRuns([run(0, -1), run(1, -1)], byKey, joined)) if (key === 3) break;
    const afterBreak = open;
    const failing = collect(mergeRuns([run(0, -1), run(1, 5)], byKey, joined));

    await expect(failing).rejects.toThrow('torn');
    expect([afterBreak, open]).toEqual([0, 0]);
  });

  test('holds one item a run', async () => {
    let taken = 0;
    function* run(): Generator<Item> {
      for (let key = 0; key < 1000; key++) {
        taken++;
        yield { key, sum: '' };
      }
    }

    const merged = mergeRuns([run(), run(), run()], byKey, joined);
    await merged.next();

    expect(taken).toBe(6);
  });
});
