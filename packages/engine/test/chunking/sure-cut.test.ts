import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chunker } from '../../src/chunking/chunker.ts';
import { contentDefinedCuts, type ChunkingPolicy } from '../../src/chunking/fastcdc.ts';
import { SureCutSearch } from '../../src/chunking/sure-cut.ts';
import { SeededRandom } from '../../src/testing/index.ts';

const small: ChunkingPolicy = { minBytes: 64, averageBytes: 256, maxBytes: 1024 };

/** Every place where a chunk of the content ends. */
function endsOf(content: Uint8Array, policy: ChunkingPolicy): number[] {
  let at = 0;
  return Array.from(
    new Chunker(contentDefinedCuts(policy)).cutWhole(content),
    ({ length }) => (at += length),
  );
}

function search(content: Uint8Array, pieceBytes: number, policy: ChunkingPolicy = small): number | undefined {
  const cuts = new SureCutSearch(policy);
  for (let start = 0; start < content.length; start += pieceBytes) {
    const found = cuts.push(content.subarray(start, start + pieceBytes));
    if (found !== undefined) return found;
  }
  return undefined;
}

const random = (seed: string | number, count: number): Uint8Array => new SeededRandom(seed).bytes(count);

describe('a place where a chunk surely ends', () => {
  /** Noise, and between it what has few or many candidates: zeros, one byte, a short pattern. */
  const part = fc.oneof(
    fc
      .record({ seed: fc.nat(), bytes: fc.integer({ min: 1, max: 9000 }) })
      .map(({ seed, bytes }) => random(seed, bytes)),
    fc
      .record({
        pattern: fc.uint8Array({ minLength: 1, maxLength: 40 }),
        bytes: fc.integer({ min: 1, max: 3000 }),
      })
      .map(({ pattern, bytes }) =>
        Uint8Array.from({ length: bytes }, (_, at) => pattern[at % pattern.length] as number),
      ),
  );
  const content = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => Buffer.concat(parts));

  test('is one, whatever comes before', () => {
    let found = 0;
    fc.assert(
      fc.property(content, fc.array(content, { minLength: 3, maxLength: 3 }), (behind, before) => {
        const at = search(behind, 1024);
        if (at === undefined) return;
        found += 1;
        for (const head of [new Uint8Array(0), ...before])
          expect(endsOf(Buffer.concat([head, behind]), small)).toContain(head.length + at);
      }),
      { numRuns: 300 },
    );
    expect(found).toBeGreaterThan(100);
  });

  test('is the same in whichever pieces the content comes', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 100 }), (bytes, pieceBytes) => {
        expect(search(bytes, pieceBytes)).toBe(search(bytes, bytes.length));
      }),
      { numRuns: 200 },
    );
  });

  test('is the same when the memory of a piece is used for the next one', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 100 }), (bytes, pieceBytes) => {
        const piece = Buffer.alloc(pieceBytes);
        const cuts = new SureCutSearch(small);
        let found: number | undefined;
        for (let start = 0; start < bytes.length && found === undefined; start += pieceBytes)
          found = cuts.push(piece.subarray(0, bytes.copy(piece, 0, start, start + pieceBytes)));

        expect(found).toBe(search(bytes, bytes.length));
      }),
      { numRuns: 200 },
    );
  });

  test('is found in noise soon', () => {
    const places = Array.from({ length: 50 }, (_, seed) => search(random(seed, 32 * 1024), 1024));

    expect(places.every((place) => place !== undefined)).toBe(true);
  });

  test('is not found in zeros, nor where a chunk can end at every byte', () => {
    const runs = Array.from({ length: 256 }, (_, byte) => new Uint8Array(8 * 1024).fill(byte));

    expect(runs.some((bytes) => endsOf(bytes, small)[0] === small.averageBytes + 1)).toBe(true);
    for (const bytes of runs) expect(search(bytes, bytes.length)).toBeUndefined();
  });
});
