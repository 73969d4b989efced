import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { RestorePathError, TargetUnavailableError } from '@holdfast/engine';
import { SeededRandom } from '@holdfast/engine/testing';
import { describe, expect, test } from 'vitest';

import { systemCalls, type FileSystemCalls } from '../src/file-system-calls.ts';
import { DirectoryTarget } from '../src/index.ts';
import { asRoot, directory, entry, makeTarget, modifiedMs, pieces, writeText } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

const rules = ['never', 'if-different', 'always'] as const;
const modeOf = (file: string): number => statSync(file).mode & 0o7777;
const whole = [Buffer.from('con'), Buffer.from('tent')];

async function makeNewDirectory(calls: Partial<FileSystemCalls> = {}): Promise<{
  target: DirectoryTarget;
  at: string;
}> {
  const root = makeTempDir();
  const target = new DirectoryTarget({
    root,
    random: new SeededRandom(),
    calls: { ...systemCalls, ...calls },
  });
  await target.write(directory('new/'), [], 'never');
  return { target, at: path.join(root, 'new') };
}

test.each(rules)('a file of a new directory is marked in its place until it is whole (%s)', async (rule) => {
  const seen: unknown[] = [];
  const { target, at } = await makeNewDirectory({
    setMode: (fd, mode) => {
      const { size, mtimeMs, mode: before } = fstatSync(fd);
      seen.push({ size, mtimeMs, before: before & 0o7777, names: readdirSync(at) });
      systemCalls.setMode(fd, mode);
    },
  });

  expect(await target.write(entry('new/file', { size: 7 }), whole, rule)).toBe('written');

  expect(seen).toEqual([{ size: 7, mtimeMs: modifiedMs, before: 0o1600, names: ['file'] }]);
  expect(readFileSync(path.join(at, 'file'), 'utf8')).toBe('content');
  expect(modeOf(path.join(at, 'file'))).toBe(0o640);
});

test.each(rules)('what a killed restore left in the place of a file is replaced (%s)', async (rule) => {
  const root = makeTempDir();
  const module = new URL('../src/index.ts', import.meta.url);
  const calls = new URL('../src/file-system-calls.ts', import.meta.url);
  const killed = spawnSync(process.execPath, [
    '--input-type=module',
    '--eval',
    `import { DirectoryTarget, systemRandom } from ${JSON.stringify(module)};
     import { systemCalls } from ${JSON.stringify(calls)};
     const setTime = () => process.kill(process.pid, 'SIGKILL');
     const target = new DirectoryTarget({
       root: ${JSON.stringify(root)}, random: systemRandom, calls: { ...systemCalls, setTime }
     });
     const entry = { kind: 'file', size: 7, modifiedMs: 1, attributes: { mode: '0640' }, userMetadata: {}, tags: {} };
     await target.write({ ...entry, path: Buffer.from('new/file') }, [Buffer.from('content')], 'never');`,
  ]);
  expect(killed.signal).toBe('SIGKILL');
  // Some of the bytes had not reached the disk.
  writeFileSync(path.join(root, 'new/file'), 'con\0\0\0\0');
  const { target } = makeTarget(root);

  expect(await target.write(entry('new/file', { size: 7 }), whole, rule)).toBe('written');

  expect(readFileSync(path.join(root, 'new/file'), 'utf8')).toBe('content');
  expect(modeOf(path.join(root, 'new/file'))).toBe(0o640);
  expect(readdirSync(path.join(root, 'new'))).toEqual(['file']);
});

test('a file that has the mode of an unfinished one in the point is kept when it is there', async () => {
  const { target, at } = await makeNewDirectory();
  const same = entry('new/file', { size: 7, attributes: { mode: '1600' } });
  writeFileSync(path.join(at, 'file'), 'theirs!');
  chmodSync(path.join(at, 'file'), 0o1600);

  expect(await target.write(same, whole, 'never')).toBe('kept');
  expect(await target.write({ ...same, path: Buffer.from('new/other') }, whole, 'never')).toBe('written');

  expect(readFileSync(path.join(at, 'file'), 'utf8')).toBe('theirs!');
  expect(modeOf(path.join(at, 'other'))).toBe(0o1600);
});

test('a file that somebody else has put into a new directory is kept', async () => {
  const { target, at } = await makeNewDirectory();
  writeFileSync(path.join(at, 'file'), 'theirs!');

  expect(await target.write(entry('new/file', { size: 7 }), whole, 'never')).toBe('kept');
  expect(readFileSync(path.join(at, 'file'), 'utf8')).toBe('theirs!');
  expect(await target.write(entry('new/file', { size: 7 }), whole, 'if-different')).toBe('written');
  expect(readFileSync(path.join(at, 'file'), 'utf8')).toBe('content');
});

test('nothing stays of a file that could not be written', async () => {
  const { target, at } = await makeNewDirectory({
    setTime: () => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' });
    },
  });

  await expect(target.write(entry('new/file', { size: 7 }), whole, 'never')).rejects.toThrow('EIO');

  expect(readdirSync(at)).toEqual([]);
});

