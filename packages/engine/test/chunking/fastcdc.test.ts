import { hash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Chunker } from '../../src/chunking/chunker.ts';
import type { CutRule } from '../../src/chunking/cut-rule.ts';
import {
  contentDefinedCuts,
  defaultChunkingPolicy,
  type ChunkingPolicy,
} from '../../src/chunking/fastcdc.ts';
import { makeGearTable } from '../../src/chunking/gear-table.ts';
import { SeededRandom } from '../../src/testing/index.ts';

/** Chunks of one content, in order. A chunk is valid until the next one is asked for. */
async function* chunksOf(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  rule: CutRule,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunker = new Chunker(rule);
  for await (const piece of pieces) yield* chunker.push(piece);
  const last = chunker.finish();
  if (last !== undefined) yield last;
}

const small: ChunkingPolicy = { minBytes: 64, averageBytes: 256, maxBytes: 1024 };

/** Section 8 of docs/format.md word by word, as slow as it reads. */
function cutByDefinition(bytes: Uint8Array, policy: ChunkingPolicy): number[] {
  const gear = Array.from({ length: 256 }, (_, byte) => {
    const digest = hash('sha256', Buffer.concat([Buffer.from('holdfast/1 gear'), Buffer.of(byte)]), 'buffer');
    return BigInt(digest.readUInt32BE(0));
  });
  const hashBefore = (end: number): bigint => {
    let h = 0n;
    for (let k = 1; k <= 32; k++) h += (gear[bytes[end - k] as number] as bigint) << BigInt(k - 1);
    return h & 0xffff_ffffn;
  };
  const bits = Math.log2(policy.averageBytes);
  const lengths: number[] = [];
  for (let start = 0; start < bytes.length;) {
    let length = policy.minBytes;
    for (; length < policy.maxBytes && start + length < bytes.length; length++) {
      const zeros = length <= policy.averageBytes ? bits + 2 : bits - 2;
      if (hashBefore(start + length) >> BigInt(32 - zeros) === 0n) break;
    }
    length = Math.min(length, bytes.length - start);
    lengths.push(length);
    start += length;
  }
  return lengths;
}

function cut(bytes: Uint8Array, rule: CutRule, pieceLengths: readonly number[] = [bytes.length]): Buffer[] {
  const chunker = new Chunker(rule);
  const chunks: Buffer[] = [];
  let start = 0;
  for (let n = 0; start < bytes.length; n++) {
    const step = Math.max(1, pieceLengths[n % pieceLengths.length] ?? 1);
    const piece = Buffer.from(bytes.subarray(start, start + step));
    for (const chunk of chunker.push(piece)) chunks.push(Buffer.from(chunk));
    start += piece.length;
    // The chunker must not look at a piece again once the push has ended.
    piece.fill(0xee);
  }
  const last = chunker.finish();
  if (last !== undefined) chunks.push(Buffer.from(last));
  return chunks;
}

const lengthsOf = (chunks: readonly Uint8Array[]): number[] => chunks.map((chunk) => chunk.length);
const random = (seed: string | number, count: number): Uint8Array => new SeededRandom(seed).bytes(count);

