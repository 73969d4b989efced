import { describe, expect, test } from 'vitest';
import { compareBytes, fromHex, toHex } from '../../src/bytes.ts';
import { MissingPaths } from '../../src/points/missing-paths.ts';
import { diffPoints, listEntries } from '../../src/restore/browse.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { Harness, type State } from '../runs/harness.ts';
import { seedsOf } from '../thoroughness.ts';
import { changeSource, Dice } from '../runs/random-changes.ts';

async function linesOf(reader: PointReader, path: string, recursive = false): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of listEntries(reader, path, recursive)) {
    if ('directory' in line) lines.push(`dir ${line.directory}`);
    else lines.push(`file ${Buffer.from(line.file.entry.path).toString('utf8')}`);
    if (lines.length > 10_000) throw new Error('the listing does not end');
  }
  return lines;
}

/** What a listing is, worked out over all paths. */
function naiveLines(state: State, path: string): string[] {
  const prefix = Buffer.from(path);
  const lines: string[] = [];
  const paths = [...state.keys()].map((hex) => Buffer.from(fromHex(hex))).sort(compareBytes);
  let last: Buffer | undefined;
  for (const name of paths) {
    if (!name.subarray(0, prefix.length).equals(prefix)) continue;
    const slash = name.indexOf('/', prefix.length);
    if (slash < 0 || slash === name.length - 1) {
      lines.push(`file ${name.toString('utf8')}`);
      continue;
    }
    const directory = name.subarray(0, slash + 1);
    if (last?.equals(directory) !== true) lines.push(`dir ${directory.toString('utf8')}`);
    last = directory;
  }
  return lines;
}

async function backedUp(paths: readonly (string | Uint8Array)[]): Promise<PointReader> {
  const harness = new Harness('browse');
  for (const path of paths) harness.source.plant(path, 'content');
  const { root } = await harness.backUp('full');
  return harness.open(root.point);
}

describe('a listing', () => {
  test('shows what is directly below, and directories once each', async () => {
    const reader = await backedUp(['a', 'a/1', 'a/2', 'a/b/3', 'b/', 'b/4', 'z']);

    expect(await linesOf(reader, '')).toEqual(['file a', 'dir a/', 'file b/', 'dir b/', 'file z']);
    expect(await linesOf(reader, 'a/')).toEqual(['file a/1', 'file a/2', 'dir a/b/']);
    expect(await linesOf(reader, 'a')).toEqual(['file a']);
    expect(await linesOf(reader, 'nowhere/')).toEqual([]);
    expect(await linesOf(reader, 'nowhere')).toEqual([]);
  });

  test('takes keys with empty names for what they are', async () => {
    const reader = await backedUp(['/', '//', '//x', '/leading', 'a//b']);

    expect(await linesOf(reader, '')).toEqual(['file /', 'dir /', 'dir a/']);
    expect(await linesOf(reader, '/')).toEqual(['file /', 'file //', 'dir //', 'file /leading']);
    expect(await linesOf(reader, '//')).toEqual(['file //', 'file //x']);
    expect(await linesOf(reader, 'a/')).toEqual(['dir a//']);
  });

  test('ends for paths that are no UTF-8', async () => {
    const reader = await backedUp([
      Uint8Array.of(0xff, 0x2f, 0x61),
      Uint8Array.of(0xff, 0x2f, 0x62),
      Uint8Array.of(0x80, 0x2f, 0x61),
      'ï¿½/later',
    ]);

    expect(await linesOf(reader, '')).toEqual(['dir \ufffd/', 'dir ï¿½/', 'dir \ufffd/']);
    expect(await linesOf(reader, '', true)).toHaveLength(4);
  });

  test('reads only a few pages of a large point', async () => {
    const harness = new Harness('large');
    for (let file = 0; file < 4_000; file += 1) {
      const userMetadata = { note: toHex(harness.random.bytes(500)) };
      harness.source.plant(`${file % 3}/${file}`, `content ${file % 7}`, { userMetadata });
    }
    const { root } = await harness.backUp('full');
    const reader = await harness.open(root.point);
    harness.store.resetCounters();

    expect(await linesOf(reader, '')).toEqual(['dir 0/', 'dir 1/', 'dir 2/']);

    const pages = await harness.open(root.point);
    const few = harness.store.bytesFetched;
    await Array.fromAsync(pages.manifest.range());
    expect(few).toBeLessThan((harness.store.bytesFetched - few) / 2);
  });

  test.each(seedsOf(4))('is what one would work out over all paths, seed %i', async (seed) => {
    const harness = new Harness(`browse ${seed}`);
    await changeSource(harness, new Dice(new SeededRandom(`browse ${seed}`)), 120);
    const { root } = await harness.backUp('full');
    const state = await harness.snapshotOfSource();
    const reader = await harness.open(root.point);

    for (const path of ['', 'a/', 'b/', 'b/c/', 'photos/', '/', '//', 'photos/2025/', 'a//']) {
      expect(await linesOf(reader, path), path).toEqual(naiveLines(state, path));
    }
  });
});