test('where a mode does not go again, and of objects, which have none, a file is written beside its place', async () => {
  const names: (readonly string[])[] = [];
  const { target, at } = await makeNewDirectory({
    setMode: () => {},
    setTime: (fd, ms) => {
      names.push([path.basename(readlinkSync(`/proc/self/fd/${fd}`))]);
      systemCalls.setTime(fd, ms);
    },
  });

  expect(await target.write(entry('new/file', { size: 7 }), whole, 'never')).toBe('written');
  expect(
    await target.write(entry('new/object', { kind: 'object', size: 7, attributes: {} }), whole, 'never'),
  ).toBe('written');

  const staged = [expect.stringMatching(/^\.holdfast-/) as string];
  expect(names).toEqual([['file'], staged, staged]);
  expect(modeOf(path.join(at, 'file'))).toBe(0o600);
  expect(readdirSync(at).sort()).toEqual(['file', 'object']);
});

test('a stream, and a file of a directory that was there, are written beside their places', async () => {
  const root = makeTempDir();
  mkdirSync(path.join(root, 'old'));
  const names: string[][] = [];
  const target = new DirectoryTarget({
    root,
    random: new SeededRandom(),
    calls: {
      ...systemCalls,
      setMode: (fd, mode) => {
        names.push([...readdirSync(path.join(root, 'old')), ...readdirSync(path.join(root, 'new'))]);
        systemCalls.setMode(fd, mode);
      },
    },
  });
  await target.write(directory('new/'), pieces(), 'never');

  await target.write(entry('old/file', { size: 7 }), whole, 'never');
  await writeText(target, 'new/file', 'content');

  const staged = expect.stringMatching(/^\.holdfast-/) as string;
  expect(names).toEqual([[staged], ['file', staged]]);
});

describe('what is written at once', () => {
  test('is what needs nothing to be waited for; of all else nothing has been done', async () => {
    const { target, at } = await makeNewDirectory();
    const root = path.dirname(at);
    mkdirSync(path.join(root, 'old'));
    writeFileSync(path.join(at, 'theirs'), 'theirs!');
    const exact = entry('new/exact', { size: 7, attributes: { mode: '0640', 'modified-ns': '1' } });
    const link = entry('new/link', { kind: 'symlink', size: 0, attributes: { 'link-target': 'file' } });

    expect(target.writeAtOnce(directory('new/below/'), [], 'never')).toBe('written');
    expect(target.writeAtOnce(entry('new/below/file', { size: 7 }), whole, 'never')).toBe('written');
    expect(target.writeAtOnce(entry('new/theirs', { size: 7 }), whole, 'never')).toBe('kept');
    expect(target.writeAtOnce(entry('new/theirs', { size: 7 }), whole, 'always')).toBeUndefined();
    expect(target.writeAtOnce(entry('old/file', { size: 7 }), whole, 'never')).toBeUndefined();
    expect(target.writeAtOnce(exact, whole, 'never')).toBeUndefined();
    expect(target.writeAtOnce(link, [], 'never')).toBeUndefined();

    expect(readFileSync(path.join(at, 'below/file'), 'utf8')).toBe('content');
    expect(readFileSync(path.join(at, 'theirs'), 'utf8')).toBe('theirs!');
    expect(readdirSync(at).sort()).toEqual(['below', 'theirs']);
    expect(readdirSync(path.join(root, 'old'))).toEqual([]);
  });

  test('is refused as it is otherwise', async () => {
    const { target, at } = await makeNewDirectory();
    symlinkSync('/tmp', path.join(at, 'link'));

    for (const place of ['../file', 'new/link/file', 'new/theirs/file']) {
      writeFileSync(path.join(at, 'theirs'), '');
      expect(() => target.writeAtOnce(entry(place, { size: 7 }), whole, 'always')).toThrow(RestorePathError);
    }
    rmSync(path.dirname(at), { recursive: true });
    expect(() => target.writeAtOnce(entry('new/file', { size: 7 }), whole, 'always')).toThrow(
      TargetUnavailableError,
    );
  });
});

test('a directory that several workers share is new to all of them, but its files are not', async () => {
  const root = makeTempDir();
  mkdirSync(path.join(root, 'old'));
  const shared = await makeTarget(root).target.prepare([directory('new/'), directory('old/')], [], 'never');
  const [one, other] = [0, 1].map(() => new DirectoryTarget({ root, random: new SeededRandom(), shared }));
  const file = entry('new/file', { size: 7 });

  expect(one?.writeAtOnce(entry('old/file', { size: 7 }), whole, 'never')).toBeUndefined();
  expect(one?.writeAtOnce(file, whole, 'never')).toBe('written');
  expect(other?.writeAtOnce(file, whole, 'never')).toBeUndefined();
  expect(await other?.write(file, whole, 'never')).toBe('same');
});

test.runIf(asRoot)(
  'a file gets its group also where its directory has got one in between that it takes',
  async () => {
    const { target, at } = await makeNewDirectory();
    const owned = { mode: '0640', uid: '0', gid: '0' };
    const attributes = { mode: '2775', uid: '0', gid: '1234' };
    const ofGroup = { ...directory('new/group/'), attributes };
    await target.write(ofGroup, [], 'never');
    await target.write(entry('new/group/one', { size: 7, attributes: owned }), whole, 'never');
    await target.finish();

    await target.write(entry('new/group/two', { size: 7, attributes: owned }), whole, 'never');

    expect(await target.finish()).toEqual([]);
    expect(statSync(path.join(at, 'group')).gid).toBe(1234);
    expect(statSync(path.join(at, 'group/two')).gid).toBe(0);
  },
);
