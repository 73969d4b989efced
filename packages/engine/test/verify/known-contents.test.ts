import { expect, test } from 'vitest';
import type { ChunkId, PackId } from '../../src/ids.ts';
import { KnownContents } from '../../src/verify/known-contents.ts';

const pack = 'aa'.repeat(16) as PackId;
const id = '0123456789abcdef'.repeat(4) as ChunkId;
const content = { id, plainBytes: 80, frame: 3, offset: 1_000, length: 500, contentBytes: 900, start: 20 };

test('a content is known once it was noted, and only as what it was noted', () => {
  const known = new KnownContents();
  expect(known.isKnown(pack, content)).toBe(false);

  known.note(pack, content);

  expect(known.isKnown(pack, content)).toBe(true);
  expect(known.isKnown('bb'.repeat(16) as PackId, content)).toBe(false);
  const others = [
    { frame: 4 },
    { offset: 1_001 },
    { length: 501 },
    { start: 21 },
    { contentBytes: 901 },
    { plainBytes: 81 },
    { id: 'f'.repeat(64) as ChunkId },
  ];
  for (const other of others) expect(known.isKnown(pack, { ...content, ...other })).toBe(false);
});

test('thousands are known beside each other, also with nearly the same ids', () => {
  const known = new KnownContents();
  const contents = Array.from({ length: 5_000 }, (_, at) => ({
    id: (at % 7).toString(16).padStart(64, '0') as ChunkId,
    frame: at >> 4,
    offset: 40 + 100 * (at >> 4),
    length: 100,
    plainBytes: 10,
    contentBytes: 160,
    start: at % 16,
  }));
  for (const one of contents) known.note(pack, one);

  expect(contents.every((one) => known.isKnown(pack, one))).toBe(true);
  expect(contents.some((one) => known.isKnown(pack, { ...one, length: 101 }))).toBe(false);
});

test('what does not fit is not remembered', () => {
  const known = new KnownContents(2);
  const places = [content, { ...content, frame: 4 }, { ...content, frame: 5 }];
  for (const one of places) known.note(pack, one);

  expect(places.map((one) => known.isKnown(pack, one))).toEqual([true, true, false]);
});
