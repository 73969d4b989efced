import { expect, test } from 'vitest';
import { unpackLznt1 } from '../../src/ntfs/lznt1.ts';

/** The example of MS-XCA, section 3.3. */
const packed = Buffer.from(
  '38b088462320002047204100' +
    '10a24701a045204400084501' +
    '507900c045200524138805b4' +
    '024a44ef0358028c09160148' +
    '4500be009e0004011890' +
    '00',
  'hex',
);
const tune =
  'F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# F# G A A G F# E D D E F# E D D\0';

test('the example of the specification unpacks to its text', () => {
  const unpacked = unpackLznt1(packed, 4096, 'example');

  expect(Buffer.from(unpacked.subarray(0, 142)).toString('latin1')).toBe(tune);
  expect(unpacked.subarray(142).every((byte) => byte === 0)).toBe(true);
});

test('chunks are taken one by one, those that are not compressed as they are', () => {
  const plain = Buffer.alloc(2 + 4096, 7);
  plain.writeUInt16LE(0x3fff, 0);

  const unpacked = unpackLznt1(Buffer.concat([plain, packed]), 8192, 'chunks');

  expect(unpacked.subarray(0, 4096).every((byte) => byte === 7)).toBe(true);
  expect(Buffer.from(unpacked.subarray(4096, 4096 + 142)).toString('latin1')).toBe(tune);
});

test.each([
  ['repeats what is before its beginning', [0x03, 0xb0, 0x02, 0x41, 0x00, 0x10]],
  ['ends before', [0xff, 0xbf, 0x00, 0x41]],
  ['unpacks to more than it can', [0x04, 0xb0, 0x02, 0x41, 0xff, 0x0f, 0x41]],
])('content that %s is damaged', (complaint, bytes) => {
  const unpack = (): Uint8Array => unpackLznt1(Uint8Array.from(bytes), 512, 'content');

  expect(unpack).toThrow(complaint);
  expect(unpack).toThrow(expect.objectContaining({ name: 'DiskDamagedError' }));
});
