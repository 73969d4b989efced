import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import { listShards, type ListingState, type ListShardsOptions } from '../../src/protect/list-shards.ts';
import { inSpreadOrder, type Shard } from '../../src/protect/shards.ts';
import type { FileSource } from '../../src/ports/file-source.ts';
import { FakeClock, MemorySource, MemoryWorkStore, SeededRandom } from '../../src/testing/index.ts';

const files = 3_000;

/** A source of many files below one folder, which tells how many of its listings were under way at once. */
function watched() {
  const source = new MemorySource(new FakeClock());
  for (let file = 0; file < files; file += 1) source.plant(`folder/${String(file).padStart(4, '0')}`);
  const seen = { atOnce: 0, most: 0, entries: 0 };
  const listing: FileSource = {
    async *list(range, signal) {
      seen.atOnce += 1;
      seen.most = Math.max(seen.most, seen.atOnce);
      try {
        for await (const entry of source.list(range, signal)) {
          seen.entries += 1;
          yield entry;
        }
      } finally {
        seen.atOnce -= 1;
      }
    },
    findSplit: async (range, signal) => source.findSplit(range, signal),
    open: async (entry, range, signal) => source.open(entry, range, signal),
    now: async () => source.now(),
  };
  return { source: listing, seen };
}

function pathOf(at: number): string {
  return Buffer.from(`folder/${String(at).padStart(4, '0')}`).toString('base64');
}

function optionsFor(source: FileSource): ListShardsOptions {
  const limits = { files: 100, bytes: 2 ** 30 };
  return {
    source,
    work: new MemoryWorkStore(),
    random: new SeededRandom(),
    workPrefix: 'run/',
    limits,
    shouldStop: () => false,
    entriesBetweenSplits: 50,
  };
}

/** Stops a listing after so many looks at the time. */
function upTo(count: number): () => boolean {
  let looks = 0;
  return () => ++looks > count;
}

function expectGapless(shards: readonly Shard[]): void {
  expect(shards[0]?.paths.from).toBeUndefined();
  expect(shards.at(-1)?.paths.to).toBeUndefined();
  for (const [at, shard] of shards.entries()) {
    expect(shard.index).toBe(at);
    if (at > 0) expect(shard.paths.from).toEqual(shards[at - 1]?.paths.to);
  }
}

test('a long listing is divided while it runs, below one folder too, and meets every entry once', async () => {
  const { source, seen } = watched();

  const step = await listShards(optionsFor(source));

  if (!step.done) throw new Error('the listing stopped');
  expectGapless(step.shards);
  expect(step.shards.length).toBeGreaterThanOrEqual(files / 100);
  expect(step.shards.length).toBeLessThan(files / 50);
  expect(seen.most).toBeGreaterThan(8);
  expect(seen.most).toBeLessThanOrEqual(64);
  // One entry of each range is what shows that the range ended.
  expect(seen.entries).toBeLessThan(files * 1.1);
});

test('a divided listing goes on in other calls, with more ranges than one has room for', async () => {
  const { source } = watched();
  const options = { ...optionsFor(source), entriesBetweenSplits: 500 };
  const ranges = Array.from({ length: 150 }, (_, at) => at * (files / 150));
  let state: ListingState = {
    ranges: ranges.map((from, at) => {
      const to = ranges[at + 1];
      return {
        from: at > 0 ? pathOf(from) : undefined,
        to: to === undefined ? undefined : pathOf(to),
        parts: [],
        done: false,
      };
    }),
  };

  let calls = 0;
  for (;;) {
    calls += 1;
    let looks = 0;
    const step = await listShards({ ...options, shouldStop: () => ++looks > 40 }, state);
    if (step.done) {
      expectGapless(step.shards);
      expect(step.shards).toHaveLength(files / 100);
      break;
    }
    state = JSON.parse(JSON.stringify(step.state)) as ListingState;
  }
  expect(calls).toBe(4);
});

test('of two attempts at one part of a listing, which cut it at different paths, neither takes from the other', async () => {
  const { source } = watched();
  const options = optionsFor(source);

  const first = await listShards({ ...options, entriesBetweenSplits: 300, shouldStop: upTo(3) });
  if (first.done) throw new Error('the listing has ended');
  const late = await listShards({ ...options, shouldStop: upTo(20) });
  const last = await listShards(options, first.state);

  expect(late.done).toBe(false);
  if (!last.done) throw new Error('the listing stopped');
  expectGapless(last.shards);
  expect(last.shards.length).toBeGreaterThanOrEqual(files / 100);
});

test('a source that cannot be divided is listed in one go', async () => {
  const { source, seen } = watched();

  const step = await listShards(optionsFor({ ...source, findSplit: undefined }));

  expect(step.done && step.shards.length).toBe(files / 100);
  expect(seen).toEqual({ atOnce: 0, most: 1, entries: files });
});

test('a listing fails when one of its ranges does', async () => {
  const { source } = watched();
  const broken: FileSource = {
    ...source,
    async *list(range, signal) {
      for await (const entry of source.list(range, signal)) {
        if (Buffer.compare(entry.path, utf8('folder/2900')) > 0) throw new Error('the source is gone');
        yield entry;
      }
    },
  };

  await expect(listShards(optionsFor(broken))).rejects.toThrow('the source is gone');
});

test('a listing of which one range failed leaves none of the others running', async () => {
  const { source, seen } = watched();
  const broken: FileSource = {
    ...source,
    async *list(range, signal) {
      if (range.from !== undefined) throw new Error('the source is gone');
      yield* source.list(range, signal);
    },
  };

  await expect(listShards(optionsFor(broken))).rejects.toThrow('the source is gone');
  while (seen.atOnce > 0) await setImmediate();

  expect(seen.entries).toBeLessThan(60);
});

test.each([0, 1, 2, 3, 10, 64, 1_000, 4_099])('%i items in spread order are all there', (count) => {
  const items = Array.from({ length: count }, (_, at) => at);

  expect([...inSpreadOrder(items)].sort((a, b) => a - b)).toEqual(items);
});

test('items that are worked off at once are spread over all of them, at any time and however many', () => {
  const count = 10_000;
  const spread = inSpreadOrder(Array.from({ length: count }, (_, at) => at));

  for (const atOnce of [16, 100, 500])
    for (let start = 0; start + atOnce <= count; start += 977) {
      const sixteenths = new Map<number, number>();
      for (const item of spread.slice(start, start + atOnce)) {
        const part = Math.floor((item * 16) / count);
        sixteenths.set(part, (sixteenths.get(part) ?? 0) + 1);
      }
      expect(Math.max(...sixteenths.values())).toBeLessThanOrEqual(Math.ceil(atOnce / 16) + 2);
    }
});
