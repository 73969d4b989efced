import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { compareBytes } from '@holdfast/engine';
import { allOf, FakeClock } from '@holdfast/engine/testing';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { DirectorySource } from '../src/index.ts';
import { plantTree } from './plant-tree.ts';
import type { Planted } from './plant-tree.ts';
import { makeSource, latin1, bytes, paths, entryAt, contentOf } from './source-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

// Bytes on both sides of `/` (0x2f), and some that are not UTF-8.
const nameByte = fc.constantFrom('a', 'b', '-', '.', '0', '\x01', '\xff', ' ');
const fileName = fc
  .array(nameByte, { minLength: 1, maxLength: 3 })
  .map((part) => part.join(''))
  .filter((name) => name !== '.' && name !== '..');
const filePath = fc.array(fileName, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

/** A tree that a file system can hold: no path is both a file and a directory. */
function treeOf(files: readonly string[]): Record<string, Planted> {
  const directories = new Set(
    files.flatMap((file) => file.split('/').map((_, n, all) => all.slice(0, n).join('/'))),
  );
  return Object.fromEntries(files.filter((file) => !directories.has(file)).map((file) => [file, 'x']));
}

test('lists any tree in the byte order of whole paths, all of it, and any range of it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(filePath, { maxLength: 25 }),
      fc.option(filePath),
      fc.option(filePath),
      async (files, from, to) => {
        const tree = treeOf(files);
        const { root, source } = makeSource(tree);
        const expected = new Set(Object.keys(tree));
        for (const file of Object.keys(tree)) {
          file.split('/').forEach((_, n, all) => n > 0 && expected.add(`${all.slice(0, n).join('/')}/`));
        }
        const sorted = [...expected].sort((a, b) => compareBytes(bytes(a), bytes(b)));

        const listed = await paths(source);
        const ranged = await paths(source, from ?? undefined, to ?? undefined);
        rmSync(root, { recursive: true });

        expect(listed).toEqual(sorted);
        const inRange = (name: string): boolean =>
          (from === null || compareBytes(bytes(name), bytes(from)) >= 0) &&
          (to === null || compareBytes(bytes(name), bytes(to)) < 0);
        expect(ranged).toEqual(sorted.filter(inRange));
      },
    ),
    { numRuns: 60 },
  );
});

test('puts a directory with a slash at its end right before what is in it', async () => {
  const { source } = makeSource({ 'a/x': '1', 'a-': '2', 'a.b': '3', a0: '4', empty: null });

  expect(await paths(source)).toEqual(['a-', 'a.b', 'a/', 'a/x', 'a0', 'empty/']);
});

test('keeps names that are not UTF-8, byte for byte', async () => {
  const { source } = makeSource({ 'd\xff/\x80\xfe': 'content', '\xc3\xa4': 'umlaut' });

  const entry = await entryAt(source, 'd\xff/\x80\xfe');

  expect([...entry.path]).toEqual([0x64, 0xff, 0x2f, 0x80, 0xfe]);
  expect((await contentOf(source, entry)).toString()).toBe('content');
  expect(await paths(source)).toEqual(['d\xff/', 'd\xff/\x80\xfe', '\xc3\xa4'].sort());
});

test('records facts: size, mode, owner, time and a token that changes with any of them', async () => {
  const { root, source } = makeSource({ file: 'four' });
  const full = path.join(root, 'file');
  chmodSync(full, 0o640);
  utimesSync(full, 1_600_000_000, 1_600_000_000.25);
  const before = await entryAt(source, 'file');

  chmodSync(full, 0o600);
  const after = await entryAt(source, 'file');

  expect(before).toMatchObject({ kind: 'file', size: 4, modifiedMs: 1_600_000_000_250 });
  expect(before.attributes['mode']).toBe('0640');
  expect(before.attributes['uid']).toBe(String(process.getuid?.()));
  expect(after.changeToken).not.toBe(before.changeToken);
  expect((await entryAt(source, 'file')).changeToken).toBe(after.changeToken);
});

test('notices a change that keeps size and modification time', async () => {
  const { root, source } = makeSource({ file: 'aaaa' });
  const full = path.join(root, 'file');
  utimesSync(full, 1, 1);
  const before = await entryAt(source, 'file');

  writeFileSync(full, 'bbbb');
  utimesSync(full, 1, 1);

  expect((await entryAt(source, 'file')).changeToken).not.toBe(before.changeToken);
});

