import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { plantTree } from './plant-tree.ts';
import {
  modifiedMs,
  entry,
  pieces,
  brokenContent,
  makeTarget,
  writeText,
  link,
  directory,
} from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

test('never: tells what is the same from what differs, and leaves both', async () => {
  const { target, root } = makeTarget();
  const write = async (name: string, content: string) =>
    target.write(entry(name, { size: content.length }), pieces(content), 'never');
  await write('same', 'abc');
  await write('other', 'abc');
  await write('touched', 'abc');
  await target.write(link('link', 'x'), pieces(), 'never');
  writeFileSync(path.join(root, 'other'), 'abX');
  utimesSync(path.join(root, 'other'), modifiedMs / 1000, modifiedMs / 1000);
  utimesSync(path.join(root, 'touched'), 1, 1);
  const { target: again } = makeTarget(root);
  const repeat = async (name: string) => again.write(entry(name, { size: 3 }), pieces('abc'), 'never');

  expect(await Promise.all(['same', 'other', 'touched'].map(repeat))).toEqual(['same', 'kept', 'kept']);
  expect(await again.write(link('link', 'x'), pieces(), 'never')).toBe('same');
  expect(await again.write(link('link', 'y'), pieces(), 'never')).toBe('kept');
  expect(readFileSync(path.join(root, 'other'), 'utf8')).toBe('abX');
  expect(readdirSync(root).sort()).toEqual(['link', 'other', 'same', 'touched']);
});

test('never replaces what is there, whatever it is, and reads no more than shows that it differs', async () => {
  const { target, root } = makeTarget();
  plantTree(root, { file: 'old', link: { link: 'x' }, dir: null });

  for (const name of ['file', 'link', 'dir']) {
    expect(await target.write(entry(name, { size: 3 }), brokenContent(), 'never')).toBe('kept');
    expect(await target.write(link(name, 'new'), pieces(), 'never')).toBe('kept');
  }
  expect(await target.write(directory('file/'), pieces(), 'never')).toBe('kept');

  expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('old');
  expect(readlinkSync(path.join(root, 'link'))).toBe('x');
});

test('never replaces a file that appeared while the content arrived', async () => {
  const { target, root } = makeTarget();
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('new');
    writeFileSync(path.join(root, 'file'), 'theirs');
  }

  expect(await target.write(entry('file', { size: 3 }), slow(), 'never')).toBe('kept');

  expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('theirs');
  expect(readdirSync(root)).toEqual(['file']);
});

test.each([
  ['other content of the same size', 'aXc'],
  ['shorter content', 'ab'],
  ['longer content', 'abcd'],
  ['no content', ''],
])('if different: replaces %s', async (_, old) => {
  const { target, root } = makeTarget();
  await writeText(target, 'file', old);

  expect(await target.write(entry('file', { size: 3 }), pieces('a', 'b', 'c'), 'if-different')).toBe(
    'written',
  );

  expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('abc');
  expect(readdirSync(root)).toEqual(['file']);
});

test('if different: finds any difference, wherever the pieces are cut', async () => {
  const { target, root } = makeTarget();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 5 }), { maxLength: 5 }),
      fc.string({ maxLength: 20 }),
      fc.boolean(),
      async (parts, other, equal) => {
        const content = Buffer.from(parts.join(''));
        const old = equal ? content : Buffer.from(other.padEnd(parts.join('').length));
        writeFileSync(path.join(root, 'file'), old);
        chmodSync(path.join(root, 'file'), 0o640);
        utimesSync(path.join(root, 'file'), 1, modifiedMs / 1000);

        const outcome = await target.write(
          entry('file', { size: content.length }),
          pieces(...parts),
          'if-different',
        );

        expect(outcome).toBe(old.equals(content) ? 'same' : 'written');
        expect(readFileSync(path.join(root, 'file')).equals(content)).toBe(true);
      },
    ),
  );
});

test('if different: leaves an identical file alone, and mends facts that differ', async () => {
  const { target, root } = makeTarget();
  const file = path.join(root, 'file');
  await writeText(target, 'file', 'abc');
  const { ino } = statSync(file);

  expect(await writeText(target, 'file', 'abc', 'if-different')).toBe('same');
  expect(statSync(file).ino).toBe(ino);
  chmodSync(file, 0o777);
  expect(await writeText(target, 'file', 'abc', 'if-different')).toBe('written');
  expect(statSync(file).mode & 0o777).toBe(0o640);
  utimesSync(file, 1, 1);
  expect(await writeText(target, 'file', 'abc', 'if-different')).toBe('written');
  expect(await writeText(target, 'file', 'abc', 'if-different')).toBe('same');
  expect(readFileSync(file, 'utf8')).toBe('abc');
});

