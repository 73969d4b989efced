import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, equalBytes } from '../../src/bytes.ts';
import { cutShard, type CutShard } from '../../src/protect/cut-shard.ts';
import { keysOf, stretchBytes, type ShardLimits } from '../../src/protect/shards.ts';
import type { PathRange } from '../../src/ports/file-source.ts';
import { FakeClock } from '../../src/testing/index.ts';
import { PatternSource } from './pattern-source.ts';

function sourceOf(sizes: readonly number[]): PatternSource {
  const source = new PatternSource(new FakeClock());
  for (const [at, size] of sizes.entries()) source.write(`f${String(at).padStart(3, '0')}`, 1, size);
  return source;
}

async function cutAll(source: Parameters<typeof cutShard>[0], limits: ShardLimits): Promise<CutShard[]> {
  const cuts: CutShard[] = [];
  let range: PathRange | undefined = {};
  while (range !== undefined) {
    const cut: CutShard = await cutShard(source, range, limits);
    cuts.push(cut);
    range = cut.rest;
  }
  return cuts;
}

const namesOf = ({ listed }: CutShard): string[] =>
  listed.map(({ path }) => Buffer.from(path).toString('utf8'));

test('cuts a range where a shard is full, by files or by bytes', async () => {
  const byFiles = await cutAll(sourceOf([1, 1, 1, 1, 1]), { files: 2, bytes: 100 });
  const byBytes = await cutAll(sourceOf([60, 30, 20, 500, 1]), { files: 10, bytes: 100 });

  expect(byFiles.map(namesOf)).toEqual([['f000', 'f001'], ['f002', 'f003'], ['f004']]);
  expect(byBytes.map(namesOf)).toEqual([['f000', 'f001'], ['f002'], ['f003'], ['f004']]);
  expect(byBytes.map(({ shard }) => shard.bytes)).toEqual([90, 20, 500, 1]);
});

test('cuts a listing that comes at once where it cuts one that comes bit by bit', async () => {
  const sizes = [1, 2, stretchBytes + 1, 3, 60, 30, 1, 1];
  const entries = await Array.fromAsync(sourceOf(sizes).list({}));
  const atOnce = {
    list: () => {
      throw new TypeError('the entries are there at once');
    },
    listNow: ({ from }: PathRange) =>
      entries.filter(({ path }) => from === undefined || compareBytes(path, from) >= 0),
  };
  const limits = { files: 3, bytes: 80 };

  expect(await cutAll(atOnce, limits)).toEqual(await cutAll(sourceOf(sizes), limits));
});

test('makes one shard of a source without entries, so that the whole key space is covered', async () => {
  expect(await cutAll(sourceOf([]), { files: 2, bytes: 100 })).toEqual([
    { listed: [], shard: { paths: {}, files: 0, bytes: 0 }, stretches: [] },
  ]);
});

test('ends a shard with an object of several stretches, and gives the others their own', async () => {
  const [first, second] = await cutAll(sourceOf([5, 2 * stretchBytes + 7, 3]), {
    files: 100,
    bytes: 2 ** 40,
  });

  expect(first?.shard.largeTail).toEqual(first?.listed[1]?.path);
  expect(first?.stretches.map(({ stretch }) => [stretch?.offset, stretch?.length])).toEqual([
    [stretchBytes, stretchBytes],
    [2 * stretchBytes, 7],
  ]);
  expect(second && namesOf(second)).toEqual(['f002']);
});

test('covers all keys without gap or overlap, and lists every entry once', async () => {
  const size = fc.oneof(fc.nat(50), fc.constantFrom(stretchBytes, stretchBytes + 1, 3 * stretchBytes));
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { maxLength: 12 }),
      fc.record({ files: fc.integer({ min: 1, max: 4 }), bytes: fc.integer({ min: 1, max: 80 }) }),
      async (sizes, limits) => {
        const cuts = await cutAll(sourceOf(sizes), limits);
        const keys = cuts
          .flatMap(({ shard, stretches }) => [shard, ...stretches])
          .map((shard, index) => keysOf({ ...shard, index }));

        expect(cuts.flatMap(namesOf)).toEqual(sizes.map((_, at) => `f${String(at).padStart(3, '0')}`));
        expect(keys[0]?.from).toBeUndefined();
        expect(keys.at(-1)?.to).toBeUndefined();
        for (const [at, { to }] of keys.slice(0, -1).entries()) {
          const next = keys[at + 1]?.from;
          expect(to !== undefined && next !== undefined && equalBytes(to, next)).toBe(true);
          const from = keys[at]?.from;
          if (from !== undefined && to !== undefined) expect(compareBytes(from, to)).toBeLessThan(0);
        }
      },
    ),
    { seed: 7, numRuns: 200 },
  );
});
