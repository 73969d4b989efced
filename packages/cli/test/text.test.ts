import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesText, durationText, jsonText, pathFields, safeText } from '../src/terminal/text.ts';

test('no text reaches a terminal with a control character in it', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.oneof(
          fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
          fc.constantFrom('\u001b', '\u009b', '\u202e'),
        ),
      }),
      (text) => {
        for (const shown of [safeText(text), jsonText({ text })])
          expect(shown).not.toMatch(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u);
        expect(JSON.parse(jsonText({ text }))).toEqual({ text });
      },
    ),
  );
});

test('text without them stays as it is', () => {
  expect(safeText('Фото/2026 – ü 🎉.jpg')).toBe('Фото/2026 – ü 🎉.jpg');
});

test("a program can always get a path's bytes back", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (path) => {
      const fields = pathFields(path);

      const bytes =
        fields.pathBase64 === undefined ? Buffer.from(fields.path) : Buffer.from(fields.pathBase64, 'base64');

      expect(bytes.equals(path)).toBe(true);
    }),
  );
});

test.for([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [12 * 2 ** 20, '12 MiB'],
  [5 * 2 ** 40, '5.0 TiB'],
] as const)('%d bytes are %s', ([bytes, wanted]) => {
  expect(bytesText(bytes)).toBe(wanted);
});

test.for([
  [0.4, '0 s'],
  [90, '90 s'],
  [600, '10 min'],
  [30 * 3600, '30 h'],
  [4 * 86_400, '4 d'],
] as const)('%d seconds are %s', ([seconds, wanted]) => {
  expect(durationText(seconds)).toBe(wanted);
});
