import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { OverwriteRule, SourceEntry } from '@holdfast/engine';
import { allOf, FakeClock, SeededRandom } from '@holdfast/engine/testing';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { DirectorySource, DirectoryTarget } from '../src/index.ts';
import { restorePathOf } from '../src/restore-path.ts';
import { plantTree } from './plant-tree.ts';
import { makeTempDir } from './temp-dir.ts';

const asRoot = process.geteuid?.() === 0;
const modifiedMs = 1_500_000_000_123.5;

function entry(name: string, more: Partial<SourceEntry> = {}): SourceEntry {
  return {
    path: Buffer.from(name, 'latin1'),
    kind: 'file',
    size: 0,
    modifiedMs,
    changeToken: '',
    attributes: { mode: '0640' },
    userMetadata: {},
    tags: {},
    ...more,
  };
}

async function* pieces(...content: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of content) {
    // A piece is only valid until the next one is asked for.
    const bytes = Buffer.from(piece);
    yield bytes;
    bytes.fill(0xee);
  }
}

/** Content that cannot be read to its end. */
async function* brokenContent(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('half');
  throw new RangeError('damaged');
}

function makeTarget(root = makeTempDir()): { target: DirectoryTarget; root: string } {
  return { target: new DirectoryTarget({ root, random: new SeededRandom() }), root };
}

function writeText(
  target: DirectoryTarget,
  name: string,
  text: string,
  rule: OverwriteRule = 'never',
): Promise<string> {
  return target.write(entry(name, { size: text.length }), pieces(text), rule);
}

const link = (name: string, target: string): SourceEntry =>
  entry(name, { kind: 'symlink', attributes: { 'link-target': target } });
const directory = (name: string, mode = '0750'): SourceEntry =>
  entry(name, { kind: 'directory', attributes: { mode } });

function sourceOf(root: string): DirectorySource {
  return new DirectorySource({
    root,
    clock: new FakeClock(),
    onWarning: (warning) => expect.fail(warning.message),
  });
}

/** What a source lists, without what differs between two copies of a tree. */
async function factsIn(source: DirectorySource): Promise<unknown[]> {
  const entries = await allOf(source.list({}));
  return entries.map(({ path: raw, kind, size, attributes, modifiedMs: time }) => [
    Buffer.from(raw).toString('latin1'),
    kind,
    size,
    attributes,
    Math.round(time),
  ]);
}

