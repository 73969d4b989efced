import { encode } from 'cborg';
import { expect, test } from 'vitest';
import { InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import { decodeVolumeEntry, encodeVolumeEntry } from '../../src/manifest/volume-entry.ts';
import { extentKey } from '../../src/manifest/tuple-key.ts';
import { utf8 } from '../../src/bytes.ts';

const volume = {
  volume: 'vol-0123456789abcdef0',
  bytes: 8 * 2 ** 30,
  blockBytes: 524_288,
  snapshot: 'snap-0123456789abcdef0',
};

test('a volume comes back as it was written, with and without a reason', () => {
  for (const written of [volume, { ...volume, fullReason: 'the base snapshot is gone' }])
    expect(decodeVolumeEntry(encodeVolumeEntry(written), 'a page')).toEqual(written);
});

test('a volume of no bytes, or of blocks that no chunk holds, is refused', () => {
  for (const wrong of [{ bytes: 0 }, { bytes: 1.5 }, { blockBytes: 0 }, { blockBytes: 2 ** 24 }])
    expect(() => encodeVolumeEntry({ ...volume, ...wrong })).toThrow(InvalidInputError);
});

test('an entry that no writer makes of a volume is damage, in the name of its object', () => {
  const entry = encodeVolumeEntry(volume);
  const fields = { b: 524_288, c: 'snap-1', k: 'volume', s: 1 };
  for (const wrong of [
    { ...entry, key: extentKey(utf8('vol-1'), 0) },
    { ...entry, location: new Uint8Array(1) },
    { ...entry, logical: entry.logical.subarray(1) },
    { ...entry, logical: encode({ ...fields, k: 'file' }) },
    { ...entry, logical: encode({ ...fields, x: 1 }) },
    { ...entry, logical: encode({ ...fields, b: 2 ** 24 }) },
  ])
    expect(() => decodeVolumeEntry(wrong, 'a page')).toThrow(StoredBytesDamagedError);
});
