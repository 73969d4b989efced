import { zstdCompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/bytes.ts';
import { StoredBytesDamagedError } from '../../src/errors.ts';
import type { VaultId } from '../../src/ids.ts';
import { FrameCipher } from '../../src/packs/frame-cipher.ts';
import { decodeContent, encodeContent } from '../../src/packs/frame-codec.ts';
import type { FrameKind } from '../../src/packs/frame.ts';
import { SeededRandom } from '../../src/testing/index.ts';

const text = Buffer.alloc(300_000, 'a line of text that repeats itself\n');
const noise = Buffer.from(new SeededRandom('noise').bytes(300_000));

describe('a content', () => {
  test('comes back as it was, whatever it is', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc
        .record({ byte: fc.nat(255), count: fc.integer({ min: 0, max: 300_000 }) })
        .map(({ byte, count }) => Buffer.alloc(count, byte)),
      fc
        .record({ seed: fc.nat(), count: fc.integer({ min: 0, max: 300_000 }) })
        .map(({ seed, count }) => new SeededRandom(seed).bytes(count)),
    );
    fc.assert(
      fc.property(content, (plain) => {
        const { codec, payload } = encodeContent(plain);

        expect(payload.length).toBeLessThanOrEqual(plain.length);
        expect(Buffer.from(decodeContent(codec, payload, plain.length, 'a pack')).equals(plain)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('is compressed where that saves', () => {
    expect(encodeContent(text).codec).toBe(1);
    expect(encodeContent(text).payload.length).toBeLessThan(1000);
  });

  test('is stored as it is, without a copy, where it does not', () => {
    expect(encodeContent(noise)).toEqual({ codec: 0, payload: noise });
    expect(encodeContent(noise).payload).toBe(noise);
    expect(encodeContent(noise.subarray(0, 1000)).codec).toBe(0);
  });

  test('is compressed although it begins like something that cannot be', () => {
    expect(encodeContent(Buffer.concat([noise.subarray(0, 20_000), text])).codec).toBe(1);
  });

  test('never takes more memory than allowed, whatever its header says', () => {
    const { payload } = encodeContent(text);

    expect(() => decodeContent(1, payload, text.length - 1, 'a pack')).toThrow(StoredBytesDamagedError);
    expect(() => decodeContent(0, text, text.length - 1, 'a pack')).toThrow(StoredBytesDamagedError);
    for (const lie of [-2, 2]) {
      // This frame has its size in the four bytes behind the descriptor and the window byte, or the descriptor alone.
      const lying = Buffer.from(payload);
      const at = [5, 6].find(
        (offset) => payload.length > offset + 4 && lying.readUInt32LE(offset) === text.length,
      )!;
      lying.writeUInt32LE(text.length + lie, at);
      expect(() => decodeContent(1, lying, text.length + 10, 'a pack')).toThrow(StoredBytesDamagedError);
    }
  });

  test.each([
    ['an unknown codec', 2, text],
    ['no zstd frame', 1, text],
    ['nothing', 1, new Uint8Array(0)],
    ['a zstd frame cut short', 1, zstdCompressSync(text, { pledgedSrcSize: text.length }).subarray(0, 40)],
  ])('is refused with %s', (_, codec, payload) => {
    expect(() => decodeContent(codec, payload, 8 << 20, 'a pack')).toThrow(StoredBytesDamagedError);
  });

  test('that is damaged is refused or decodes within its bounds', () => {
    const { payload } = encodeContent(text);
    fc.assert(
      fc.property(fc.nat(payload.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(payload);
        damaged[at] = (damaged[at] as number) ^ flip;
        try {
          expect(decodeContent(1, damaged, text.length, 'a pack').length).toBeLessThanOrEqual(text.length);
        } catch (error) {
          expect(error).toBeInstanceOf(StoredBytesDamagedError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a frame', () => {
  const key = fromHex('0f'.repeat(32));
  const vaultId = '01'.repeat(16) as VaultId;
  const objectId = '02'.repeat(16);
  const cipher = new FrameCipher(key, vaultId, objectId);
  const sealed = Buffer.alloc(100);
  const length = cipher.seal('chunk', 7, 0, Buffer.from('content'), sealed, 3);
  const stored = sealed.subarray(3, 3 + length);
  const open = (kind: FrameKind, frame: number, bytes: Uint8Array, by = cipher) =>
    by.open(kind, frame, bytes, 'a pack');

  test('opens where it was sealed', () => {
    expect(length).toBe('content'.length + 17);
    expect(open('chunk', 7, stored)).toEqual({ codec: 0, payload: Buffer.from('content') });
  });

  test('opens as no other kind, number, object, vault or key', () => {
    expect(() => open('page', 7, stored)).toThrow(StoredBytesDamagedError);
    expect(() => open('chunk', 8, stored)).toThrow(StoredBytesDamagedError);
    expect(() => open('chunk', 2 ** 32, stored)).toThrow(StoredBytesDamagedError);
    for (const other of [
      new FrameCipher(key, vaultId, '03'.repeat(16)),
      new FrameCipher(key, '03'.repeat(16) as VaultId, objectId),
      new FrameCipher(fromHex('0e'.repeat(32)), vaultId, objectId),
    ]) {
      expect(() => open('chunk', 7, stored, other)).toThrow(StoredBytesDamagedError);
    }
  });

  test('opens with no byte changed, added or missing', () => {
    for (let at = 0; at < stored.length; at++) {
      const damaged = Buffer.from(stored);
      damaged[at] = (damaged[at] as number) ^ 0x10;
      expect(() => open('chunk', 7, damaged)).toThrow(StoredBytesDamagedError);
      expect(() => open('chunk', 7, stored.subarray(0, at))).toThrow(StoredBytesDamagedError);
    }
    expect(() => open('chunk', 7, Buffer.concat([stored, Buffer.of(0)]))).toThrow(StoredBytesDamagedError);
  });

  test('can be sealed over its own content', () => {
    const buffer = Buffer.from('.content...................');
    cipher.seal('chunk', 9, 0, buffer.subarray(1, 8), buffer, 0);

    expect(open('chunk', 9, buffer.subarray(0, 24)).payload).toEqual(Buffer.from('content'));
  });
});
