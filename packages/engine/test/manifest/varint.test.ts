import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidInputError, StoredBytesDamagedError } from '../../src/errors.ts';
import { ByteReader, ByteWriter } from '../../src/varint.ts';

function readerOf(hex: string): ByteReader {
  return new ByteReader(Buffer.from(hex, 'hex'), 'thing');
}

describe('integers', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 32, '8080808010'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ])('%d is written as %s', (value, hex) => {
    const bytes = new ByteWriter(1).varint(value).take();

    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
    expect(readerOf(hex).varint()).toBe(value);
  });

  test('come back as they were written, one after the other', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeNat()), (values) => {
        const writer = new ByteWriter(1);
        for (const value of values) writer.varint(value);
        const reader = new ByteReader(writer.take(), 'thing');

        expect(values.map(() => reader.varint())).toEqual(values);
        reader.end();
      }),
      { seed: 1 },
    );
  });

  test.each(['', '80', '8000', 'ff00', 'ffffffffffffff10', 'ffffffffffffffffffff01'])(
    '%s is refused',
    (hex) => {
      expect(() => readerOf(hex).varint()).toThrow(StoredBytesDamagedError);
    },
  );

  test.each([-1, 1.5, 2 ** 53, Number.NaN])('%d cannot be written', (value) => {
    expect(() => new ByteWriter().varint(value)).toThrow(InvalidInputError);
  });
});

describe('byte strings', () => {
  test('are views, never longer than what is there', () => {
    const reader = readerOf('0102ff');

    expect([...reader.bytes(2)]).toEqual([1, 2]);
    expect(() => reader.bytes(2)).toThrow('thing is damaged: it ends early');
    expect(() => reader.hex(2 ** 50)).toThrow(StoredBytesDamagedError);
    expect(() => reader.text(2 ** 50)).toThrow(StoredBytesDamagedError);
  });

  test('that nobody read are an error at the end', () => {
    expect(() => readerOf('01').end()).toThrow('1 bytes are left over');
  });

  test.each(['zz', '0', '010', '01020'])('"%s" is not one byte in hexadecimal', (text) => {
    expect(() => new ByteWriter().hex(text, 1)).toThrow(InvalidInputError);
  });

  test('survive the growth of the buffer', () => {
    const writer = new ByteWriter(1).u8(7).bytes(new Uint8Array(5000).fill(9)).hex('aabb', 2);

    const bytes = writer.take();

    expect(bytes.length).toBe(5003);
    expect([bytes[0], bytes[1], bytes[5000], bytes[5001], bytes[5002]]).toEqual([7, 9, 9, 0xaa, 0xbb]);
    expect(writer.length).toBe(0);
  });
});
