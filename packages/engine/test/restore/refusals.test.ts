import { describe, expect, test } from 'vitest';
import { AccessDeniedError, TargetUnavailableError } from '../../src/errors.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import type { OverwriteRule } from '../../src/model/machines/restore-request.ts';
import { keysOfRestoreShard, planRestore } from '../../src/restore/plan-restore.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange, type RestoreOutcome } from '../../src/restore/restore-range.ts';
import { selectKeys } from '../../src/restore/selection.ts';
import { type MemoryObjectStore, MemoryTarget } from '../../src/testing/index.ts';
import { Harness, packMapOf } from '../runs/harness.ts';

async function pointOf(paths: readonly string[]): Promise<PointReader> {
  const harness = new Harness('refusals');
  for (const path of paths) harness.source.plant(path, path.endsWith('/') ? '' : `content of ${path}`);
  const { root } = await harness.backUp('full');
  return harness.open(root.point);
}

function numbered(folder: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${folder}/${String(at).padStart(3, '0')}`);
}

describe('an entry that the target refuses', () => {
  test.each(['never', 'if-different', 'always'] as const)(
    'is named and counted, and the others are restored (%s)',
    async (overwrite) => {
      const reader = await pointOf(numbered('a', 40));
      const target = new MemoryTarget();
      target.deny('a/007');
      target.deny('a/02', 'unfit');

      const outcome = await restoreRange(reader, { range: {}, target, overwrite });

      expect(outcome).toMatchObject({ files: 40, written: 29 });
      expect(outcome.failed.map(({ path }) => path)).toEqual(['a/007', ...numbered('a', 40).slice(20, 30)]);
      expect(outcome.failed[0]).toMatchObject({ name: 'TargetEntryError' });
      expect(outcome.failed[0]?.message).toContain('"a/007"');
    },
  );

  test('ends a restore neither alone nor with all of its folder, however many come first', async () => {
    const reader = await pointOf([...numbered('a', 250), 'b/1', 'b/2']);
    const target = new MemoryTarget();
    target.deny('a/');

    const outcome = await restoreRange(reader, { range: {}, target, overwrite: 'never' });

    expect(outcome).toMatchObject({ files: 252, written: 2 });
    expect(outcome.failed).toHaveLength(250);
  });

  test('does not end the restore of a worker whose whole part is refused while others are not', async () => {
    const reader = await pointOf([...numbered('a', 150), ...numbered('b', 150)]);
    const target = new MemoryTarget();
    target.deny('a/');
    const [range] = selectKeys(['a/']);

    const outcome = await restoreRange(reader, {
      range: range ?? {},
      selection: [{}],
      target,
      overwrite: 'never',
    });

    expect(outcome.failed).toHaveLength(150);
  });
});

describe('a target that refuses everything', () => {
  test('ends the restore with its reason, after a bounded number of questions', async () => {
    const reader = await pointOf(numbered('a', 600));
    const target = new MemoryTarget();
    target.deny('');

    const restoring = restoreRange(reader, { range: {}, target, overwrite: 'never' });

    await expect(restoring).rejects.toBeInstanceOf(TargetUnavailableError);
    await expect(restoring).rejects.toThrow(/takes nothing.*may not be written here/);
    expect(target.asked).toBeLessThan(150);
  });

  test('is not told from one that refuses a small restore: that is named entry by entry', async () => {
    const target = new MemoryTarget();
    target.deny('');

    const outcome = await restoreRange(await pointOf(numbered('a', 20)), {
      range: {},
      target,
      overwrite: 'never',
    });

    expect(outcome.failed).toHaveLength(20);
  });
});

/** A store that refuses to give objects whose names are told. */
function denying(store: MemoryObjectStore, isDenied: (name: string) => boolean): MemoryObjectStore {
  return new Proxy(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        if (property === 'get' && isDenied(String(args[0])))
          throw new AccessDeniedError(`reading ${String(args[0])} was refused`);
        return Reflect.apply(member, target, args);
      };
    },
  });
}

async function twoPacks(): Promise<{ harness: Harness; reader: PointReader }> {
  const harness = new Harness('refused packs');
  for (const path of numbered('a', 10)) harness.source.plant(path, harness.random.bytes(3_000));
  await harness.backUp('full');
  for (const path of numbered('b', 10)) harness.source.plant(path, harness.random.bytes(3_000));
  const { root } = await harness.backUp('incremental');
  return { harness, reader: await harness.open(root.point) };
}

describe('an object of the vault that may not be read', () => {
  test('costs the files that need it, also where it comes first', async () => {
    const { harness, reader } = await twoPacks();
    for (const at of [0, 1]) {
      const packs = await packMapOf(reader);
      const denied = objectNameOf(packs[at] as (typeof packs)[number]);
      const store = denying(harness.store, (name) => name === denied);
      const target = new MemoryTarget();

      const outcome = await restoreRange(new PointReader(store, reader.keys, reader.root), {
        range: {},
        target,
        overwrite: 'never',
      });

      expect(outcome).toMatchObject({ files: 20, written: 10 });
      expect(new Set(outcome.failed.map(({ name }) => name))).toEqual(new Set(['ObjectRefusedError']));
    }
  });

  test('does not end the restore of a worker that needs nothing else', async () => {
    const { harness, reader } = await twoPacks();
    const packs = (await packMapOf(reader)).map(objectNameOf);
    const store = denying(harness.store, (name) => packs.includes(name));
    const [range = {}] = selectKeys(['a/']);

    const outcome = await restoreRange(new PointReader(store, reader.keys, reader.root), {
      range,
      selection: [{}],
      target: new MemoryTarget(),
      overwrite: 'never',
    });

    expect(outcome.failed).toHaveLength(10);
  });

  test('ends the restore when none may be read', async () => {
    const { harness, reader } = await twoPacks();
    const packs = (await packMapOf(reader)).map(objectNameOf);
    const store = denying(harness.store, (name) => packs.includes(name));

    const restoring = restoreRange(new PointReader(store, reader.keys, reader.root), {
      range: {},
      target: new MemoryTarget(),
      overwrite: 'never',
    });

    await expect(restoring).rejects.toBeInstanceOf(AccessDeniedError);
  });
});

/** Restores shard by shard, in any order, as several workers do. */
async function restoreInShards(
  reader: PointReader,
  target: MemoryTarget,
  options: {
    readonly overwrite: OverwriteRule;
    readonly paths?: readonly string[];
    readonly backwards?: boolean;
  },
): Promise<readonly RestoreOutcome[]> {
  const { overwrite, paths, backwards } = options;
  const limits = { files: 1, bytes: 2 ** 30 };
  const { shards } = await planRestore(reader, { limits, workers: 4, paths });
  const selection = selectKeys(paths);
  const outcomes: RestoreOutcome[] = [];
  for (const shard of backwards === true ? shards.toReversed() : shards)
    outcomes.push(
      await restoreRange(reader, { range: keysOfRestoreShard(shard), selection, target, overwrite }),
    );
  return outcomes;
}

const failedIn = (outcomes: readonly RestoreOutcome[]): readonly string[] =>
  outcomes.flatMap(({ failed }) => failed.map(({ path }) => path)).sort();

describe('two entries of a point that have one place in a tree', () => {
  const paths = [
    'a',
    'a!b',
    'a-b/c',
    'a-b/c-d',
    'a-b/c/',
    'a-b/c/e',
    'a/',
    'a/b',
    'a/b/c',
    'ab',
    'd/',
    'd/e',
  ];
  const without = ['a-b/c/', 'a-b/c/e', 'a/', 'a/b', 'a/b/c'];

  test.each(['never', 'if-different', 'always'] as const)(
    'are not both restored: the later one is named, the earlier one stays (%s)',
    async (overwrite) => {
      const reader = await pointOf(paths);
      const target = new MemoryTarget(undefined, 'tree');

      for (const round of ['first', 'again']) {
        const outcome = await restoreRange(reader, { range: {}, target, overwrite });

        expect(failedIn([outcome]), round).toEqual(without);
        expect(outcome.failed[0]).toMatchObject({ name: 'RestorePathError' });
        expect(target.entries.map(({ entry }) => Buffer.from(entry.path).toString())).toEqual(
          paths.filter((path) => !without.includes(path)),
        );
      }
    },
  );

  test.each([{ backwards: false }, { backwards: true }])(
    'are told apart by names alone, whichever worker comes first (backwards: $backwards)',
    async ({ backwards }) => {
      const target = new MemoryTarget(undefined, 'tree');

      const outcomes = await restoreInShards(await pointOf(paths), target, {
        overwrite: 'always',
        backwards,
      });

      expect(failedIn(outcomes)).toEqual(without);
      expect(target.entries).toHaveLength(paths.length - without.length);
    },
  );

  test('are both restored where names are only names', async () => {
    const target = new MemoryTarget();

    const outcomes = await restoreInShards(await pointOf(paths), target, { overwrite: 'never' });

    expect(failedIn(outcomes)).toEqual([]);
    expect(target.entries).toHaveLength(paths.length);
  });

  test('are no two where only one of them is asked for', async () => {
    const target = new MemoryTarget(undefined, 'tree');

    const outcomes = await restoreInShards(await pointOf(paths), target, {
      overwrite: 'never',
      paths: ['a/'],
    });

    expect(failedIn(outcomes)).toEqual(['a/b/c']);
    expect(target.find('a/b')).toBeDefined();
  });
});
