import { expect, test } from 'vitest';
import { planRestore, planSomeRestore } from '../../src/restore/plan-restore.ts';
import { splitDirectories } from '../../src/restore/split-directories.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';
import { Harness } from '../runs/harness.ts';

const noLimit = { files: 1_000_000, bytes: 2 ** 40 };

async function pointOf(paths: readonly string[]): Promise<PointReader> {
  const harness = new Harness('split');
  for (const path of paths) {
    const kind = path.endsWith('/') ? 'directory' : 'file';
    harness.source.plant(path, kind === 'file' ? `content of ${path}` : '', { kind });
  }
  const { root } = await harness.backUp('full');
  return harness.open(root.point);
}

async function splitBy(reader: PointReader, files: number, paths?: readonly string[]): Promise<string[]> {
  const { shards } = await planRestore(reader, {
    limits: { ...noLimit, files },
    workers: 2,
    paths,
  });
  return (await splitDirectories(reader, shards)).restored.map(({ path }) =>
    Buffer.from(path).toString('utf8'),
  );
}

test('names the directories that a cut runs through, and no others', async () => {
  const reader = await pointOf(['a/', 'a/1', 'b/', 'b/c/', 'b/c/1', 'b/c/2', 'b/d', 'e/', 'e/1']);

  // a/ a/1 | b/ b/c/ | b/c/1 b/c/2 | b/d e/ | e/1
  expect(await splitBy(reader, 2)).toEqual(['b/', 'b/c/', 'e/']);
  expect(await splitBy(reader, 100)).toEqual([]);
});

test('leaves out directories above a selection, and paths that are none', async () => {
  const reader = await pointOf(['a/', 'a/b/', 'a/b/1', 'a/b/2', 'n/1', 'n/2']);

  expect(await splitBy(reader, 1, ['a/b/'])).toEqual(['a/b/']);
  expect(await splitBy(reader, 1, ['n/'])).toEqual([]);
});

test('names every directory whose content another shard restores, wherever pages are cut', async () => {
  const names = Array.from({ length: 40 }, (_, at) => `d${at}/`);
  const files = names.flatMap((name) => Array.from({ length: 30 }, (_, at) => `${name}${at}`));
  const reader = await pointOf([...names, ...files]);

  const options = { limits: { ...noLimit, files: 200 }, workers: 2, exactEntries: 0 };
  const { shards } = await planRestore(reader, options);
  const { restored: split } = await splitDirectories(reader, shards);

  expect(shards.length).toBeGreaterThan(4);
  expect(split.length).toBeGreaterThan(0);
  expect(split.length).toBeLessThan(shards.length);
});

test('makes the same cuts over several calls as in one', async () => {
  const reader = await pointOf(Array.from({ length: 900 }, (_, at) => `file-${at}`));
  const options = { limits: { ...noLimit, files: 1 }, workers: 2, exactEntries: 10 };
  const expected = await planRestore(reader, options);
  let calls = 1;
  let step = await planSomeRestore(reader, { ...options, shouldStop: () => true });

  while (!step.done) {
    calls += 1;
    step = await planSomeRestore(reader, { ...options, shouldStop: () => true }, step.planning);
  }

  // 1,800 entries, as a file is one and its content another, in parts of 200 cuts.
  expect(calls).toBe(9);
  expect(step.plan).toEqual(expected);
  expect(step.plan.shards.length).toBeGreaterThan(4);
});

test('cuts a point without entries into nothing', async () => {
  const { shards } = await planRestore(await pointOf([]), { limits: noLimit, workers: 2, exactEntries: 0 });

  expect(shards).toEqual([]);
});
