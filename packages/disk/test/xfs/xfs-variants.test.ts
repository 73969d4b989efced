import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheBlocks, findPath, openFileSystem } from '../../src/index.ts';
import { makeScratch } from '../support/scratch.ts';
import { fileSource } from '../support/sources.ts';
import { treeOfDirectory, treeOfFileSystem } from '../support/tree.ts';
import { makeXfsImage, xfsDb, type XfsImageOptions } from '../support/xfsprogs.ts';

const scratch = makeScratch();
const tree = path.join(scratch.path, 'tree');
const at = (...names: string[]): string => path.join(tree, ...names);

/** Facts that `mkfs.xfs` keeps: not the times, and links of several names become files of their own. */
const kept = (items: ReturnType<typeof treeOfDirectory>): Map<string, unknown> =>
  new Map([...items].map(([key, { kind, mode, uid, content }]) => [key, { kind, mode, uid, content }]));

let source: ReturnType<typeof kept>;
beforeAll(() => {
  mkdirSync(at('etc', 'deep', 'deeper'), { recursive: true });
  writeFileSync(at('etc', 'passwd'), 'root:x:0:0::/root:/bin/sh\n', { mode: 0o640 });
  writeFileSync(at('etc', 'deep', 'deeper', 'empty'), '');
  writeFileSync(at('tiny'), 'x');
  symlinkSync('etc/passwd', at('short-link'));
  writeFileSync(at('n'.repeat(255)), 'the longest name');
  writeFileSync(Buffer.from(`${tree}/\xff\xfe-latin`, 'latin1'), 'a name that is not UTF-8');
  writeFileSync(at('large'), Buffer.alloc(200_001, 'large content '));
  source = kept(treeOfDirectory(tree));
});
afterAll(scratch.remove);

/** Within the inode, one block, several with one leaf, and with more. */
const crowds = [4, 20, 150, 1200];
/** Lines take less time than files do. */
const lines = crowds.flatMap((count) => [
  `dir-${count} d--755 0 0`,
  ...Array.from({ length: count }, (_, file) => `file-with-number-${file} ---644 0 0 ${at('tiny')}`),
  '$',
]);

/**
 * One, two and three blocks of 512 bytes, and what is within an inode. In version 5, this `mkfs.xfs` writes long ones
 * without the headers that they must have.
 */
const longLinks = [155, 157, 336, 512, 513, 1023].map(
  (length) => `link-of-${length} l--777 0 0 ${'z'.repeat(length)}`,
);

const variants: Record<string, Partial<XfsImageOptions>> = {
  'version 5 as mkfs.xfs makes it': {},
  'version 4 with blocks of 512 bytes': { options: ['-m', 'crc=0', '-b', 'size=512', '-n', 'ftype=1'] },
  'version 5 with blocks of 1 KiB': { options: ['-b', 'size=1024'] },
  'version 5 with blocks of 64 KiB': { options: ['-b', 'size=65536'], size: 256 * 2 ** 20 },
  'version 5 with sectors of 4 KiB': { options: ['-s', 'size=4096'] },
  'version 5 with blocks of directories of 64 KiB': { options: ['-n', 'size=65536'] },
  'version 5 with blocks of directories of several blocks': {
    options: ['-b', 'size=1024', '-n', 'size=8192'],
  },
  'version 5 with inodes of 2 KiB and big counts': {
    options: ['-i', 'size=2048,nrext64=1'],
    size: 32 * 2 ** 20,
  },
  'version 5 with old times, inodes that are not sparse and many groups': {
    options: ['-m', 'bigtime=0,rmapbt=1,reflink=0,inobtcount=0', '-i', 'sparse=0', '-d', 'agcount=7'],
    size: 128 * 2 ** 20,
  },
  'version 5 of another UUID than its blocks have': {
    commands: ['uuid 01234567-89ab-cdef-0123-456789abcdef'],
  },
  'version 4 with kinds in directories': { options: ['-m', 'crc=0', '-n', 'ftype=1'] },
  'version 4 without kinds, and with inodes of 256 bytes': {
    options: ['-m', 'crc=0', '-n', 'ftype=0', '-i', 'size=256'],
  },
  'version 4 with names without case': { options: ['-m', 'crc=0', '-n', 'version=ci'] },
  'version 4 with a log of version 1': { options: ['-m', 'crc=0', '-l', 'version=1', '-i', 'attr=1'] },
};

const isAdded = (key: string): boolean => /^(dir|link-of)-/.test(Buffer.from(key, 'hex').toString());

test.each(Object.entries(variants))('XFS %s reads like its source', async (name, variant) => {
  const file = makeXfsImage(path.join(scratch.path, 'image'), {
    ...variant,
    tree,
    lines: name.includes('version 4') ? [...lines, ...longLinks] : lines,
  });

  const fileSystem = await openFileSystem(cacheBlocks(fileSource(file)));
  const found = kept(await treeOfFileSystem(fileSystem));

  expect(fileSystem.facts.type).toBe('xfs');
  expect(fileSystem.notices).toEqual([]);
  expect([...found.keys()].filter((key) => !isAdded(key)).sort()).toEqual([...source.keys()].sort());
  for (const [key, item] of source) expect(found.get(key), Buffer.from(key, 'hex').toString()).toEqual(item);
  if (name.includes('version 4'))
    for (const length of [155, 157, 336, 512, 513, 1023]) {
      const link = await findPath(fileSystem, Buffer.from(`link-of-${length}`));
      expect(Buffer.from((await link?.linkTarget()) ?? []).toString()).toBe('z'.repeat(length));
    }
  for (const count of crowds) {
    const node = await findPath(fileSystem, Buffer.from(`dir-${count}`));
    expect(await Array.fromAsync(node?.list() ?? [])).toHaveLength(count);
    for (let index = 0; index < count; index += 17)
      expect((await node?.find(Buffer.from(`file-with-number-${index}`)))?.id, name).toBeGreaterThan(0);
    expect(await node?.find(Buffer.from(`file-with-number-${count}`))).toBeUndefined();
  }
});

test('a file system reads as xfs_db reads it', async () => {
  const file = makeXfsImage(path.join(scratch.path, 'image'), { tree, lines, options: ['-b', 'size=1024'] });
  const fileSystem = await openFileSystem(cacheBlocks(fileSource(file)));

  for (const directory of ['dir-4', 'dir-20', 'dir-150', 'dir-1200']) {
    const node = await findPath(fileSystem, Buffer.from(directory));
    const entries = await Array.fromAsync(node?.list() ?? []);
    // Lines of: place, number, kind, hash, length, name, and whether that is good.
    const listed = xfsDb(file, [`ls /${directory}`])
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , kind]) => kind === 'regular')
      .map(([, id = '', , , , name = '']) => `${id} ${name}`);

    expect(entries.map(({ id, name }) => `${id} ${Buffer.from(name).toString()}`)).toEqual(listed);
  }
  const large = await findPath(fileSystem, Buffer.from('large'));
  const [run] = await Array.fromAsync(large?.runs() ?? []);
  const [, block] = /startblock \d+ \(\d+\/(\d+)\)/.exec(xfsDb(file, ['path /large', 'bmap'])) ?? [];
  expect(run).toMatchObject({ kind: 'stored', at: Number(block) * 1024, bytes: 200_001 });
});
