import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChunkId, PackId } from '../../src/ids.ts';
import { frameKey, planRuns, type ChunkReference, type RunPolicy } from '../../src/restore/plan-runs.ts';

const policy: RunPolicy = { maxRunBytes: 1_000, maxGapBytes: 50, maxWaste: 0.1 };

/** Frames of some packs, laid one behind the other as a pack has them. */
const packs = fc.array(fc.array(fc.integer({ min: 17, max: 400 }), { minLength: 1, maxLength: 30 }), {
  minLength: 1,
  maxLength: 4,
});

function framesOf(lengths: readonly (readonly number[])[]): ChunkReference[] {
  return lengths.flatMap((ofPack, pack) => {
    let offset = 40;
    return ofPack.map((length, frame) => {
      const location = { packId: String(pack).padStart(32, '0') as PackId, frame, offset, length };
      offset += length;
      return { id: `${pack}-${frame}` as ChunkId, plainBytes: length, location };
    });
  });
}

/** References to some of the frames, in any order and with repetitions. */
const references = packs.chain((lengths) =>
  fc.array(fc.constantFrom(...framesOf(lengths)), { minLength: 1, maxLength: 80 }),
);

test('every frame is in exactly one run', () => {
  fc.assert(
    fc.property(references, (wanted) => {
      const planned = planRuns(wanted, policy).flatMap(({ chunks }) => chunks);

      const keys = planned.map(({ location }) => frameKey(location));
      expect(new Set(keys).size).toBe(keys.length);
      expect(new Set(keys)).toEqual(new Set(wanted.map(({ location }) => frameKey(location))));
    }),
  );
});

test('a run stays within one pack and within the policy', () => {
  fc.assert(
    fc.property(references, (wanted) => {
      for (const { packId, offset, length, chunks } of planRuns(wanted, policy)) {
        const used = chunks.reduce((sum, { location }) => sum + location.length, 0);
        expect(chunks.every(({ location }) => location.packId === packId)).toBe(true);
        expect(chunks[0]?.location.offset).toBe(offset);
        expect(Math.max(...chunks.map(({ location }) => location.offset + location.length))).toBe(
          offset + length,
        );
        expect(length).toBeLessThanOrEqual(policy.maxRunBytes);
        expect(length - used).toBeLessThanOrEqual(policy.maxWaste * length);
        const gaps = chunks.slice(1).map(({ location }, at) => {
          const before = chunks[at]?.location as ChunkReference['location'];
          return location.offset - before.offset - before.length;
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

      const order = planRuns(wanted, policy).map(({ chunks }) =>
        first(new Set(chunks.map(({ location }) => frameKey(location)))),
      );

      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }),
  );
});

test('neighbours without a gap are read with one request', () => {
  const frames = framesOf([[100, 100, 100, 100]]);

  expect(planRuns(frames, policy)).toMatchObject([{ offset: 40, length: 400 }]);
});

test('a gap that costs more than a request is left out', () => {
  const frames = framesOf([[400, 51, 400]]);

  expect(planRuns([frames[0], frames[2]] as ChunkReference[], policy)).toHaveLength(2);
});