describe('content-defined chunking', () => {
  test('cuts where the definition in the format says', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 6000 }), (seed, count) => {
        const bytes = random(seed, count);

        expect(lengthsOf(cut(bytes, contentDefinedCuts(small)))).toEqual(cutByDefinition(bytes, small));
      }),
      { numRuns: 60 },
    );
  });

  test.for([0, 1, 2, 3])(
    'cuts there also where the content begins %i bytes behind a word of memory',
    (offset) => {
      const bytes = random('aligned', 6000);
      const memory = Buffer.alloc(8000);
      memory.set(bytes, offset);

      const chunks = [
        ...new Chunker(contentDefinedCuts(small)).cutWhole(memory.subarray(offset, offset + 6000)),
      ];

      expect(lengthsOf(chunks)).toEqual(cutByDefinition(bytes, small));
    },
  );

  test('cuts runs of zeros there, too, wherever they lie in a content and however it comes', () => {
    const run = fc.oneof(
      fc.integer({ min: 1, max: 3000 }).map((bytes) => new Uint8Array(bytes)),
      fc
        .record({ seed: fc.nat(), bytes: fc.integer({ min: 1, max: 700 }) })
        .map(({ seed, bytes }) => random(seed, bytes)),
    );
    fc.assert(
      fc.property(fc.array(run, { maxLength: 6 }), fc.integer({ min: 1, max: 900 }), (runs, pieceBytes) => {
        const bytes = Buffer.concat(runs);

        expect(lengthsOf(cut(bytes, contentDefinedCuts(small), [pieceBytes]))).toEqual(
          cutByDefinition(bytes, small),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('gives the same chunks whatever the pieces, and loses nothing', () => {
    const content = fc
      .array(
        fc.record({ byte: fc.nat(255), count: fc.integer({ min: 1, max: 700 }), seed: fc.option(fc.nat()) }),
        {
          maxLength: 12,
        },
      )
      .map((runs) =>
        Buffer.concat(
          runs.map(({ byte, count, seed }) =>
            seed === null ? Buffer.alloc(count, byte) : Buffer.from(random(seed, count)),
          ),
        ),
      );
    fc.assert(
      fc.property(
        content,
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 8 }),
        (bytes, pieces) => {
          const whole = cut(bytes, contentDefinedCuts(small));

          expect(cut(bytes, contentDefinedCuts(small), pieces)).toEqual(whole);
          expect(Buffer.concat(whole).equals(bytes)).toBe(true);
          for (const chunk of whole.slice(0, -1)) {
            expect(chunk.length).toBeGreaterThanOrEqual(small.minBytes);
            expect(chunk.length).toBeLessThanOrEqual(small.maxBytes);
          }
        },
      ),
    );
  });

  test('gives the same chunks for large pieces, small pieces and single bytes', () => {
    const policy = { minBytes: 16_384, averageBytes: 65_536, maxBytes: 262_144 };
    const bytes = random('pieces', 1_500_000);
    const whole = lengthsOf(cut(bytes, contentDefinedCuts(policy)));

    expect(whole.length).toBeGreaterThan(10);
    for (const piece of [1, 65_536, 65_537, 1_000_000]) {
      expect(lengthsOf(cut(bytes, contentDefinedCuts(policy), [piece]))).toEqual(whole);
    }
  });

  test('keeps cutting at the same places for ever: the table and the default sizes are part of the format', () => {
    const table = makeGearTable();
    const bytes = random('golden', 8 * 1024 * 1024);

    expect(hash('sha256', Buffer.from(table.buffer))).toBe(
      'd456c3b82a73e4c5c239e6292db3abd7d4e378027c877e6ae9d597f3656c05c6',
    );
    expect(lengthsOf(cut(bytes, contentDefinedCuts()))).toEqual([
      1340540, 1236406, 1262386, 1156775, 1263029, 657075, 609287, 863110,
    ]);
  });

  test('finds the chunks again behind an insertion', () => {
    const bytes = random('insertion', 200_000);
    const changed = Buffer.concat([
      bytes.subarray(0, 70_000),
      Buffer.from('inserted'),
      bytes.subarray(70_000),
    ]);
    const before = new Set(cut(bytes, contentDefinedCuts(small)).map((chunk) => chunk.toString('hex')));

    const after = cut(changed, contentDefinedCuts(small)).map((chunk) => chunk.toString('hex'));

    expect(after.filter((chunk) => !before.has(chunk)).length).toBeLessThanOrEqual(4);
  });

  test('cuts constant content at the largest size', () => {
    expect(lengthsOf(cut(new Uint8Array(2500), contentDefinedCuts(small)))).toEqual([1024, 1024, 452]);
  });

  test('stays near the average on content without structure', () => {
    const lengths = lengthsOf(cut(random('average', 400_000), contentDefinedCuts(small)));
    const average = 400_000 / lengths.length;

    expect(average).toBeGreaterThan(small.averageBytes * 0.8);
    expect(average).toBeLessThan(small.averageBytes * 1.5);
  });

  test.each([
    ['an average that is no power of two', { ...defaultChunkingPolicy, averageBytes: 1_000_000 }],
    ['a minimum below the hash window', { ...small, minBytes: 63 }],
    ['a minimum above the average', { ...small, minBytes: 257 }],
    ['a maximum below the average', { ...small, maxBytes: 255 }],
    ['a maximum above the format’s', { ...defaultChunkingPolicy, maxBytes: 8 * 1024 * 1024 + 1 }],
    ['sizes that are not numbers', { ...small, minBytes: Number.NaN }],
  ])('refuses %s', (_, policy) => {
    expect(() => contentDefinedCuts(policy)).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
  });
});

describe('a chunker', () => {
  test('are the same for a content that is there at once, as views of it', () => {
    const bytes = random('whole', 40_000);

    const whole = [...new Chunker(contentDefinedCuts(small)).cutWhole(bytes)];

    expect(whole.map((chunk) => Buffer.from(chunk))).toEqual(cut(bytes, contentDefinedCuts(small), [777]));
    expect(whole.length).toBeGreaterThan(5);
    expect(whole.every(({ buffer }) => buffer === bytes.buffer)).toBe(true);
    expect([...new Chunker(contentDefinedCuts(small)).cutWhole(new Uint8Array(0))]).toEqual([]);
  });

  test('gives views of the piece and copies nothing where a chunk lies inside it', () => {
    const piece = random('views', 20_000);

    const views = [...new Chunker(contentDefinedCuts(small)).push(piece)];

    expect(views.length).toBeGreaterThan(10);
    expect(views.every((view) => view.buffer === piece.buffer)).toBe(true);
  });

  test('serves one content after the other', () => {
    const chunker = new Chunker(contentDefinedCuts(small));
    const bytes = random('again', 3_000);
    const once = (): number[] => {
      const lengths = lengthsOf([...chunker.push(bytes)]);
      return [...lengths, chunker.finish()?.length ?? 0];
    };

    expect(once()).toEqual(once());
  });

  test('has no chunk for content without bytes', () => {
    const chunker = new Chunker(contentDefinedCuts(small));

    expect([...chunker.push(new Uint8Array(0))]).toEqual([]);
    expect(chunker.finish()).toBeUndefined();
  });

  test('cuts a stream', async () => {
    const bytes = random('stream', 5_000);
    const lengths: number[] = [];

    for await (const chunk of chunksOf(
      [bytes.subarray(0, 777), bytes.subarray(777)],
      contentDefinedCuts(small),
    )) {
      lengths.push(chunk.length);
    }

    expect(lengths).toEqual(lengthsOf(cut(bytes, contentDefinedCuts(small))));
  });
});
