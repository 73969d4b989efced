import { beforeEach, expect, test } from 'vitest';
import type { Root } from '../../src/points/root.ts';
import type { ProgressEvent } from '../../src/ports/progress.ts';
import {
  estimateSource,
  type EstimateOptions,
  type SourceEstimate,
} from '../../src/quote/estimate-source.ts';
import type { MemorySource } from '../../src/testing/index.ts';
import { Harness } from '../runs/harness.ts';

const mebibyte = 2 ** 20;
let harness: Harness;
let source: MemorySource;

beforeEach(() => {
  harness = new Harness();
  ({ source } = harness);
});

async function backUp(): Promise<Root> {
  return (await harness.backUp('full')).root;
}

async function estimate(options: Partial<EstimateOptions> = {}): Promise<SourceEstimate> {
  return estimateSource({ source, random: harness.random, ...options });
}

/** Bytes of which a share, from 0 to 1, is random, the rest text that compresses well. */
function contentOf(bytes: number, share: number): Buffer {
  const text = Buffer.alloc(bytes, 'the quick brown fox jumps over the lazy dog ');
  text.set(harness.random.bytes(Math.floor(bytes * share)));
  return text;
}

function plantMixture(files: number): void {
  for (let n = 0; n < files; n++)
    source.plant(`text/${n}`, contentOf(1_000 + ((n * 613) % 30_000), n % 4 === 0 ? 1 : 0.2));
  for (let n = 0; n < 20; n++) source.plant(`media/${n}`, contentOf(300_000 + n * 1_000, 0.9));
}

test('of a source that is read wholly, the quote is what the first backup stores, to 3 %', async () => {
  plantMixture(300);
  source.plant('large', contentOf(20 * mebibyte, 0.5));
  for (let n = 0; n < 50; n++) source.plant(`empty/${n}`);

  const { storedBytes, sample, listed } = await estimate();
  const { counts } = await backUp();

  expect(sample).toMatchObject({ isWhole: true, unread: 0, askedIndex: false });
  expect(listed).toEqual({ files: counts.files, bytes: counts.logicalBytes });
  expect(storedBytes.low).toBeLessThan(counts.storedBytes);
  expect(storedBytes.high).toBeGreaterThan(counts.storedBytes);
  expect(storedBytes.value / counts.storedBytes).toBeGreaterThan(0.97);
  expect(storedBytes.value / counts.storedBytes).toBeLessThan(1.03);
});

test('an estimate of a tenth has what the first backup stores between its ends, 17 times of 20 at least', async () => {
  plantMixture(800);
  const stored = (await backUp()).counts.storedBytes;

  let within = 0;
  for (let seed = 0; seed < 20; seed++) {
    const { storedBytes, sample } = await estimate({
      seed: `${seed}`,
      limits: { requests: 80, bytes: 4 * mebibyte },
    });
    expect(sample.units).toBeLessThanOrEqual(80);
    expect(Math.abs(storedBytes.value / stored - 1)).toBeLessThan(0.35);
    if (storedBytes.low <= stored && stored <= storedBytes.high) within += 1;
  }

  expect(within).toBeGreaterThanOrEqual(17);
});

test('copies of objects are found by a sample, and counted once', async () => {
  for (let n = 0; n < 400; n++) {
    const content = harness.random.bytes(5_000);
    for (const copy of ['a', 'b', 'c', 'd']) source.plant(`${copy}/${n}`, content);
  }

  const { repeatedBytes, storedBytes } = await estimate({ limits: { requests: 50, bytes: mebibyte } });
  const { counts } = await backUp();

  expect(repeatedBytes).toBeCloseTo(1_200 * 5_000, -4);
  expect(storedBytes.value / counts.storedBytes).toBeGreaterThan(0.95);
  expect(storedBytes.value / counts.storedBytes).toBeLessThan(1.05);
});

test('what the vault has already is not quoted again, where its index can be asked', async () => {
  source.plant('before', contentOf(3 * mebibyte, 1));
  await backUp();
  source.plant('after', contentOf(3 * mebibyte, 1));
  source.remove('before');
  const stored = { keys: await harness.keys(), index: harness.index };

  const other = await estimate({ stored });
  await backUp();
  const same = await estimate({ stored });

  expect(other.knownBytes).toBe(0);
  expect(same.knownBytes).toBe(3 * mebibyte);
  expect(same.storedBytes.value).toBeLessThan(2_000);
  expect(same.sample.askedIndex).toBe(true);
});

test('objects in an archive are counted, priced apart, and neither read nor stored', async () => {
  source.plant('a', 'x'.repeat(1_000));
  source.plant('cold', 'y'.repeat(9_000), { attributes: { 'storage-class': 'DEEP_ARCHIVE' } });
  source.plant('warm', 'z'.repeat(500), { attributes: { 'storage-class': 'GLACIER_IR' } });

  const { classes, frozen, sample } = await estimate();

  expect(classes).toEqual({
    STANDARD: { files: 1, bytes: 1_000 },
    DEEP_ARCHIVE: { files: 1, bytes: 9_000 },
    GLACIER_IR: { files: 1, bytes: 500 },
  });
  expect(frozen).toEqual({ files: 1, bytes: 9_000 });
  expect(source.opened.sort()).toEqual(['a', 'warm']);
  expect(sample.isWhole).toBe(true);
});

test('objects that cannot be read leave doubt, and no failure', async () => {
  for (let n = 0; n < 30; n++) source.plant(`${n}`, contentOf(2_000, 0.5));
  source.trap('3', 'deny');
  source.trap('4', 'vanish');

  const { sample, storedBytes } = await estimate();

  expect(sample).toMatchObject({ unread: 2, isWhole: false });
  expect(storedBytes.value).toBeGreaterThan(28 * 1_000);
});

test('nothing is written, and everything that was asked is counted', async () => {
  plantMixture(100);
  const events: ProgressEvent[] = [];

  const { asked } = await estimate({ onProgress: (event) => events.push(event) });

  // One request for a listing, one for each object.
  expect(asked.requests).toBe(121);
  expect(asked.dollars).toBeCloseTo(0.000_005 + 120 * 0.000_000_4, 9);
  expect(events.at(-1)).toMatchObject({ step: 'sample', files: 120, filesTotal: 120 });
});

test('an abort ends it', async () => {
  plantMixture(10);
  const abort = new AbortController();

  const asking = estimate({ signal: abort.signal, onProgress: () => abort.abort() });

  await expect(asking).rejects.toThrow(/abort/i);
});

test('what is compressed harder is quoted lower', async () => {
  for (let n = 0; n < 20; n++)
    source.plant(`${n}`, Array.from({ length: 9_000 }, (_, at) => (at * n) % 977).join(' '));

  const fast = await estimate({ compression: 'fast' });
  const max = await estimate({ compression: 'max' });

  expect(max.storedBytes.value).toBeLessThan(fast.storedBytes.value);
});

test('an empty source is quoted', async () => {
  expect(await estimate()).toMatchObject({
    listed: { files: 0, bytes: 0 },
    storedBytes: { value: 0, low: 0, high: 0 },
  });
});
