import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkCorruptError, StoreUnavailableError } from '../../src/errors.ts';
import type { ChunkId, PackId } from '../../src/ids.ts';
import {
  ChunkFetcher,
  type FetchedItem,
  type FetchItem,
  type FetchPolicy,
  type ReadRun,
  type RemainingUses,
} from '../../src/restore/chunk-fetcher.ts';
import { frameKey, type ChunkReference, type PackRun } from '../../src/restore/plan-runs.ts';

const frameBytes = 100;

/** A frame of a vault in which every frame has the same length and its own bytes. */
function frame(number: number, pack = 0): ChunkReference {
  const packId = String(pack).padStart(32, '0') as PackId;
  const location = { packId, frame: number, offset: 40 + number * frameBytes, length: frameBytes };
  return { id: `${pack}/${number}` as ChunkId, plainBytes: frameBytes, location };
}

function contentOf({ id }: ChunkReference): Uint8Array {
  return Buffer.alloc(frameBytes, id);
}

/** Reads runs of that vault and keeps book. */
class Reads {
  readonly runs: PackRun[] = [];
  underWay = 0;
  mostUnderWay = 0;

  readonly read: ReadRun = async (run) => {
    this.runs.push(run);
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    await Promise.resolve();
    this.underWay -= 1;
    return run.chunks.map(contentOf);
  };

  /** How often a frame was read. */
  timesRead(): Map<string, number> {
    const times = new Map<string, number>();
    for (const { location } of this.runs.flatMap(({ chunks }) => chunks)) {
      times.set(frameKey(location), (times.get(frameKey(location)) ?? 0) + 1);
    }
    return times;
  }
}

function usesOf(references: readonly ChunkReference[]): RemainingUses {
  const uses: RemainingUses = new Map();
  for (const { location } of references)
    uses.set(frameKey(location), (uses.get(frameKey(location)) ?? 0) + 1);
  return uses;
}

async function* itemsOf(
  references: readonly (ChunkReference | undefined)[],
): AsyncGenerator<FetchItem<number>> {
  for (const [tag, reference] of references.entries()) yield { tag, reference };
}

async function fetchAll(
  reads: { read: ReadRun },
  references: readonly (ChunkReference | undefined)[],
  policy: FetchPolicy,
): Promise<FetchedItem<number>[]> {
  const uses = usesOf(references.filter((one) => one !== undefined));
  return Array.fromAsync(new ChunkFetcher(reads.read, uses, policy).fetch(itemsOf(references)));
}

const roomy: FetchPolicy = { windowBytes: 1_000, windowItems: 50, cacheBytes: 1e9, runsAtOnce: 3 };

const wanted = fc.array(
  fc.option(
    fc
      .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2 }))
      .map(([number, pack]) => frame(number, pack)),
    { nil: undefined },
  ),
  { maxLength: 120 },
);

describe('whatever is wanted', () => {
  test('every item comes in its place with its own bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        wanted,
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 1_500 }),
        async (references, windowBytes, cacheBytes) => {
          const got = await fetchAll(new Reads(), references, { ...roomy, windowBytes, cacheBytes });

          expect(got.map(({ tag }) => tag)).toEqual(references.map((_, tag) => tag));
          expect(got.map(({ chunk }) => chunk)).toEqual(references.map((one) => one && contentOf(one)));
        },
      ),
    );
  });

  test('a frame is read once when what is needed again can be kept', async () => {
    await fc.assert(
      fc.asyncProperty(wanted, fc.integer({ min: 1, max: 2_000 }), async (references, windowBytes) => {
        const reads = new Reads();

        await fetchAll(reads, references, { ...roomy, windowBytes });

        expect([...reads.timesRead().values()].every((times) => times === 1)).toBe(true);
      }),
    );
  });

  test('no more runs are under way than the policy allows', async () => {
    await fc.assert(
      fc.asyncProperty(wanted, async (references) => {
        const reads = new Reads();

        await fetchAll(reads, references, { ...roomy, windowBytes: 1e9, windowItems: 1e9 });

        expect(reads.mostUnderWay).toBeLessThanOrEqual(roomy.runsAtOnce);
      }),
    );
  });
});

test('a window is read in runs, one for neighbours', async () => {
  const reads = new Reads();

  await fetchAll(reads, [frame(2), frame(0), frame(1)], roomy);

  expect(reads.runs.map(({ offset, length }) => [offset, length])).toEqual([[40, 300]]);
});

test('a frame that had to be given up is read again', async () => {
  const reads = new Reads();
  const references = [frame(0), frame(1), frame(2), frame(3), frame(4), frame(5), frame(0)];

  const got = await fetchAll(reads, references, { ...roomy, windowBytes: 100, cacheBytes: 0 });

  expect(reads.timesRead().get(frameKey(frame(0).location))).toBe(2);
  expect(got.at(-1)?.chunk).toEqual(contentOf(frame(0)));
});

test('nothing is read before somebody asks, and no more than a window ahead', async () => {
  const reads = new Reads();
  const references = Array.from({ length: 20 }, (_, number) => frame(number));
  const stream = new ChunkFetcher(reads.read, new Map(), { ...roomy, windowBytes: 200 }).fetch(
    itemsOf(references),
  );

  expect(reads.runs).toEqual([]);
  await stream.next();
  await stream.return();

  expect(reads.timesRead().size).toBeLessThanOrEqual(4);
});

test('damage to one chunk is the answer for that chunk only', async () => {
  const damage = new ChunkCorruptError('0/1', 'pack');
  const read: ReadRun = async ({ chunks }) =>
    chunks.map((chunk) => (chunk.id === '0/1' ? damage : contentOf(chunk)));

  const got = await fetchAll({ read }, [frame(0), frame(1), frame(2), frame(1)], roomy);

  expect(got.map(({ chunk }) => chunk)).toEqual([contentOf(frame(0)), damage, contentOf(frame(2)), damage]);
});

test('a failure that may pass ends the iteration, after what was read before it', async () => {
  const failure = new StoreUnavailableError('get did not answer');
  const read: ReadRun = async ({ chunks }) => {
    if (chunks.some(({ id }) => id === '0/3')) throw failure;
    return chunks.map(contentOf);
  };
  const references = [frame(0), frame(1), frame(2), frame(3)];
  const got: unknown[] = [];
  const consume = async (): Promise<void> => {
    const fetcher = new ChunkFetcher(read, new Map(), { ...roomy, windowBytes: 100 });
    for await (const { tag } of fetcher.fetch(itemsOf(references))) got.push(tag);
  };

  await expect(consume()).rejects.toBe(failure);
  expect(got).toEqual([0, 1, 2]);
});
