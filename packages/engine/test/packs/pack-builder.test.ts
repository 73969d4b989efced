import { createDecipheriv, createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/bytes.ts';
import { StoredBytesDamagedError } from '../../src/errors.ts';
import type { KeyId, PackId, VaultId } from '../../src/ids.ts';
import { deriveKey } from '../../src/keys/derive-key.ts';
import { DataKey, VaultKeys } from '../../src/keys/vault-keys.ts';
import { decodeDirectory, encodeDirectory } from '../../src/packs/pack-directory.ts';
import { PackBuilder } from '../../src/packs/pack-builder.ts';
import { readFooter, readHeader } from '../../src/packs/pack-layout.ts';
import { makeContents } from './test-vault.ts';

const vaultId = '00112233445566778899aabbccddeeff' as VaultId;
const keyId = '0f'.repeat(16) as KeyId;
const packId = '0123456789abcdef0123456789abcdef' as PackId;
const otherId = 'fedcba9876543210fedcba9876543210' as PackId;
const dataKey = new DataKey(keyId, fromHex('11'.repeat(32)));
const vault = new VaultKeys(vaultId, fromHex('22'.repeat(32)), {
  load: async () => Promise.reject(new Error('not needed')),
  findNewest: async () => Promise.reject(new Error('not needed')),
});

const makeBuilder = (slabBytes = 1 << 20, id = packId) =>
  new PackBuilder({ kind: 'chunks', vault, dataKey, packId: id, slab: Buffer.alloc(slabBytes) });

const append = (builder: PackBuilder, content: Uint8Array) =>
  builder.append('chunk', [{ id: vault.chunkId(content), plainBytes: content.length }], content);

function fill(builder: PackBuilder, contents: readonly Uint8Array[]): PackBuilder {
  for (const content of contents) append(builder, content);
  builder.seal();
  return builder;
}

/** A frame of one chunk, and a frame of two. */
function makeSample(): PackBuilder {
  const builder = makeBuilder();
  append(builder, utf8('one'));
  const chunks = ['second', ' chunk'].map((text) => ({ id: vault.chunkId(utf8(text)), plainBytes: 6 }));
  builder.append('chunk', chunks, utf8('second chunk'));
  builder.seal();
  return builder;
}

test('a pack has exactly the bytes that docs/format.md says', () => {
  const builder = makeSample();

  expect(toHex(builder.body)).toBe(
    [
      // header
      '4846504b010100000f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0123456789abcdef0123456789abcdef',
      // frame 0
      '98e55c160d35dcf1e9a5d6063b5753e1e24db5b2',
      // frame 1
      '95a9fe47f2f64791e494687a7821f0645500060d678e0cad9c9aa9a9cb',
      // directory
      'eb2f3d9f2c32f3c0fe5b20d98068ae6022cc138919c34b681c6106e894e3602df00704b65653c39c',
      'a8bdc6d29ba96245f29297e4e0477601c728c6258aa265987b99cf983e125456ee0dc72788cbc1e3',
      '76800a636f0d965e9d9647e6096b14a93d923b56e76a557f2709b32a57b7c7b1bc459fade222cd41',
      '5784de4220',
      // footer
      '484650460101000000000000000000590000007d000000020000000000000000',
    ].join(''),
  );
});

test('a pack can be read with nothing but the page that defines it', () => {
  const { body } = makeSample();
  const bytes = Buffer.from(body);
  const objectKey = deriveKey(createSecretKey(fromHex('11'.repeat(32))), bytes.subarray(24, 40), 'object');
  const open = (kind: number, frame: number, at: number, length: number): Buffer => {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(frame);
    const additional = [
      Buffer.from('HF1'),
      Buffer.of(kind),
      fromHex(vaultId),
      fromHex(packId),
      number,
      Buffer.alloc(2),
    ];
    const decipher = createDecipheriv('aes-256-gcm', objectKey, Buffer.concat([Buffer.alloc(8), number]));
    decipher.setAAD(Buffer.concat(additional)).setAuthTag(bytes.subarray(at + length - 16, at + length));
    return Buffer.concat([decipher.update(bytes.subarray(at, at + length - 16)), decipher.final()]);
  };
  const footer = bytes.subarray(-32);
  const directoryAt = Number(footer.readBigUInt64BE(8));

  const directory = open(3, footer.readUInt32BE(20), directoryAt, footer.readUInt32BE(16));

  const ids = ['one', 'second', ' chunk'].map((text) => Buffer.from(vault.chunkId(utf8(text)), 'hex'));
  expect(bytes.subarray(0, 24)).toEqual(
    Buffer.concat([Buffer.from('HFPK\x01\x01\0\0', 'latin1'), fromHex(keyId)]),
  );
  expect(directory).toEqual(
    Buffer.concat([
      Buffer.of(0, 0, 40, 2, 1, 20, 1),
      ids[0]!,
      Buffer.of(3, 1, 29, 2),
      ids[1]!,
      Buffer.of(6),
      ids[2]!,
      Buffer.of(6),
    ]),
  );
  expect(open(1, 0, 40, 20).toString()).toBe('\0one');
  expect(open(1, 1, 60, 29).toString()).toBe('\0second chunk');
  expect(directoryAt).toBe(89);
  expect(footer.subarray(0, 8)).toEqual(Buffer.from('HFPF\x01\x01\0\0', 'latin1'));
  expect(footer.readBigUInt64BE(24)).toBe(0n);
});

describe('a builder', () => {
  test('never needs more than its slab as long as it is asked first', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 2_000, max: 60_000 }), (seed, slabBytes) => {
        const builder = makeBuilder(slabBytes);
        const { slab } = builder;
        for (const content of makeContents(seed, 60, 3_000)) {
          const contents = [{ id: vault.chunkId(content), plainBytes: content.length }];
          if (builder.fits(contents)) builder.append('chunk', contents, content);
        }
        builder.seal();

        expect(builder.slab).toBe(slab);
        expect(builder.body.length).toBeLessThanOrEqual(slabBytes);
      }),
      { numRuns: 30 },
    );
  });

  test('grows where it is not asked', () => {
    const contents = makeContents('grows', 20, 3_000);
    const grown = fill(makeBuilder(64), contents);

    expect(Buffer.from(grown.body).equals(fill(makeBuilder(), contents).body)).toBe(true);
  });

  test('takes no frames once it is sealed, and has no bytes before', () => {
    const builder = makeBuilder();
    expect(() => builder.body).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));

    builder.seal();
    const sealed = Buffer.from(builder.body);
    builder.seal();

    expect(() => append(builder, utf8('x'))).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
    expect(Buffer.from(builder.body).equals(sealed)).toBe(true);
  });

  test('renames a pack to what it would have been under that name', () => {
    const contents = makeContents('rename', 30, 3_000);
    const renamed = fill(makeBuilder(), contents);
    const before = Buffer.from(renamed.body);

    renamed.rename(otherId);

    expect(renamed.pack.packId).toBe(otherId);
    expect(Buffer.from(renamed.body).equals(fill(makeBuilder(1 << 20, otherId), contents).body)).toBe(true);
    renamed.rename(packId);
    expect(Buffer.from(renamed.body).equals(before)).toBe(true);
  });
});