test('records links and does not follow them', async () => {
  const outside = makeTempDir();
  plantTree(outside, { secret: 'x' });
  const { source } = makeSource({
    up: { link: outside },
    dangling: { link: 'no/where' },
    raw: { link: '\xff\xfe' },
  });

  const entries = await allOf(source.list({}));

  expect(entries.map((entry) => [latin1(entry.path), entry.kind, entry.size])).toEqual([
    ['dangling', 'symlink', 0],
    ['raw', 'symlink', 0],
    ['up', 'symlink', 0],
  ]);
  expect(entries.map((entry) => entry.attributes['link-target'])).toEqual(['no/where', undefined, outside]);
  expect(entries[1]?.attributes['link-target-hex']).toBe('fffe');
  for (const entry of entries) expect(await contentOf(source, entry)).toHaveLength(0);
});

test('leaves pipes and sockets out and says so', async () => {
  const { root, source, warnings } = makeSource({ file: 'x' });
  execFileSync('sh', ['-c', 'mkfifo "$0"', path.join(root, 'pipe')]);

  expect(await paths(source)).toEqual(['file']);

  expect(warnings.map((warning) => warning.message)).toEqual([
    expect.stringContaining('"pipe" is a socket, device or pipe'),
  ]);
});

test.runIf(process.geteuid?.() === 0)('says which files and directories may not be read', async () => {
  const { root, source, warnings } = makeSource({ 'closed/x': '1', file: 'x' });
  chmodSync(root, 0o755);
  chmodSync(path.join(root, 'file'), 0o600);
  chmodSync(path.join(root, 'closed'), 0o700);
  chownSync(path.join(root, 'closed'), 0, 0);
  const entry = await entryAt(source, 'file');

  process.seteuid?.(65_534);
  try {
    expect(await paths(source)).toEqual(['closed/', 'file']);
    expect(warnings).toEqual([expect.objectContaining({ reason: 'denied' })]);
    // A directory outside the range is not opened: no further warning.
    expect(await paths(source, 'file')).toEqual(['file']);
    expect(await paths(source, undefined, 'closed/')).toEqual([]);
    expect(warnings).toHaveLength(1);
    await expect(contentOf(source, entry)).rejects.toMatchObject({
      name: 'SourceEntryError',
      reason: 'denied',
    });
  } finally {
    process.seteuid?.(0);
  }
});

test('says that the root is missing or is a file', async () => {
  const { root } = makeSource({ file: 'x' });
  const gone = new DirectorySource({
    root: path.join(root, 'gone'),
    clock: new FakeClock(),
    onWarning: () => {},
  });
  const file = new DirectorySource({
    root: path.join(root, 'file'),
    clock: new FakeClock(),
    onWarning: () => {},
  });

  await expect(allOf(gone.list({}))).rejects.toMatchObject({ name: 'SourceUnavailableError' });
  await expect(allOf(file.list({}))).rejects.toMatchObject({ name: 'SourceUnavailableError' });
});

test('goes on when directories and files vanish while it lists', async () => {
  const { root, source, warnings } = makeSource({ 'a/x': '1', 'b/x': '2', 'c/x': '3', d: '4', e: '5' });
  const listed: string[] = [];

  for await (const entry of source.list({})) {
    listed.push(latin1(entry.path));
    if (listed.length === 1) {
      rmSync(path.join(root, 'b'), { recursive: true });
      rmSync(path.join(root, 'd'));
      renameSync(path.join(root, 'e'), path.join(root, 'f'));
      mkdirSync(path.join(root, 'e'));
    }
  }

  expect(listed).toEqual(['a/', 'a/x', 'c/', 'c/x']);
  expect(warnings.map((warning) => warning.reason).sort()).toEqual(['changed', 'vanished']);
});

test('stops when it is aborted', async () => {
  const { source } = makeSource({ a: '1', large: 'x'.repeat(2_000_000) });
  const controller = new AbortController();
  const entry = await entryAt(source, 'large');
  const { content } = await source.open(entry, undefined, controller.signal);
  controller.abort(new RangeError('enough'));

  await expect(allOf(content)).rejects.toThrow('enough');
  await expect(allOf(source.list({}, controller.signal))).rejects.toThrow('enough');
  await expect(source.open(entry, undefined, controller.signal)).rejects.toThrow('enough');
});
