import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

import { backUpDirectory, createKeyFile, restoreDirectory, systemRandom } from '../src/index.ts';
import { becomeOrdinaryUser } from './ordinary-user.ts';
import { plantTree } from './plant-tree.ts';
import { directory, entry, makeTarget, modifiedMs, pieces, writeText } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

const modeOf = (...parts: string[]): number => statSync(path.join(...parts)).mode & 0o7777;

describe('an ordinary user', () => {
  test('restores into directories that are read-only in the end, with their times', async () => {
    const { target, root } = makeTarget();
    becomeOrdinaryUser(root);

    await target.write(directory('mod/', '0555'), pieces(), 'never');
    await target.write(directory('mod/sub/', '0500'), pieces(), 'never');
    await writeText(target, 'mod/sub/file', 'x');
    await writeText(target, 'mod/z', 'z');
    expect(await target.finish()).toEqual([]);

    expect([modeOf(root, 'mod'), modeOf(root, 'mod/sub')]).toEqual([0o555, 0o500]);
    expect(statSync(path.join(root, 'mod')).mtimeMs).toBeCloseTo(modifiedMs, 2);
    expect(readFileSync(path.join(root, 'mod/sub/file'), 'utf8')).toBe('x');
  });

  test.each(['never', 'if-different', 'always'] as const)(
    'completes such a tree by restoring it again (%s)',
    async (rule) => {
      const { target, root } = makeTarget();
      becomeOrdinaryUser(root);
      const restore = async (into: typeof target): Promise<void> => {
        await into.write(directory('mod/', '0555'), pieces(), rule);
        await into.write(directory('mod/closed/', '0000'), pieces(), rule);
        await writeText(into, 'mod/closed/file', 'x', rule);
        await writeText(into, 'mod/z', 'z', rule);
        await into.finish();
      };
      await restore(target);
      chmodSync(path.join(root, 'mod/closed'), 0o700);
      rmSync(path.join(root, 'mod/closed/file'));
      chmodSync(path.join(root, 'mod/closed'), 0o000);

      await restore(makeTarget(root).target);

      expect([modeOf(root, 'mod'), modeOf(root, 'mod/closed')]).toEqual([0o555, 0]);
      chmodSync(path.join(root, 'mod/closed'), 0o700);
      expect(readFileSync(path.join(root, 'mod/closed/file'), 'utf8')).toBe('x');
    },
  );

  test('gets the modes of directories right that a killed restore did not get to', async () => {
    const { target: killed, root } = makeTarget();
    becomeOrdinaryUser(root);
    await killed.write(directory('new/', '0555'), pieces(), 'never');
    await writeText(killed, 'new/file', 'x');
    mkdirSync(path.join(root, 'done'), { mode: 0o555 });
    await writeText(killed, 'done/file', 'x');
    const { target } = makeTarget(root);

    for (const name of ['done', 'new']) {
      await target.write(directory(`${name}/`, '0555'), pieces(), 'never');
      await writeText(target, `${name}/file`, 'x');
    }
    await target.finish();

    expect([modeOf(root, 'new'), modeOf(root, 'done')]).toEqual([0o555, 0o555]);
  });

  test('writes into read-only directories that were there, which stay as they were or become as the rule says', async () => {
    const { target, root } = makeTarget();
    mkdirSync(path.join(root, 'theirs'));
    mkdirSync(path.join(root, 'above/replaced'), { recursive: true });
    for (const name of ['theirs', 'above/replaced', 'above']) chmodSync(path.join(root, name), 0o511);
    becomeOrdinaryUser(root);

    expect(await target.write(directory('theirs/', '0750'), pieces(), 'never')).toBe('kept');
    await writeText(target, 'theirs/file', 'x');
    expect(await target.write(directory('above/replaced/', '0750'), pieces(), 'always')).toBe('written');
    await writeText(target, 'above/replaced/file', 'x');
    await writeText(target, 'above/new', 'x');
    await target.finish();

    expect([modeOf(root, 'theirs'), modeOf(root, 'above'), modeOf(root, 'above/replaced')]).toEqual([
      0o511, 0o511, 0o750,
    ]);
    expect(existsSync(path.join(root, 'above/new'))).toBe(true);
  });

  test('replaces a file of his own that he may not read', async () => {
    const { target, root } = makeTarget();
    plantTree(root, { file: 'abc' });
    chmodSync(path.join(root, 'file'), 0o200);
    becomeOrdinaryUser(root);

    expect(await writeText(target, 'file', 'abc', 'if-different')).toBe('written');

    expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('abc');
  });

  test('is told of owners and set-user-id bits that he may not set', async () => {
    const { target, root } = makeTarget();
    becomeOrdinaryUser(root);
    const attributes = { mode: '4755', uid: '1234', gid: '5678' };

    await target.write(entry('a', { attributes }), pieces(), 'never');
    await target.write(entry('b', { attributes }), pieces(), 'never');

    expect(await target.finish()).toEqual([
      { fact: 'set-id', entries: 2, example: 'a' },
      { fact: 'owner', entries: 2, example: 'a' },
    ]);
    expect(modeOf(root, 'a')).toBe(0o755);
  });

  test('restores with several workers what is read-only all over, and again what is missing of it', async () => {
    const [source, target, place] = [makeTempDir(), makeTempDir(), makeTempDir()];
    const vault = { root: path.join(place, 'vault'), keyFile: path.join(place, 'key') };
    const files = Array.from({ length: 120 }, (_, at) => `m${at % 2}/d${at % 5}/f${at}`);
    plantTree(source, Object.fromEntries(files.map((name) => [name, name.repeat(300)])));
    becomeOrdinaryUser(source, target, place);
    const directories = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(path.join(source, name)).isDirectory(),
    );
    for (const name of directories.sort().reverse()) {
      utimesSync(path.join(source, name), 1_600_000_000, 1_600_000_000);
      chmodSync(path.join(source, name), 0o555);
    }
    await createKeyFile(vault.keyFile, systemRandom);
    const backUp = { vault, directory: source, type: 'full', keepDays: 7, workers: 2 } as const;
    const { root } = await backUpDirectory({ ...backUp, limits: { files: 10, bytes: 40_000 } });
    const restore = {
      vault,
      resourceArn: root.resource,
      pointId: root.point,
      directory: target,
      overwrite: 'never',
      workers: 2,
      limits: { files: 10, bytes: 40_000 },
    } as const;

    const first = await restoreDirectory(restore);
    for (const name of directories) chmodSync(path.join(target, name), 0o755);
    for (const name of files.slice(0, 30)) rmSync(path.join(target, name));
    for (const name of directories) chmodSync(path.join(target, name), 0o555);
    const second = await restoreDirectory(restore);

    expect(first).toMatchObject({ written: files.length + directories.length, failed: [] });
    expect(second).toMatchObject({ written: 30, failed: [] });
    for (const name of files) expect(readFileSync(path.join(target, name), 'utf8')).toBe(name.repeat(300));
    expect(directories.map((name) => [name, modeOf(target, name)])).toEqual(
      directories.map((name) => [name, 0o555]),
    );
    expect(statSync(path.join(target, 'm0')).mtimeMs).toBe(1_600_000_000_000);
  });
});