describe('writing', () => {
  test('restores content, mode and time of a file, and makes its directories', async () => {
    const { target, root } = makeTarget();

    const outcome = await target.write(entry('a/b/file', { size: 7 }), pieces('one ', '', 'two'), 'never');
    await target.finish();

    expect(outcome).toBe('written');
    expect(readFileSync(path.join(root, 'a/b/file'), 'utf8')).toBe('one two');
    const stats = statSync(path.join(root, 'a/b/file'));
    expect(stats.mode & 0o7777).toBe(0o640);
    expect(stats.mtimeMs).toBeCloseTo(modifiedMs, 2);
    expect(readdirSync(path.join(root, 'a/b'))).toEqual(['file']);
  });

  test('restores a whole tree as the source lists it, times of directories included', async () => {
    const original = makeTempDir();
    plantTree(original, {
      'a/x': 'x'.repeat(700_000),
      'a-': 'dash',
      'a/b/\xff': 'raw name',
      empty: '',
      dir: null,
      'a/link': { link: '../a-' },
      rawlink: { link: '\xfe' },
    });
    chmodSync(path.join(original, 'a/b'), 0o700);
    utimesSync(path.join(original, 'dir'), 1, 1234.5);
    utimesSync(path.join(original, 'a'), 1, 99_999.25);
    const source = sourceOf(original);
    const { target, root } = makeTarget();

    for (const listed of await allOf(source.list({}))) {
      const opened = await source.open(listed);
      await target.write(opened.entry, opened.content, 'never');
    }
    await target.finish();

    expect(await factsIn(sourceOf(root))).toEqual(await factsIn(source));
    expect(readFileSync(path.join(root, 'a/x'), 'utf8')).toBe('x'.repeat(700_000));
  });

  test('keeps long runs of zeros as holes, at the end too', async () => {
    const { target, root } = makeTarget();
    const zeros = Buffer.alloc(4_000_000);

    await target.write(entry('sparse', { size: 8_000_003 }), pieces('a', zeros, 'bc', zeros), 'never');

    const expected = Buffer.concat([Buffer.from('a'), zeros, Buffer.from('bc'), zeros]);
    expect(Buffer.compare(readFileSync(path.join(root, 'sparse')), expected)).toBe(0);
    expect(statSync(path.join(root, 'sparse')).blocks * 512).toBeLessThan(1_000_000);
  });

  test('leaves nothing when the content fails, and what was there as it was', async () => {
    const { target, root } = makeTarget();
    writeFileSync(path.join(root, 'file'), 'old');
    await expect(target.write(entry('file', { size: 9 }), brokenContent(), 'always')).rejects.toThrow(
      RangeError,
    );

    expect(readdirSync(root)).toEqual(['file']);
    expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('old');
  });

  test('stops in the middle of a file when it is aborted', async () => {
    const { target, root } = makeTarget();
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (;;) {
        yield Buffer.from('more');
        controller.abort(new RangeError('enough'));
      }
    }

    await expect(target.write(entry('file'), endless(), 'never', controller.signal)).rejects.toThrow(
      'enough',
    );

    expect(readdirSync(root)).toEqual([]);
  });

  test('makes directories of empty objects whose key ends in a slash', async () => {
    const { target, root } = makeTarget();

    expect(await target.write(entry('folder/', { kind: 'object', attributes: {} }), pieces(), 'never')).toBe(
      'written',
    );

    expect(statSync(path.join(root, 'folder')).isDirectory()).toBe(true);
    await expect(
      target.write(entry('full/', { kind: 'object', size: 3 }), pieces('abc'), 'never'),
    ).rejects.toMatchObject({
      name: 'RestorePathError',
    });
  });

  test.runIf(asRoot)(
    'gives files and links the owners they had, and keeps set-id bits only then',
    async () => {
      const { target, root } = makeTarget();
      const withoutOwners = new DirectoryTarget({
        root,
        random: new SeededRandom('other'),
        restoreOwners: false,
      });
      const attributes = { mode: '4755', uid: '1234', gid: '5678' };

      await target.write(entry('owned', { attributes }), pieces(), 'never');
      await target.write(link('link', 'x'), pieces(), 'never');
      await target.write(
        { ...link('owned-link', 'x'), attributes: { 'link-target': 'x', uid: '7', gid: '8' } },
        pieces(),
        'never',
      );
      await withoutOwners.write(entry('plain', { attributes }), pieces(), 'never');

      expect(statSync(path.join(root, 'owned'))).toMatchObject({ uid: 1234, gid: 5678 });
      expect(statSync(path.join(root, 'owned')).mode & 0o7777).toBe(0o4755);
      expect(lstatSync(path.join(root, 'owned-link'))).toMatchObject({ uid: 7, gid: 8 });
      expect(statSync(path.join(root, 'plain')).mode & 0o7777).toBe(0o755);
      expect(statSync(path.join(root, 'plain')).uid).toBe(0);
    },
  );

  test('makes the root when it is missing and says when it cannot', () => {
    const root = makeTempDir();
    writeFileSync(path.join(root, 'file'), '');

    makeTarget(path.join(root, 'new/root'));

    expect(statSync(path.join(root, 'new/root')).isDirectory()).toBe(true);
    expect(() => makeTarget(path.join(root, 'file/below'))).toThrow(
      expect.objectContaining({ name: 'TargetUnavailableError' }),
    );
  });
});

describe('staying inside', () => {
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
});

describe('overwriting', () => {
  test('never replaces what is there, whatever it is, and does not even read the content', async () => {
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
});

test('refuses names and links that a file system cannot hold', async () => {
  const { target } = makeTarget();

  await expect(writeText(target, 'n'.repeat(300), 'x')).rejects.toMatchObject({ name: 'RestorePathError' });
  await expect(
    target.write(entry('l', { kind: 'symlink', attributes: {} }), pieces(), 'never'),
  ).rejects.toMatchObject({
    name: 'RestorePathError',
  });
  await expect(
    target.write(entry('m', { attributes: { mode: 'rwx' } }), pieces(), 'never'),
  ).rejects.toMatchObject({
    name: 'InvalidInputError',
  });
});
