import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoreUnavailableError, StoredBytesDamagedError } from '../../src/errors.ts';
import type { ChunkId, PackId } from '../../src/ids.ts';
import {
  ChunkFetcher,
  type FetchedItem,
  type FetchItem,
  type FetchPolicy,
  type ReadRun,
  type RemainingUses,
} from '../../src/restore/chunk-fetcher.ts';
import type { ChunkReference, FrameLocation } from '../../src/packs/chunk-location.ts';
import { frameKey, type PackRun } from '../../src/restore/plan-runs.ts';

const frameBytes = 100;

/** A chunk of a vault in which every frame has the same length and its own bytes; the whole of a frame at first. */
function chunkOf(number: number, pack = 0, start = 0, plainBytes = frameBytes - start): ChunkReference {
  const packId = String(pack).padStart(32, '0') as PackId;
  const offset = 40 + number * frameBytes;
  const location = { packId, frame: number, offset, length: frameBytes, contentBytes: frameBytes, start };
  return { id: keys.chunkId(bytesOf({ plainBytes, location })), plainBytes, location };
}

const keys = { chunkId: (plain: Uint8Array) => Buffer.from(plain).toString('latin1') as ChunkId };

/** Different at every place of every frame. */
function contentOf({ packId, frame }: FrameLocation): Uint8Array {
  return Uint8Array.from({ length: frameBytes }, (_, at) => (at + 31 * frame + 7 * Number(packId)) % 256);
}

function bytesOf({ plainBytes, location }: Omit<ChunkReference, 'id'>): Uint8Array {
  return contentOf(location).subarray(location.start, location.start + plainBytes);
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
    return run.frames.map(contentOf);
  };

  /** How often a frame was read. */
  timesRead(): Map<string, number> {
    const times = new Map<string, number>();
    for (const key of this.runs.flatMap(({ frames }) => frames.map(frameKey)))
      times.set(key, (times.get(key) ?? 0) + 1);
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
  isCounted = true,
): Promise<FetchedItem<number>[]> {
  const remaining = isCounted ? usesOf(references.filter((one) => one !== undefined)) : undefined;
  const fetcher = new ChunkFetcher({ readRun: reads.read, keys, remaining, policy });
  return Array.fromAsync(fetcher.fetch(itemsOf(references)));
}

const roomy: FetchPolicy = { windowBytes: 1_000, windowItems: 50, cacheBytes: 1e9, runsAtOnce: 3 };

function spoil(content: Uint8Array): void {
  content.fill(0xee);
}

const wanted = fc.array(
  fc.option(
    fc
      .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 10, 60, 99))
      .map(([number, pack, start]) => chunkOf(number, pack, start)),
    { nil: undefined },
  ),
  { maxLength: 120 },
);

