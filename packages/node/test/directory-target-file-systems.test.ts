import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { SeededRandom } from '@holdfast/engine/testing';
import { describe, expect, test } from 'vitest';

import { systemCalls, type FileSystemCalls } from '../src/file-system-calls.ts';
import { DirectoryTarget } from '../src/index.ts';
import { makeProcessMark, type ProcessMark } from '../src/store/process-mark.ts';
import { claimPathOf } from '../src/target/staging-names.ts';
import { directory, entry, link, makeTarget, pieces, writeText } from './target-under-test.ts';
import { makeTempDir } from './temp-dir.ts';

const refuse = (code: string) => (): never => {
  throw Object.assign(new Error(code), { code });
};

/** What Linux does on exFAT, by FUSE and by the kernel: no links, no owners, one mode for all, times of two seconds. */
const likeExfat: FileSystemCalls = {
  link: refuse('EPERM'),
  symlink: refuse('ENOSYS'),
  setMode: () => {},
  setOwner: refuse('EPERM'),
  setOwnerOfLink: refuse('EPERM'),
  setTime: (fd, ms) => systemCalls.setTime(fd, Math.floor(ms / 2000) * 2000),
  setTimeOfLink: refuse('ENOSYS'),
};

function makeExfatTarget(
  root = makeTempDir(),
  random = new SeededRandom(),
): { target: DirectoryTarget; root: string } {
  return { target: new DirectoryTarget({ root, random, calls: likeExfat, restoreOwners: true }), root };
}

describe('a file system without links, modes and owners', () => {
  test('takes files whole under every rule, and keeps what is there under the standard one', async () => {
    const { target, root } = makeExfatTarget();
    writeFileSync(path.join(root, 'theirs'), 'old');

    expect(await writeText(target, 'new', 'content')).toBe('written');
    expect(await writeText(target, 'theirs', 'new')).toBe('kept');
    expect(await writeText(target, 'other', 'content', 'always')).toBe('written');

    expect(readFileSync(path.join(root, 'new'), 'utf8')).toBe('content');
    expect(readFileSync(path.join(root, 'theirs'), 'utf8')).toBe('old');
    expect(readdirSync(root).sort()).toEqual(['new', 'other', 'theirs']);
  });

  test('never loses a file that appeared while the content arrived', async () => {
    const { target, root } = makeExfatTarget();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('new');
      writeFileSync(path.join(root, 'file'), 'theirs');
    }

    expect(await target.write(entry('file', { size: 3 }), slow(), 'never')).toBe('kept');

    expect(readFileSync(path.join(root, 'file'), 'utf8')).toBe('theirs');
    expect(readdirSync(root)).toEqual(['file']);
  });

  test('is said to keep no modes, owners and exact times, once for each kind', async () => {
    const { target } = makeExfatTarget();
    const attributes = { mode: '0400', uid: '1234', gid: '5678' };

    for (const name of ['a', 'b']) await target.write(entry(name, { attributes }), pieces(), 'never');

    expect(await target.finish()).toEqual([
      { fact: 'mode', entries: 2, example: 'a' },
      { fact: 'owner', entries: 2, example: 'a' },
      { fact: 'time', entries: 2, example: 'a' },
    ]);
  });

  test('finds a file to be the same that has all the file system can hold of it', async () => {
    const { target, root } = makeExfatTarget();
    await writeText(target, 'file', 'abc');
    const { ino } = statSync(path.join(root, 'file'));

    expect(
      await writeText(makeExfatTarget(root, new SeededRandom('2')).target, 'file', 'abc', 'if-different'),
    ).toBe('same');
    expect(await writeText(target, 'file', 'abd', 'if-different')).toBe('written');

    expect(ino).toBeGreaterThan(0);
    expect(readdirSync(root)).toEqual(['file']);
  });

  test('leaves out symbolic links, and goes on', async () => {
    const { target, root } = makeExfatTarget();

    await expect(target.write(link('link', 'x'), pieces(), 'never')).rejects.toMatchObject({
      name: 'RestorePathError',
      message: expect.stringContaining('no symbolic links') as string,
    });

    expect(readdirSync(root)).toEqual([]);
  });
});

const dead: ProcessMark = { text: '0123456789abcdef-01234567-42-4711', hasEnded: () => false };
const knowing = (ended: string): ProcessMark => ({
  ...makeProcessMark(),
  hasEnded: (text) => text === ended,
});
const remains = (root: string): string[] => readdirSync(root).filter((name) => name.startsWith('.holdfast-'));

/** Begins to write a file and never goes on, as a process that was killed; returns when the file is there. */
async function abandon(root: string, mark: ProcessMark, name: string): Promise<void> {
  const target = new DirectoryTarget({ root, random: new SeededRandom(name), process: mark });
  const begun = Promise.withResolvers<void>();
  async function* stuck(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    begun.resolve();
    await new Promise(() => {});
  }
  void target.write(entry(name, { size: 8 }), stuck(), 'never');
  await begun.promise;
}