describe('what is read back', () => {
  const { body, frames } = fill(makeBuilder(), makeContents('fuzz', 5, 500));
  const directory = Buffer.from(encodeDirectory({ firstFrame: 0, firstOffset: 40, frames }));

  test('is the directory that was written', () => {
    expect(decodeDirectory(directory, 'a pack')).toEqual({ firstFrame: 0, firstOffset: 40, frames });
  });

  test.each([
    ['directory', directory, (bytes: Uint8Array) => decodeDirectory(bytes, 'a pack')],
    ['header', Buffer.from(body.subarray(0, 40)), (bytes: Uint8Array) => readHeader(bytes, 'a pack')],
    ['footer', Buffer.from(body.subarray(-32)), (bytes: Uint8Array) => readFooter(bytes, 'a pack')],
  ])('is a %s, or an error that says what is wrong, however it was changed', (_, good, read) => {
    const change = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 4 }), fc.integer({ min: -3, max: 3 }), (changes, more) => {
        const changed = Buffer.concat([good, Buffer.alloc(3)]).subarray(0, good.length + more);
        for (const { at, to } of changes) if (at < changed.length) changed[at] = to;
        try {
          read(changed);
        } catch (error) {
          expect(['StoredBytesDamagedError', 'FormatVersionError']).toContain((error as Error).name);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('claims no more frames than its bytes can hold', () => {
    const huge = Buffer.concat([
      Buffer.of(0, 40),
      Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f),
      directory,
    ]);

    expect(() => decodeDirectory(huge, 'a pack')).toThrow(StoredBytesDamagedError);
  });
});
