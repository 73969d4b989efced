import { linkSync, mkdirSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheBlocks, findPath, openFileSystem } from '../../src/index.ts';
import { askDebugfs, makeExtImage, type ExtImageOptions } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { fileSource } from '../support/sources.ts';
import { treeOfDirectory, treeOfFileSystem } from '../support/tree.ts';

const scratch = makeScratch();
const tree = path.join(scratch.path, 'tree');
const at = (...names: string[]): string => path.join(tree, ...names);

let source: ReturnType<typeof treeOfDirectory>;
beforeAll(() => {
  mkdirSync(at('etc', 'deep', 'deeper'), { recursive: true });
  writeFileSync(at('etc', 'passwd'), 'root:x:0:0::/root:/bin/sh\n', { mode: 0o640 });
  writeFileSync(at('etc', 'deep', 'deeper', 'empty'), '');
  writeFileSync(at('tiny'), 'x');
  writeFileSync(at('between'), 'y'.repeat(140));
  linkSync(at('tiny'), at('etc', 'same as tiny'));
  symlinkSync('etc/passwd', at('short link'));
  symlinkSync(`${'far/'.repeat(50)}away`, at('long link'));
  symlinkSync('z'.repeat(59), at('link of 59'));
  symlinkSync('z'.repeat(60), at('link of 60'));
  writeFileSync(at('n'.repeat(255)), 'the longest name');
  writeFileSync(Buffer.from(`${tree}/\xff\xfe latin`, 'latin1'), 'a name that is not UTF-8');
  writeFileSync(at('large'), Buffer.alloc(700_001, 'large content '));
  mkdirSync(at('many'));
  for (let file = 0; file < 300; file += 1) writeFileSync(at('many', `file with number ${file}`), `${file}`);
  utimesSync(at('tiny'), 1, 86_400);
  source = treeOfDirectory(tree);
});
afterAll(scratch.remove);

const variants: Record<string, Partial<ExtImageOptions>> = {
  'ext2 with blocks of 1 KiB': { type: 'ext2', options: ['-b', '1024'] },
  'ext2 of revision 0': {
    type: 'ext2',
    options: ['-r', '0', '-b', '1024'],
    inodeBytes: 128,
    features: 'none',
  },
  'ext3 with inodes of 128 bytes': { type: 'ext3', inodeBytes: 128 },
  'ext4 as Debian makes it': {},
  'ext4 with blocks of 1 KiB': { options: ['-b', '1024'] },
  'ext4 with blocks of 64 KiB': { options: ['-b', '65536'], size: '256M' },
  'ext4 with inodes of 1 KiB': { inodeBytes: 1024 },
  'ext4 with 32-bit group descriptors': { features: '^64bit' },
  'ext4 with descriptors in meta groups': {
    features: 'meta_bg,^resize_inode,^flex_bg',
    options: ['-b', '1024', '-g', '1024'],
  },
  'ext4 with inline data': { features: 'inline_data' },
  'ext4 with two backups of its superblock': { features: 'sparse_super2' },
  'ext4 with two backups, and meta groups': {
    features: 'sparse_super2,meta_bg,^resize_inode,^flex_bg',
    options: ['-b', '1024', '-g', '512'],
  },
  'ext4 with clusters': { features: 'bigalloc', options: ['-C', '16384'] },
  'ext4 without kinds in directories': { features: '^filetype' },
  'ext4 without a journal and checksums': { features: '^has_journal,^metadata_csum' },
  'ext4 with checksums of descriptors alone': { features: '^metadata_csum,uninit_bg' },
  'ext4 with checksums from a seed of their own': {
    features: 'metadata_csum_seed,ea_inode,large_dir,quota,project',
  },
  'ext4 with names without case': { features: 'casefold', options: ['-E', 'encoding=utf8'] },
};

test.each(Object.entries(variants))('%s reads like its source', async (name, variant) => {
  const file = path.join(scratch.path, `${name}.img`);
  makeExtImage(file, { size: '64M', tree, ...variant });

  const fileSystem = await openFileSystem(cacheBlocks(fileSource(file)), { verifyChecksums: true });
  const found = await treeOfFileSystem(fileSystem);

  expect(fileSystem.facts.type).toBe(variant.type ?? 'ext4');
  expect(fileSystem.notices).toEqual([]);
  expect([...found.keys()].sort()).toEqual([...source.keys()].sort());
  for (const [key, item] of source) expect(found.get(key), Buffer.from(key, 'hex').toString()).toEqual(item);
});