describe('differences between two points', () => {
  test.each(seedsOf(6))('are what one would find by comparing everything, seed %i', async (seed) => {
    const harness = new Harness(`diff ${seed}`);
    const dice = new Dice(new SeededRandom(`diff ${seed}`));
    await changeSource(harness, dice, 60);
    const first = await harness.backUp('full');
    const before = await harness.snapshotOfSource();
    await changeSource(harness, dice, 12);
    const second = await harness.backUp(dice.pick(['incremental', 'full'] as const));
    const after = await harness.snapshotOfSource();

    const found = await Array.fromAsync(
      diffPoints(await harness.open(first.root.point), await harness.open(second.root.point)),
    );

    const same = (path: string): boolean =>
      JSON.stringify(before.get(path)) === JSON.stringify(after.get(path));
    const expected = [...new Set([...before.keys(), ...after.keys()])].sort().filter((path) => !same(path));
    expect(found.map(({ path }) => toHex(path))).toEqual(expected);
    for (const { path, change, before: old, after: current } of found) {
      const hex = toHex(path);
      expect(change).toBe(!before.has(hex) ? 'added' : !after.has(hex) ? 'removed' : 'changed');
      expect(old?.entry.changeToken).toBe(before.get(hex)?.entry.changeToken);
      expect(current?.entry.changeToken).toBe(after.get(hex)?.entry.changeToken);
    }
  });

  test('leave out what a run only noted for itself', async () => {
    const harness = new Harness('noted');
    harness.source.plant('settled', 'content');
    harness.clock.advance(60_000);
    harness.source.plant('racy', 'content', { modifiedMs: harness.clock.now().getTime() + 60_000 });
    const first = await harness.backUp('full');
    const second = await harness.backUp('incremental');

    const found = diffPoints(await harness.open(first.root.point), await harness.open(second.root.point));

    expect(harness.source.opened.filter((path) => path === 'racy')).toHaveLength(2);
    expect(await Array.fromAsync(found)).toEqual([]);
  });

  test('show content that changed within one tick of its time stamp', async () => {
    const harness = new Harness('tick');
    harness.source.plant('file', 'old');
    const first = await harness.backUp('full');
    const entry = [...(await harness.snapshotOfSource()).values()][0]?.entry;
    // A source whose change token missed the change, and a base that says that the file must be read.
    harness.source.plant('file', 'new');
    const second = await harness.backUp('full', {
      source: new Proxy(harness.source, {
        get: (source, name) =>
          name === 'list'
            ? async function* (...range: Parameters<typeof source.list>) {
                for await (const listed of source.list(...range)) yield listed;
              }
            : name === 'open'
              ? async (...args: Parameters<typeof source.open>) => ({
                  ...(await source.open(...args)),
                  entry,
                })
              : Reflect.get(source, name)?.bind(source),
      }),
    });

    const found = diffPoints(await harness.open(first.root.point), await harness.open(second.root.point));

    expect((await Array.fromAsync(found)).map(({ change }) => change)).toEqual(['changed']);
  });

  test('tell what could not be read from what was removed and added', async () => {
    const harness = new Harness('unread');
    for (const path of ['carried', 'denied', 'removed', 'same']) harness.source.plant(path, 'old');
    harness.clock.advance(60_000);
    const first = await harness.backUp('full');
    for (const path of ['carried', 'denied', 'added']) harness.source.plant(path, 'another');
    harness.source.remove('removed');
    for (const path of ['carried', 'denied']) harness.source.trap(path, 'deny');
    harness.clock.advance(60_000);
    const carrying = await harness.backUp('incremental');
    const lacking = await harness.backUp('full');
    const diff = async (from: typeof first, to: typeof first): Promise<string[]> => {
      const found = diffPoints(await harness.open(from.root.point), await harness.open(to.root.point));
      return Array.fromAsync(
        found,
        ({ path, change, unreadIn }) => `${Buffer.from(path).toString()} ${change} ${unreadIn ?? ''}`,
      );
    };

    expect(await diff(first, carrying)).toEqual([
      'added added ',
      'carried unread after',
      'denied unread after',
      'removed removed ',
    ]);
    expect(await diff(first, lacking)).toEqual([
      'added added ',
      'carried unread after',
      'denied unread after',
      'removed removed ',
    ]);
    expect(await diff(lacking, first)).toEqual([
      'added removed ',
      'carried unread before',
      'denied unread before',
      'removed added ',
    ]);
  });

  test('are unclear where the root names only some of what it lacks', async () => {
    const harness = new Harness('unclear');
    const paths = Array.from({ length: 1_002 }, (_, at) => `f${String(at).padStart(4, '0')}`);
    for (const path of [...paths, 'removed', 'z']) harness.source.plant(path, 'old');
    harness.clock.advance(60_000);
    const first = await harness.backUp('full');
    for (const path of paths) harness.source.trap(path, 'deny');
    harness.source.remove('removed');
    const second = await harness.backUp('full');

    const found = await Array.fromAsync(
      diffPoints(await harness.open(first.root.point), await harness.open(second.root.point)),
    );

    expect(Object.groupBy(found, ({ change }) => change)).toMatchObject({
      unread: { length: 1_000 },
      unclear: { length: 3 },
    });
  });
});

describe('paths that a point lacks', () => {
  const facts = { warnings: 2, unread: { carried: 0, missing: 2 } } as const;
  const warningList = [
    { path: 'closed/', reason: 'denied', message: '', unread: 'missing' },
    { path: 'file', reason: 'denied', message: '', unread: 'missing' },
  ] as const;

  test.each([
    ['directory', 'closed/deep/x', true],
    ['directory', 'file/x', false],
    ['s3-bucket', 'closed/deep/x', false],
    ['s3-bucket', 'closed/', true],
  ] as const)('of a %s have %s among them: %s', (resourceKind, path, isMissing) => {
    const missing = new MissingPaths({ ...facts, resourceKind, warningList: [...warningList] });

    expect(missing.has(Buffer.from(path))).toBe(isMissing);
  });
});