test('if different: compares links and directories', async () => {
  const { target, root } = makeTarget();
  await target.write(link('link', 'x'), pieces(), 'never');
  await target.write(directory('dir/'), pieces(), 'never');
  await target.finish();

  expect(await target.write(link('link', 'x'), pieces(), 'if-different')).toBe('same');
  expect(await target.write(link('link', 'y'), pieces(), 'if-different')).toBe('written');
  expect(readlinkSync(path.join(root, 'link'))).toBe('y');
  expect(await target.write(directory('dir/'), pieces(), 'if-different')).toBe('same');
  expect(await target.write(directory('dir/', '0700'), pieces(), 'if-different')).toBe('written');
  await target.finish();
  expect(statSync(path.join(root, 'dir')).mode & 0o777).toBe(0o700);
});

test('always replaces files and links with each other, never a directory', async () => {
  const { target, root } = makeTarget();
  plantTree(root, { one: 'file', two: { link: 'x' }, 'dir/kept': 'x' });

  expect(await target.write(link('one', 'z'), pieces(), 'always')).toBe('written');
  expect(await writeText(target, 'two', 'now a file', 'always')).toBe('written');
  await expect(writeText(target, 'dir', 'x', 'always')).rejects.toMatchObject({ name: 'RestorePathError' });
  await expect(writeText(target, 'two/below', 'x', 'always')).rejects.toMatchObject({
    name: 'RestorePathError',
  });

  expect(readlinkSync(path.join(root, 'one'))).toBe('z');
  expect(readFileSync(path.join(root, 'two'), 'utf8')).toBe('now a file');
  expect(existsSync(path.join(root, 'dir/kept'))).toBe(true);
});

test('leaves the facts of a directory that was there before, when it must not overwrite', async () => {
  const { target, root } = makeTarget();
  mkdirSync(path.join(root, 'theirs'));
  chmodSync(path.join(root, 'theirs'), 0o701);

  await writeText(target, 'mine/file', 'x');
  expect(await target.write(directory('mine/'), pieces(), 'never')).toBe('written');
  expect(await target.write(directory('theirs/'), pieces(), 'never')).toBe('kept');
  await target.finish();

  expect(statSync(path.join(root, 'mine')).mode & 0o777).toBe(0o750);
  expect(statSync(path.join(root, 'theirs')).mode & 0o777).toBe(0o701);
});

/** A directory with a file that has the facts of its entry. */
function plantFinished(bytes: Uint8Array, mtimeMs = modifiedMs): string {
  const root = makeTempDir();
  const file = path.join(root, 'file');
  writeFileSync(file, bytes);
  chmodSync(file, 0o640);
  utimesSync(file, mtimeMs / 1000, mtimeMs / 1000);
  return root;
}

describe('a file that a power cut left with the facts of its entry', () => {
  const content = Buffer.concat([Buffer.alloc(5_000, 'a'), Buffer.alloc(5_000, 'b')]);
  const holed = Buffer.from(content).fill(0, 4_096, 8_192);
  const write = async (root: string) =>
    makeTarget(root).target.write(
      entry('file', { size: content.length }),
      pieces(content.subarray(0, 3_000), content.subarray(3_000)),
      'never',
    );

  test.each([
    ['nothing', new Uint8Array()],
    ['its beginning', content.subarray(0, 4_096)],
    ['zeros', new Uint8Array(content.length)],
    ['a hole', holed],
    ['a hole, and no end', holed.subarray(0, 9_000)],
  ])('is replaced although nothing may be: %s', async (_what, left) => {
    const root = plantFinished(left);

    expect(await write(root)).toBe('written');

    expect(readFileSync(path.join(root, 'file'))).toEqual(content);
    expect(readdirSync(root)).toEqual(['file']);
  });

  test.each([
    ['other bytes', Buffer.from(content).fill('c', 9_999), modifiedMs],
    ['other bytes behind a hole', Buffer.from(holed).fill('c', 9_000), modifiedMs],
    ['more bytes', Buffer.concat([content, content]), modifiedMs],
    ['another time', holed, modifiedMs + 1_000],
  ])('is told from one of somebody: %s', async (_what, bytes, mtimeMs) => {
    const root = plantFinished(bytes, mtimeMs);
    const before = readFileSync(path.join(root, 'file'));

    expect(await write(root)).toBe('kept');

    expect(readFileSync(path.join(root, 'file'))).toEqual(before);
  });
});
