import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChunkId, PackId } from '../../src/ids.ts';
import type { ChunkReference } from '../../src/packs/chunk-location.ts';
import { frameKey, planRuns, type RunPolicy } from '../../src/restore/plan-runs.ts';

const policy: RunPolicy = { maxRunBytes: 1_000, maxGapBytes: 50, maxWaste: 0.1 };

/** Lengths of frames in some packs, laid one behind the other as a pack has them. */
const packs = fc.array(fc.array(fc.integer({ min: 17, max: 400 }), { minLength: 1, maxLength: 30 }), {
  minLength: 1,
  maxLength: 4,
});

/** One to three chunks in every frame. */
function chunksOf(lengths: readonly (readonly number[])[]): ChunkReference[] {
  return lengths.flatMap((ofPack, pack) => {
    let offset = 40;
    return ofPack.flatMap((length, frame) => {
      const contentBytes = 10 * (1 + (length % 3));
      const place = { packId: String(pack).padStart(32, '0') as PackId, frame, offset, length, contentBytes };
      offset += length;
      return Array.from({ length: contentBytes / 10 }, (_, at) => ({
        id: `${pack}-${frame}-${at}` as ChunkId,
        plainBytes: 10,
        location: { ...place, start: 10 * at },
      }));
    });
  });
}

/** References to some of the chunks, in any order and with repetitions. */
const references = packs.chain((lengths) =>
  fc.array(fc.constantFrom(...chunksOf(lengths)), { minLength: 1, maxLength: 80 }),
);

test('every frame is in exactly one run', () => {
  fc.assert(
    fc.property(references, (wanted) => {
      const keys = planRuns(wanted, policy).flatMap(({ frames }) => frames.map(frameKey));

      expect(new Set(keys).size).toBe(keys.length);
      expect(new Set(keys)).toEqual(new Set(wanted.map(({ location }) => frameKey(location))));
    }),
  );
});

test('a run stays within one pack and within the policy', () => {
  fc.assert(
    fc.property(references, (wanted) => {
      for (const { packId, offset, length, frames } of planRuns(wanted, policy)) {
        const used = frames.reduce((sum, frame) => sum + frame.length, 0);
        expect(frames.every((frame) => frame.packId === packId)).toBe(true);
        expect(frames[0]?.offset).toBe(offset);
        expect(Math.max(...frames.map((frame) => frame.offset + frame.length))).toBe(offset + length);
        expect(length).toBeLessThanOrEqual(policy.maxRunBytes);
        expect(length - used).toBeLessThanOrEqual(policy.maxWaste * length);
        const gaps = frames.slice(1).map((frame, at) => {
          const before = frames[at] as typeof frame;
          return frame.offset - before.offset - before.length;
        });
        expect(gaps.every((gap) => gap >= 0 && gap <= policy.maxGapBytes)).toBe(true);
      }
    }),
  );
});

test('runs come in the order in which their first chunk is wanted', () => {
  fc.assert(
    fc.property(references, (wanted) => {
      const first = (keys: ReadonlySet<string>): number =>
        wanted.findIndex(({ location }) => keys.has(frameKey(location)));

      const order = planRuns(wanted, policy).map(({ frames }) => first(new Set(frames.map(frameKey))));

      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }),
  );
});

test('neighbours without a gap are read with one request', () => {
  const chunks = chunksOf([[100, 100, 100, 100]]);

  expect(planRuns(chunks, policy)).toMatchObject([{ offset: 40, length: 400 }]);
});

test('frames whose contents are large together are read apart, however small they are stored', () => {
  const chunks = chunksOf([[100, 100, 100, 100, 100]]).map((chunk) => ({
    ...chunk,
    location: { ...chunk.location, contentBytes: 400 },
  }));

  expect(planRuns(chunks, policy).map(({ frames }) => frames.length)).toEqual([2, 2, 1]);
});

test('a gap that costs more than a request is left out', () => {
  const chunks = chunksOf([[400, 51, 400]]).filter(({ location }) => location.frame !== 1);

  expect(planRuns(chunks, policy)).toHaveLength(2);
});
