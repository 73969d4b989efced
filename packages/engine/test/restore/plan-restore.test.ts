import { describe, expect, test } from 'vitest';
import { UnknownNameError } from '../../src/errors.ts';
import {
  keysOfRestoreShard,
  planRestore,
  planSomeRestore,
  RestorePlanning,
} from '../../src/restore/plan-restore.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { MemoryTarget } from '../../src/testing/index.ts';
import { Harness } from '../runs/harness.ts';
import { mixed } from './mixed-point.ts';

const limits = { files: 10_000, bytes: 2 ** 30 };

async function restorePaths(
  reader: PointReader,
  paths: readonly string[] | undefined,
  files = 10_000,
): Promise<string[]> {
  const { shards } = await planRestore(reader, {
    paths,
    limits: { ...limits, files },
    workers: 2,
  });
  const target = new MemoryTarget();
  for (const shard of shards)
    await restoreRange(reader, { range: keysOfRestoreShard(shard), target, overwrite: 'never' });
  return target.entries.map(({ entry }) => Buffer.from(entry.path).toString());
}

describe('a selection of paths', () => {
  test('restores exactly one entry for a path, and all below for a directory', async () => {
    const { reader } = await mixed();

    expect(await restorePaths(reader, ['a'])).toEqual(['a']);
    expect(await restorePaths(reader, ['a/'])).toEqual(['a/1', 'a/2', 'a/b/3']);
    expect(await restorePaths(reader, ['z', 'a/b/', 'a/1'])).toEqual(['a/1', 'a/b/3', 'z']);
    expect(await restorePaths(reader, ['a/', 'a/1', 'a/b/'])).toEqual(['a/1', 'a/2', 'a/b/3']);
    expect(await restorePaths(reader, ['../../etc/passwd'])).toEqual(['../../etc/passwd']);
  });

  test('names the path that selects nothing', async () => {
    const { reader } = await mixed();

    await expect(restorePaths(reader, ['a', 'missing', 'z'])).rejects.toThrow(UnknownNameError);
    await expect(restorePaths(reader, ['a', 'missing', 'z'])).rejects.toThrow('"missing"');
    await expect(restorePaths(reader, ['b'])).rejects.toThrow('"b"');
    await expect(restorePaths(reader, ['aa/'])).rejects.toThrow('"aa/"');
  });

  test('names the path that selects nothing inside or beside another that is selected too', async () => {
    const { reader } = await mixed();

    await expect(restorePaths(reader, ['a/', 'a/missing'])).rejects.toThrow(UnknownNameError);
    await expect(restorePaths(reader, ['a/', 'a/missing'])).rejects.toThrow('nothing at "a/missing"');
    await expect(restorePaths(reader, ['a/b/', 'a/', 'a/b/none/'])).rejects.toThrow('nothing at "a/b/none/"');
    // The keys of these two touch each other.
    await expect(restorePaths(reader, ['a', 'a\u0000'])).rejects.toThrow('nothing at "a\\u0000"');
    expect(await restorePaths(reader, ['a/', 'a/2'])).toEqual(['a/1', 'a/2', 'a/b/3']);
  });

  test.each([1, 2, 3])('is the same in shards of %i files', async (files) => {
    const { reader } = await mixed();
    const all = await restorePaths(reader, undefined);

    expect(await restorePaths(reader, undefined, files)).toEqual(all);
    expect(all).toHaveLength(8);
  });

  test.each([undefined, ['a/', 'z']])('is planned the same with one file a call: %j', async (paths) => {
    const { reader } = await mixed();
    for (const files of [1, 2, 10_000]) {
      const options = { paths, limits: { ...limits, files }, workers: 2 };
      const expected = await planRestore(reader, options);
      let planning: RestorePlanning | undefined;
      let calls = 0;
      for (;;) {
        calls += 1;
        const step = await planSomeRestore(reader, { ...options, shouldStop: () => true }, planning);
        if (step.done) {
          expect(step.plan).toEqual(expected);
          break;
        }
        planning = RestorePlanning.parse(JSON.parse(JSON.stringify(step.planning)));
      }
      expect(calls).toBe(paths === undefined ? 8 : 4);
    }
  });

  test('quotes what will be read and written', async () => {
    const { reader } = await mixed();

    const { quote, shards } = await planRestore(reader, { paths: ['a/', 'z'], limits, workers: 2 });

    expect(shards).toHaveLength(2);
    expect(quote).toMatchObject({ files: 4, bytes: 'content of '.length * 4 + 3 + 3 + 5 + 1 });
  });

  test('of a point without entries is nothing to do', async () => {
    const harness = new Harness('empty');
    const { root } = await harness.backUp('full');
    const reader = await harness.open(root.point);

    expect((await planRestore(reader, { limits, workers: 1 })).shards).toEqual([]);
    expect((await harness.restore(root.point)).state.size).toBe(0);
  });
});