test('a file system reads as debugfs reads it', async () => {
  const file = makeExtImage(path.join(scratch.path, 'dumped.img'), { size: '64M', tree });
  const dump = path.join(scratch.path, 'dump');
  mkdirSync(dump);
  askDebugfs(file, `rdump / "${dump}"`);

  const found = await treeOfFileSystem(await openFileSystem(fileSource(file)));

  const dumped = treeOfDirectory(dump);
  dumped.delete(Buffer.from('lost+found').toString('hex'));
  expect([...found.keys()].sort()).toEqual([...dumped.keys()].sort());
  for (const [key, { content, kind, mode }] of dumped)
    // Modes of links are those of this machine.
    expect(found.get(key)).toMatchObject(kind === 'link' ? { content, kind } : { content, kind, mode });
});

test('paths go through links and back, and end where there is nothing', async () => {
  const file = makeExtImage(path.join(scratch.path, 'paths.img'), {
    size: '64M',
    tree,
    commands: ['symlink /etc/up ../etc/deep', 'symlink /round /round', 'symlink /etc/root /'],
  });
  const fileSystem = await openFileSystem(fileSource(file));
  const find = async (text: string, followLast = false) =>
    findPath(fileSystem, Buffer.from(text, 'latin1'), { followLast });
  const passwd = await find('/etc/passwd');

  expect((await find('etc//./passwd'))?.id).toBe(passwd?.id);
  expect((await find('/etc/up/../../etc/passwd'))?.id).toBe(passwd?.id);
  expect((await find('/../../etc/root/etc/passwd'))?.id).toBe(passwd?.id);
  expect((await find('short link'))?.kind).toBe('link');
  expect((await find('short link', true))?.id).toBe(passwd?.id);
  expect((await find('\xff\xfe latin'))?.bytes).toBe(24);
  expect((await find(''))?.id).toBe((await fileSystem.root()).id);
  expect(await find('/etc/shadow')).toBeUndefined();
  expect(await find('/etc/passwd/x')).toBeUndefined();
  await expect(find('/round/x')).rejects.toThrow('go round');
});

test('a range of content comes without the rest', async () => {
  const file = makeExtImage(path.join(scratch.path, 'ranges.img'), {
    size: '64M',
    tree,
    options: ['-b', '1024'],
    features: 'inline_data',
  });
  const fileSystem = await openFileSystem(fileSource(file));
  const read = async (name: string, from?: number, to?: number): Promise<string> => {
    const node = await findPath(fileSystem, Buffer.from(name));
    return Buffer.concat(await Array.fromAsync(node?.read({ from, to }) ?? [])).toString();
  };

  expect(await read('large', 1000, 1030)).toBe('large content '.repeat(100).slice(1000, 1030));
  expect(await read('large', 700_000, 800_000)).toBe('large content '.repeat(50_001).slice(700_000, 700_001));
  expect(await read('large', 700_001)).toBe('');
  expect(await read('between', 50, 70)).toBe('y'.repeat(20));
});

test.each([
  ['block maps', 'ext2'],
  ['extents', 'ext4'],
] as const)('holes of %s are told of, and read as zeros', async (how, type) => {
  const sparse = path.join(scratch.path, `sparse ${type}`);
  mkdirSync(sparse);
  // Up to beyond what two levels of a block map with blocks of 1 KiB can name.
  const holes = path.join(sparse, 'holes');
  writeFileSync(holes, 'start');
  truncateSync(holes, 70 * 2 ** 20);
  writeFileSync(holes, 'end', { flag: 'a' });
  const file = makeExtImage(path.join(scratch.path, `${how}.img`), {
    size: '16M',
    type,
    tree: sparse,
    options: ['-b', '1024'],
  });

  const fileSystem = await openFileSystem(fileSource(file));

  expect(await treeOfFileSystem(fileSystem)).toEqual(treeOfDirectory(sparse));
  const node = await findPath(fileSystem, Buffer.from('holes'));
  const runs = await Array.fromAsync(node?.runs() ?? []);
  expect(runs.map((run) => run.kind)).toEqual(['stored', 'hole', 'stored']);
});
