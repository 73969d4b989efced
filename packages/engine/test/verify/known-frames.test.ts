import { expect, test } from 'vitest';
import type { ChunkId, PackId } from '../../src/ids.ts';
import { KnownFrames } from '../../src/verify/known-frames.ts';

const pack = 'aa'.repeat(16) as PackId;
const id = '0123456789abcdef'.repeat(4) as ChunkId;
const frame = { id, frame: 3, offset: 1_000, length: 500 };

test('a frame is known once it was noted, and only as what it was noted', () => {
  const frames = new KnownFrames();
  expect(frames.isKnown(pack, frame)).toBe(false);

  frames.note(pack, frame);

  expect(frames.isKnown(pack, frame)).toBe(true);
  expect(frames.isKnown('bb'.repeat(16) as PackId, frame)).toBe(false);
  for (const other of [{ frame: 4 }, { offset: 1_001 }, { length: 501 }, { id: 'f'.repeat(64) as ChunkId }])
    expect(frames.isKnown(pack, { ...frame, ...other })).toBe(false);
});

test('frames of large numbers are known beside the first ones', () => {
  const frames = new KnownFrames();
  const numbers = [0, 63, 64, 1_000, 1_023, 1_024];
  for (const number of numbers) frames.note(pack, { ...frame, frame: number });

  expect(numbers.map((number) => frames.isKnown(pack, { ...frame, frame: number }))).not.toContain(false);
});

test('what does not fit is not remembered', () => {
  const frames = new KnownFrames(100);
  frames.note(pack, frame);
  frames.note(pack, { ...frame, frame: 4_000_000_000 });
  frames.note('bb'.repeat(16) as PackId, frame);

  expect(frames.isKnown(pack, frame)).toBe(true);
  expect(frames.isKnown(pack, { ...frame, frame: 4_000_000_000 })).toBe(false);
  expect(frames.isKnown('bb'.repeat(16) as PackId, frame)).toBe(false);
});
