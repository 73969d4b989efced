import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { allOf } from '@holdfast/engine/testing';
import { inPieces } from '../src/sdk/in-pieces.ts';

async function* contentOf(parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  yield* parts;
}

test('content is cut into pieces of one size whatever it came in, without loss', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 20 })),
      fc.integer({ min: 1, max: 9 }),
      async (parts, size) => {
        const whole = Buffer.concat(parts);

        const pieces = await allOf(inPieces(contentOf(parts), size));

        expect(Buffer.concat(pieces)).toEqual(whole);
        expect(pieces.slice(0, -1).every((piece) => piece.length === size)).toBe(true);
        expect(pieces).toHaveLength(Math.ceil(whole.length / size));
      },
    ),
  );
});