describe('what a killed restore left', () => {
  test('is removed by the next restore, and nothing of one that is still running', async () => {
    const root = makeTempDir();
    const running = makeProcessMark();
    mkdirSync(path.join(root, 'd'));
    await abandon(root, dead, 'one');
    await abandon(root, dead, 'd/two');
    await abandon(root, running, 'd/three');
    // By such a one a restore finds out whether the file system tells letter cases apart.
    mkdirSync(path.join(root, `d/.holdfast-${dead.text}-0123456789abcdef-1`));

    const target = new DirectoryTarget({ root, random: new SeededRandom(), process: knowing(dead.text) });
    await writeText(target, 'd/file', 'x');

    expect(remains(root)).toEqual([]);
    expect(remains(path.join(root, 'd'))).toHaveLength(1);
    expect(remains(path.join(root, 'd'))[0]).toContain(running.text);
  });

  test('is removed with the empty file that had its place on a file system without links', async () => {
    const root = makeTempDir();
    await abandon(root, dead, 'file');
    const [staged = ''] = remains(root);
    const place = Buffer.from(path.join(root, 'file'));
    writeFileSync(claimPathOf(Buffer.from(path.join(root, staged)), place), 'whole');
    writeFileSync(place, '');
    writeFileSync(path.join(root, 'other'), '');

    const target = new DirectoryTarget({ root, random: new SeededRandom(), process: knowing(dead.text) });

    expect(await writeText(target, 'file', 'content')).toBe('written');
    expect(await writeText(target, 'other', 'content')).toBe('kept');
    expect(readFileSync(place, 'utf8')).toBe('content');
    expect(readdirSync(root).sort()).toEqual(['file', 'other']);
  });

  test('is known by its process: this one runs, one of another boot has ended, of another machine nothing is known', () => {
    const { text, hasEnded } = makeProcessMark();
    const [machine = '', boot = '', pid, start] = text.split('-');

    expect(hasEnded(text)).toBe(false);
    expect(hasEnded([machine, boot === '00000000' ? '00000001' : '00000000', pid, start].join('-'))).toBe(
      true,
    );
    expect(hasEnded([machine, boot, '4194305', start].join('-'))).toBe(true);
    expect(hasEnded(['f'.repeat(16), boot, '4194305', start].join('-'))).toBe(false);
    expect(hasEnded('something else')).toBe(false);
  });

  test('cannot be put there by a point: such a name is refused', async () => {
    const { target, root } = makeTarget();

    await expect(writeText(target, `.holdfast-${dead.text}-0123456789abcdef-1`, 'x')).rejects.toMatchObject({
      name: 'RestorePathError',
    });

    expect(readdirSync(root)).toEqual([]);
  });
});

describe('the directory of the vault', () => {
  test('is never restored into, whatever path leads there', async () => {
    const place = makeTempDir();
    const vault = path.join(place, 'vault');
    mkdirSync(path.join(vault, 'packs'), { recursive: true });
    symlinkSync(vault, path.join(place, 'link'));
    const make = (root: string): DirectoryTarget =>
      new DirectoryTarget({ root: path.join(place, root), random: new SeededRandom(), vault });

    for (const root of ['vault', 'vault/packs', 'link', 'link/new/below']) {
      expect(() => make(root)).toThrow(expect.objectContaining({ name: 'InvalidInputError' }));
    }
    await expect(writeText(make('.'), 'vault/packs/file', 'x', 'always')).rejects.toMatchObject({
      name: 'RestorePathError',
    });

    expect(existsSync(path.join(vault, 'new'))).toBe(false);
    expect(readdirSync(path.join(vault, 'packs'))).toEqual([]);
    expect(await writeText(make('beside'), 'vault/file', 'x')).toBe('written');
  });
});

test.each([
  ['before 1970', -1.5],
  ['long before 1970', -315_619_199_876.5],
  ['the first second', 0],
  ['after 2038', 2_147_483_648_250],
  ['beyond 32 bits without a sign', 4_294_967_296_750],
])('keeps times %s', async (_, time) => {
  const { target, root } = makeTarget();

  await target.write(entry('file', { modifiedMs: time }), pieces(), 'never');
  await target.write({ ...link('link', 'x'), modifiedMs: time }, pieces(), 'never');
  await target.write({ ...directory('dir/'), modifiedMs: time }, pieces(), 'never');

  expect(await target.finish()).toEqual([]);
  for (const name of ['file', 'dir']) expect(statSync(path.join(root, name)).mtimeMs).toBeCloseTo(time, 2);
  expect(await target.write({ ...link('link', 'x'), modifiedMs: time }, pieces(), 'if-different')).toBe(
    'same',
  );
});

test('says of a time that the file system cannot hold that it is not kept', async () => {
  const { target, root } = makeTarget();
  // The year 33,658: ext4 ends in 2446, others hold it.
  const time = 1e15;

  await target.write(entry('file', { modifiedMs: time }), pieces(), 'never');

  const unkept = await target.finish();
  const held = statSync(path.join(root, 'file')).mtimeMs === time;
  expect(unkept).toEqual(held ? [] : [{ fact: 'time', entries: 1, example: 'file' }]);
});

test('gives up at once on a place that cannot be made', () => {
  const root = makeTempDir();
  chmodSync(root, 0o700);

  // Where a file system answers ENOENT below a directory that is there, Node's own way of making directories never ends.
  for (const place of ['/proc/holdfast/restored', path.join(root, 'a\0b')]) {
    expect(() => new DirectoryTarget({ root: place, random: new SeededRandom() })).toThrow(
      expect.objectContaining({ name: 'TargetUnavailableError' }),
    );
  }
});
