import { expect, test } from 'vitest';
import { utf8 } from '../../src/bytes.ts';
import type { SourceEntry } from '../../src/ports/file-source.ts';
import { chooseUnits } from '../../src/quote/choose-units.ts';
import { unitBytes, UnitSampler } from '../../src/quote/unit-sampler.ts';

function entryOf(path: string, size: number, changeToken: string, kind: SourceEntry['kind'] = 'object') {
  return {
    path: utf8(path),
    kind,
    size,
    modifiedMs: 0,
    changeToken,
    attributes: {},
    userMetadata: {},
    tags: {},
  } satisfies SourceEntry;
}

test('keeps a bounded number of units of each size, and counts all bytes', () => {
  const sampler = new UnitSampler('seed', 10);
  for (let n = 0; n < 5_000; n++) sampler.add(entryOf(`${n}`, 1_000, `${n}`));
  sampler.add(entryOf('large', 20 * unitBytes + 5, 'large'));

  const [small, parts] = sampler.strata();

  expect(small).toMatchObject({ bytes: 5_000_000, isWhole: false });
  expect(small?.units).toHaveLength(10);
  expect(parts).toMatchObject({ bytes: 20 * unitBytes + 5, isWhole: false });
  expect(new Set(parts?.units.map(({ offset }) => offset)).size).toBe(10);
});

/** Paths of the sample of small files. */
function draw(seed: string, listed: readonly SourceEntry[]): readonly string[] {
  const sampler = new UnitSampler(seed, 20);
  for (const entry of listed) sampler.add(entry);
  return sampler.strata()[0]?.units.map(({ entry }) => Buffer.from(entry.path).toString()) ?? [];
}

test('draws another sample for another seed, and the same for the same, whatever the order of the listing', () => {
  const entries = Array.from({ length: 1_000 }, (_, n) => entryOf(`${n}`, 1_000, `${n}`));
  expect(draw('a', entries.toReversed())).toEqual(draw('a', entries));
  expect(draw('b', entries)).not.toEqual(draw('a', entries));
});

test('every unit has the same chance to be drawn', () => {
  const times = Array.from({ length: 50 }, () => 0);
  for (let seed = 0; seed < 2_000; seed++) {
    const sampler = new UnitSampler(`${seed}`, 5);
    for (let n = 0; n < 50; n++) sampler.add(entryOf(`${n}`, 1_000, `${n}`));
    for (const { entry } of sampler.strata()[0]?.units ?? [])
      times[Number(Buffer.from(entry.path).toString())]! += 1;
  }

  // 200 times each, give or take five standard deviations.
  expect(Math.min(...times)).toBeGreaterThan(200 - 5 * 13.4);
  expect(Math.max(...times)).toBeLessThan(200 + 5 * 13.4);
});

test('all copies of an object are in the sample, or none is', () => {
  const sampler = new UnitSampler('seed', 30);
  for (let copy = 0; copy < 7; copy++)
    for (let n = 0; n < 500; n++) sampler.add(entryOf(`${copy}/${n}`, 1_000 + n, `etag ${n}`));

  const [stratum] = sampler.strata();

  expect(stratum?.units).toHaveLength(30);
  expect(new Set(stratum?.units.map(({ copies }) => copies))).toEqual(new Set([7]));
});

test('files of the same size and time are no copies of each other', () => {
  const sampler = new UnitSampler('seed', 30);
  for (const path of ['a', 'b']) sampler.add(entryOf(path, 1_000, 'same', 'file'));

  expect(sampler.strata()[0]?.units).toMatchObject([{ copies: 1 }, { copies: 1 }]);
});

test('a choice of units stays within its limits, and has something of every size', () => {
  const sampler = new UnitSampler('seed', 1_000);
  for (let n = 0; n < 3_000; n++) sampler.add(entryOf(`s${n}`, 2_000, `s${n}`));
  for (let n = 0; n < 300; n++) sampler.add(entryOf(`m${n}`, 500_000, `m${n}`));
  for (let n = 0; n < 10; n++) sampler.add(entryOf(`l${n}`, 100 * unitBytes, `l${n}`));
  const limits = { requests: 200, bytes: 256 * 2 ** 20 };

  const chosen = chooseUnits(sampler.strata(), limits);

  expect(chosen.flat().length).toBeLessThanOrEqual(200);
  expect(chosen.flat().reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(limits.bytes);
  for (const units of chosen) expect(units.length).toBeGreaterThan(10);
});

test('what is smaller than the limits is chosen wholly', () => {
  const sampler = new UnitSampler('seed', 100);
  for (let n = 0; n < 90; n++) sampler.add(entryOf(`s${n}`, 2_000, `s${n}`));
  sampler.add(entryOf('m', 500_000, 'm'));

  expect(chooseUnits(sampler.strata(), { requests: 100, bytes: 2 ** 20 }).flat()).toHaveLength(91);
});
