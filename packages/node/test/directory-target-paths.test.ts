import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { restorePathOf } from '../src/target/restore-path.ts';
import { modifiedMs, entry, pieces, makeTarget, writeText, link, directory } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

test.each([
  '',
  '/',
  '/etc/passwd',
  '..',
  '../x',
  'a/../../x',
  'a/..',
  './a',
  'a/.',
  'a//b',
  '//a',
  'a//',
  'a\0b',
  '../',
])('refuses the path %j', async (name) => {
  const { target, root } = makeTarget();

  for (const kind of ['file', 'directory', 'symlink'] as const) {
    const attributes = { 'link-target': 'x' };
    await expect(
      target.write(entry(name, { kind, attributes }), pieces('x'), 'always'),
    ).rejects.toMatchObject({
      name: 'RestorePathError',
    });
  }

  expect(readdirSync(root)).toEqual([]);
});

test('takes no path that resolves to anything but itself', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('.', '/', 'a', '\0', '..', ' ', '\xff'), { maxLength: 8 }),
      (parts) => {
        const raw = parts.join('');
        let where;
        try {
          where = restorePathOf(Buffer.from(raw, 'latin1'));
        } catch {
          return;
        }
        const full = path.posix.resolve('/root', where.parent, where.name);
        expect(full).toBe(`/root/${raw.replace(/\/$/, '')}`);
        expect(raw).not.toContain('\0');
      },
    ),
  );
});

test.each(['never', 'if-different', 'always'] as const)(
  'does not write through a link that was there before (%s)',
  async (rule) => {
    const outside = makeTempDir();
    mkdirSync(path.join(outside, 'sub'));
    writeFileSync(path.join(outside, 'victim'), 'untouched');
    const { target, root } = makeTarget();
    symlinkSync(outside, path.join(root, 'up'));

    await expect(writeText(target, 'up/victim', 'evil', rule)).rejects.toMatchObject({
      name: 'RestorePathError',
    });
    await expect(writeText(target, 'up/new', 'evil', rule)).rejects.toMatchObject({
      name: 'RestorePathError',
    });
    await expect(writeText(target, 'up/sub/new', 'evil', rule)).rejects.toMatchObject({
      name: 'RestorePathError',
    });
    await expect(target.write(directory('up/made/'), pieces(), rule)).rejects.toMatchObject({
      name: 'RestorePathError',
    });
    await expect(target.write(link('up/link', 'x'), pieces(), rule)).rejects.toMatchObject({
      name: 'RestorePathError',
    });

    expect(readFileSync(path.join(outside, 'victim'), 'utf8')).toBe('untouched');
    expect(readdirSync(outside).sort()).toEqual(['sub', 'victim']);
    expect(readdirSync(path.join(outside, 'sub'))).toEqual([]);
  },
);

test('does not write through a link that it restored itself', async () => {
  const outside = makeTempDir();
  const { target } = makeTarget();
  await target.write(link('a', outside), pieces(), 'never');

  await expect(writeText(target, 'a/file', 'evil', 'always')).rejects.toMatchObject({
    name: 'RestorePathError',
  });

  expect(readdirSync(outside)).toEqual([]);
});

test('replaces a link to a file, not the file it points to', async () => {
  const outside = makeTempDir();
  const victim = path.join(outside, 'victim');
  writeFileSync(victim, 'untouched');
  const { target, root } = makeTarget();
  symlinkSync(victim, path.join(root, 'file'));

  expect(await writeText(target, 'file', 'untouched', 'if-different')).toBe('written');

  expect(lstatSync(path.join(root, 'file')).isFile()).toBe(true);
  expect(readFileSync(victim, 'utf8')).toBe('untouched');
  expect(statSync(victim).mtimeMs).not.toBeCloseTo(modifiedMs, 0);
});

test('puts a directory in the place of a link to one, and leaves what it pointed to alone', async () => {
  const outside = makeTempDir();
  chmodSync(outside, 0o711);
  const { target, root } = makeTarget();
  symlinkSync(outside, path.join(root, 'dir'));

  expect(await target.write(directory('dir/'), pieces(), 'never')).toBe('kept');
  expect(await target.write(directory('dir/'), pieces(), 'always')).toBe('written');
  await writeText(target, 'dir/file', 'x');
  await target.finish();

  expect(lstatSync(path.join(root, 'dir')).mode & 0o7777).toBe(0o750);
  expect(readdirSync(outside)).toEqual([]);
  expect(statSync(outside).mode & 0o7777).toBe(0o711);
});

test('does not change a file that has another name outside', async () => {
  const outside = makeTempDir();
  const victim = path.join(outside, 'victim');
  writeFileSync(victim, 'same');
  chmodSync(victim, 0o600);
  const { target, root } = makeTarget();
  linkSync(victim, path.join(root, 'file'));

  expect(await writeText(target, 'file', 'same', 'if-different')).toBe('written');
  expect(await writeText(target, 'file', 'other', 'always')).toBe('written');

  expect(readFileSync(victim, 'utf8')).toBe('same');
  expect(statSync(victim).mode & 0o777).toBe(0o600);
});
