import {
  chmodSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { allOf, FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { describe, expect, test } from 'vitest';

import { DirectorySource, DirectoryTarget } from '../src/index.ts';
import { plantTree } from './plant-tree.ts';
import {
  asRoot,
  modifiedMs,
  entry,
  pieces,
  brokenContent,
  makeTarget,
  writeText,
  link,
} from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

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

    await expect(
      target.write(entry('file'), endless(), 'never', { signal: controller.signal }),
    ).rejects.toThrow('enough');

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

test('refuses names and links that a file system cannot hold', async () => {
  const { target } = makeTarget();

  await expect(writeText(target, 'n'.repeat(300), 'x')).rejects.toMatchObject({ name: 'RestorePathError' });
  await expect(
    target.write(entry('l', { kind: 'symlink', attributes: {} }), pieces(), 'never'),
  ).rejects.toMatchObject({
    name: 'RestorePathError',
  });
  const refused: Record<string, string>[] = [
    { mode: 'rwx' },
    { uid: '4294967296', gid: '1' },
    { uid: '1', gid: '-1' },
  ];
  for (const attributes of refused) {
    await expect(target.write(entry('m', { attributes }), pieces(), 'never')).rejects.toMatchObject({
      name: 'TargetEntryError',
    });
  }
});
