import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { SeededRandom } from '@holdfast/engine/testing';
import { beforeEach, expect, test } from 'vitest';
import {
  type ExtraEntry,
  type ExtraSearch,
  findExtraEntries,
  removeExtraEntries,
} from '../src/target/extra-entries.ts';
import { parseMountPoints } from '../src/target/mount-points.ts';
import { makeTempDir } from './temp-dir.ts';

let root: string;
beforeEach(() => {
  root = path.join(makeTempDir(), 'root');
  for (const directory of ['a', 'b/c', 'd']) mkdirSync(path.join(root, directory), { recursive: true });
  for (const file of ['a.txt', 'a/1', 'a/2', 'b/c/3', 'd/4']) writeFileSync(path.join(root, file), file);
});

/** Extra entries beside a point with those paths. */
async function find(
  point: readonly string[],
  options: Partial<Pick<ExtraSearch, 'below' | 'precious' | 'mountPoints'>> = {},
) {
  const { precious = [], ...others } = options;
  return findExtraEntries({
    root,
    ...others,
    async *listPoint(prefix) {
      for (const entry of point.toSorted()) if (entry.startsWith(prefix)) yield Buffer.from(entry);
    },
    precious,
    random: new SeededRandom('extra'),
  });
}

const pathsOf = (entries: readonly ExtraEntry[]): readonly string[] => entries.map((entry) => entry.path);

test('finds files and directories that the point does not have, and keeps those that its paths imply', async () => {
  expect(pathsOf(await find(['a.txt', 'a/', 'a/1', 'd/e/f']))).toEqual(['a/2', 'b/', 'b/c/', 'b/c/3', 'd/4']);
  expect(pathsOf(await find([]))).toEqual(['a.txt', 'a/', 'a/1', 'a/2', 'b/', 'b/c/', 'b/c/3', 'd/', 'd/4']);
});

test('looks at nothing outside of the directories that are named', async () => {
  expect(pathsOf(await find(['b/c/3'], { below: ['a/', 'b/', 'b/c/'] }))).toEqual(['a/', 'a/1', 'a/2']);
  expect(await find([], { below: [] })).toEqual([]);
});

test('leaves alone what a restore of another process has under way', async () => {
  const name = `.holdfast-${'0'.repeat(30)}-${'1'.repeat(16)}-1`;
  writeFileSync(path.join(root, name), '');

  expect(pathsOf(await find(['a', 'b', 'd']))).not.toContain(name);
});

const lineOf = (place: string) => `36 35 8:1 /srv ${place} rw,relatime shared:1 - ext4 /dev/sda1 rw`;

test('leaves alone what is mounted, also where the device is the same', async () => {
  mkdirSync(path.join(root, 'd/5 6'));
  writeFileSync(path.join(root, 'd/5 6/7'), '');
  const real = realpathSync(root);
  const mountPoints = parseMountPoints(
    [lineOf('/'), lineOf(`${real}/a`), lineOf(`${real}/b`), lineOf(`${real}/d/5\\0406`)].join('\n'),
  );

  expect(pathsOf(await find(['a.txt'], { mountPoints }))).toEqual(['d/', 'd/4']);
});

test('leaves alone what backups leave out, and points do not tell of', async () => {
  execFileSync('sh', ['-c', 'mkfifo "$0/a/pipe" "$0/pipe"', root]);

  expect(pathsOf(await find(['a.txt', 'b/c/3', 'd/4']))).toEqual(['a/', 'a/1', 'a/2']);
});

test('removes what it found, and puts back the times of directories that stay', async () => {
  const extra = await find(['a.txt', 'a/1', 'd/4']);
  const then = new Date('2026-01-02T03:04:05.678Z');
  utimesSync(path.join(root, 'a'), then, then);

  expect(removeExtraEntries({ root }, extra)).toEqual({ removed: 4, bytes: 'a/2b/c/3'.length, left: [] });

  expect(new Set(readdirSync(root, { recursive: true, encoding: 'utf8' }))).toEqual(
    new Set(['a', 'a.txt', 'a/1', 'd', 'd/4']),
  );
  expect(statSync(path.join(root, 'a')).mtime).toEqual(then);
  // A second time nothing is left to do.
  expect(removeExtraEntries({ root }, extra).left).toEqual([]);
});

function refuse(): never {
  throw Object.assign(new Error('not the owner'), { code: 'EPERM' });
}

test('puts back a time before 1970, and says so where it may not', async () => {
  const extra = await find(['a.txt', 'a/1', 'b/c/3', 'd/']);
  const then = '-1000.5';
  lutimesSync(path.join(root, 'a'), then, then);

  expect(removeExtraEntries({ root }, extra.slice(0, 1)).left).toEqual([]);
  expect(statSync(path.join(root, 'a')).mtimeMs).toBe(-1_000_500);
  expect(removeExtraEntries({ root }, extra.slice(1), { setTimeOfLink: refuse })).toMatchObject({
    removed: 1,
    left: [{ path: 'd/', reason: 'its time cannot be put back (EPERM)' }],
  });
});

test('leaves what changed since it was found, and what somebody put beside it', async () => {
  const extra = await find(['a.txt', 'd/4']);
  writeFileSync(path.join(root, 'a/2'), 'somebody works on it');
  writeFileSync(path.join(root, 'b/c/new'), 'new');

  const { removed, left } = removeExtraEntries({ root }, extra);

  expect(removed).toBe(2);
  expect(left).toEqual([
    { path: 'a/', reason: 'something is in it' },
    { path: 'a/2', reason: 'it has changed since it was shown' },
    { path: 'b/', reason: 'something is in it' },
    { path: 'b/c/', reason: 'something is in it' },
  ]);
});

test('never follows a link: neither one that was there, nor one that took the place of a directory', async () => {
  const outside = makeTempDir();
  writeFileSync(path.join(outside, '1'), 'a/1');
  symlinkSync(outside, path.join(root, 'link'));
  const extra = await find(['a.txt', 'b/c/3', 'd/4']);
  renameSync(path.join(root, 'a'), path.join(outside, 'moved'));
  symlinkSync(path.join(outside, 'moved'), path.join(root, 'a'));

  const { left } = removeExtraEntries({ root }, extra);

  expect(left.map((one) => one.reason)).toEqual([
    'it has changed since it was shown',
    'a directory above it has become a link',
    'a directory above it has become a link',
  ]);
  expect(existsSync(path.join(root, 'link'))).toBe(false);
  expect(readFileSync(path.join(outside, '1'), 'utf8')).toBe('a/1');
  expect(readdirSync(path.join(outside, 'moved'))).toEqual(['1', '2']);
});

test('refuses a directory that has the vault or its key in it, and the root of the file system', async () => {
  const vault = path.join(root, 'b/vault');
  mkdirSync(vault);

  await expect(find([], { precious: [vault] })).rejects.toThrow('lies in');
  await expect(find([], { precious: [path.join(root, 'a.txt')] })).rejects.toThrow('lies in');
  const elsewhere = path.join(makeTempDir(), 'key');
  linkSync(path.join(root, 'a.txt'), elsewhere);
  await expect(find([], { precious: [elsewhere] })).rejects.toThrow('lies in');
  root = '/';
  await expect(find([])).rejects.toThrow('nothing is deleted from the root of the file system');
});

test('finds nothing in a directory that is not there yet', async () => {
  root = path.join(root, 'none');

  expect(await find([])).toEqual([]);
});