describe('whatever is wanted', () => {
  test('a frame is taken back when none of its chunks is needed any more, whoever releases them when', async () => {
    await fc.assert(
      fc.asyncProperty(
        wanted,
        fc.integer({ min: 0, max: 1_500 }),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 10 }),
        fc.boolean(),
        async (references, cacheBytes, windowBytes, heldItems, isCounted) => {
          const remaining = isCounted ? usesOf(references.filter((one) => one !== undefined)) : undefined;
          const policy = { ...roomy, cacheBytes, windowBytes };
          const fetcher = new ChunkFetcher({
            readRun: new Reads().read,
            keys,
            remaining,
            policy,
            takeBack: spoil,
          });
          const held: FetchedItem<number>[] = [];

          for await (const item of fetcher.fetch(itemsOf(references))) {
            held.push(item);
            for (const { tag, chunk } of held) {
              const reference = references[tag];
              expect(chunk).toEqual(reference && bytesOf(reference));
            }
            if (held.length > heldItems) held.shift()?.release?.();
          }
        },
      ),
    );
  });

  test('all frames that were read whole and are known not to be needed again are taken back', async () => {
    await fc.assert(
      fc.asyncProperty(wanted, fc.integer({ min: 1, max: 2_000 }), async (references, windowBytes) => {
        const policy = { ...roomy, cacheBytes: 10_000, windowBytes };
        const known = references.map(
          (one) => one && chunkOf(one.location.frame, Number(one.location.packId)),
        );
        const reads = new Reads();
        const remaining = usesOf(known.filter((one) => one !== undefined));
        let taken = 0;
        const takeBack = (): unknown => (taken += 1);
        const fetcher = new ChunkFetcher({ readRun: reads.read, keys, remaining, policy, takeBack });

        for await (const { release } of fetcher.fetch(itemsOf(known))) release?.();

        expect(taken).toBe(reads.timesRead().size);
      }),
    );
  });

  test('every item comes in its place with its own bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        wanted,
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 0, max: 1_500 }),
        fc.boolean(),
        async (references, windowBytes, cacheBytes, isCounted) => {
          const policy = { ...roomy, windowBytes, cacheBytes };
          const got = await fetchAll(new Reads(), references, policy, isCounted);

          expect(got.map(({ tag }) => tag)).toEqual(references.map((_, tag) => tag));
          expect(got.map(({ chunk }) => chunk)).toEqual(references.map((one) => one && bytesOf(one)));
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

test('the chunks of a frame are one read, although windows and other frames come between them', async () => {
  const reads = new Reads();
  const order = [0, 25, 50, 75].flatMap((start) =>
    [0, 1, 2, 3].map((number) => chunkOf(number, 0, start, 25)),
  );

  for (const isCounted of [true, false]) {
    reads.runs.length = 0;
    await fetchAll(reads, order, { ...roomy, windowBytes: 25 }, isCounted);
    expect([...reads.timesRead().values()]).toEqual([1, 1, 1, 1]);
  }
});

test('a window is read in runs, one for neighbours', async () => {
  const reads = new Reads();

  await fetchAll(reads, [chunkOf(2), chunkOf(0), chunkOf(1)], roomy);

  expect(reads.runs.map(({ offset, length }) => [offset, length])).toEqual([[40, 300]]);
});

test('a frame that had to be given up is read again', async () => {
  const reads = new Reads();
  const references = [0, 1, 2, 3, 4, 5, 0].map((number) => chunkOf(number));

  const got = await fetchAll(reads, references, { ...roomy, windowBytes: 100, cacheBytes: 0 });

  expect(reads.timesRead().get(frameKey(chunkOf(0).location))).toBe(2);
  expect(got.at(-1)?.chunk).toEqual(bytesOf(chunkOf(0)));
});

test('nothing is read before somebody asks, and no more than a window ahead', async () => {
  const reads = new Reads();
  const references = Array.from({ length: 20 }, (_, number) => chunkOf(number));
  const policy = { ...roomy, windowBytes: 200 };
  const stream = new ChunkFetcher({ readRun: reads.read, keys, policy }).fetch(itemsOf(references));

  expect(reads.runs).toEqual([]);
  await stream.next();
  await stream.return();

  expect(reads.timesRead().size).toBeLessThanOrEqual(4);
});

test('damage to a frame is the answer for its chunks only', async () => {
  const damage = new StoredBytesDamagedError('a pack', 'frame 1 does not decompress');
  const read: ReadRun = async ({ frames }) =>
    frames.map((frame) => (frame.frame === 1 ? damage : contentOf(frame)));

  const got = await fetchAll({ read }, [chunkOf(0), chunkOf(1), chunkOf(2), chunkOf(1, 0, 50)], roomy);

  expect(got.map(({ chunk: answer }) => answer)).toEqual([
    bytesOf(chunkOf(0)),
    damage,
    bytesOf(chunkOf(2)),
    damage,
  ]);
});

test('other bytes than those of a chunk’s id are no answer', async () => {
  const wrong = { ...chunkOf(0, 0, 10, 20), id: chunkOf(0, 0, 20, 20).id };

  const got = await fetchAll(new Reads(), [chunkOf(0, 0, 0, 10), wrong, chunkOf(0, 0, 30)], roomy);

  expect(got[1]?.chunk).toMatchObject({ name: 'ChunkCorruptError' });
  expect([got[0], got[2]].map((one) => one?.chunk)).toEqual([
    bytesOf(chunkOf(0, 0, 0, 10)),
    bytesOf(chunkOf(0, 0, 30)),
  ]);
});

test('small parts of many frames do not hold the frames, whether they are needed again or not', async () => {
  const references = Array.from({ length: 40 }, (_, number) => chunkOf(number % 20, 0, number, 5));

  for (const isCounted of [true, false]) {
    for (const windowBytes of [100, 1_000]) {
      const got = await fetchAll(
        new Reads(),
        references,
        { ...roomy, windowBytes, cacheBytes: 0 },
        isCounted,
      );

      const held = got.map(({ chunk }) => (chunk instanceof Uint8Array ? chunk.buffer.byteLength : Infinity));
      expect(Math.max(...held)).toBeLessThanOrEqual(5);
    }
  }
});

test('of two references that contradict each other, each gets what it says or nothing', async () => {
  const right = chunkOf(0, 0, 10, 20);
  const { id } = chunkOf(0, 0, 50, 20);
  const damage = new StoredBytesDamagedError('a pack', 'frame 0 has other bytes');
  const readRun: ReadRun = async ({ frames }) =>
    frames.map((frame) => (frame.contentBytes === frameBytes ? contentOf(frame) : damage));
  const otherId = { ...right, id };
  const otherContent = { ...right, location: { ...right.location, contentBytes: 90 } };

  for (const [wrong, name] of [
    [otherId, 'ChunkCorruptError'],
    [otherContent, 'StoredBytesDamagedError'],
  ] as const) {
    for (const windowBytes of [20, 1_000]) {
      const policy = { ...roomy, windowBytes };
      const got = await fetchAll({ read: readRun }, [right, wrong, right, wrong], policy);

      expect(got.map(({ chunk }) => chunk)).toMatchObject([
        bytesOf(right),
        { name },
        bytesOf(right),
        { name },
      ]);
    }
  }
});

test('a failure that may pass ends the iteration, after what was read before it', async () => {
  const failure = new StoreUnavailableError('get did not answer');
  const readRun: ReadRun = async ({ frames }) => {
    if (frames.some(({ frame }) => frame === 3)) throw failure;
    return frames.map(contentOf);
  };
  const references = [0, 1, 2, 3].map((number) => chunkOf(number));
  const got: unknown[] = [];
  const consume = async (): Promise<void> => {
    const policy = { ...roomy, windowBytes: 100 };
    const fetcher = new ChunkFetcher({ readRun, keys, policy });
    for await (const { tag } of fetcher.fetch(itemsOf(references))) got.push(tag);
  };

  await expect(consume()).rejects.toBe(failure);
  expect(got).toEqual([0, 1, 2]);
});
