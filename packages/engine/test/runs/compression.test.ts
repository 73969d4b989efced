import { expect, test } from 'vitest';
import { newId } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import type { CompressionLevel } from '../../src/model/compression.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { recordText } from '../../src/testing/index.ts';
import { describeState, Harness } from './harness.ts';

function withTexts(): Harness {
  const harness = new Harness('compression');
  for (const name of ['one', 'two', 'three']) harness.source.plant(name, recordText(name));
  return harness;
}

async function storedAt(compression: CompressionLevel) {
  const harness = withTexts();
  const full = await harness.backUp('full', { compression });
  const container = await harness.backUp('synthetic-full', { compression });
  return { full: full.root.counts.storedBytes, container: container.root.counts.storedBytes };
}

test('stores a text in fewer bytes at a higher level, and joins it in fewer', async () => {
  const [fast, max] = [await storedAt('fast'), await storedAt('max')];

  expect(max.full).toBeLessThan(0.97 * fast.full);
  expect(max.container).toBeLessThan(0.97 * fast.container);
});

test('restores what was stored at any level, and stores nothing anew for another one', async () => {
  const harness = withTexts();

  await harness.backUp('full', { compression: 'fast' });
  harness.source.plant('four', recordText('four'));
  const { root } = await harness.backUp('incremental', { compression: 'max' });

  expect(root.counts.newBytes).toBe(recordText('four').length);
  expect(describeState((await harness.restore(root.point)).state)).toEqual(
    describeState(await harness.snapshotOfSource()),
  );
});

test('keeps the level that a run was opened with when it is opened again', async () => {
  const harness = withTexts();
  const runId = newId<RunId>(harness.random);

  await openRun(harness.services, harness.request('full', { runId, compression: 'max' }));
  const again = await openRun(harness.services, harness.request('full', { runId, compression: 'fast' }));

  expect(again).toMatchObject({ state: 'open', plan: { compression: 'max' } });
});
