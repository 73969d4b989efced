import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { cacheBlocks, type FileSystem, findPath, openFileSystem, walkTree } from '../../src/index.ts';
import {
  askDebugfs,
  debugfs,
  type ExtImageOptions,
  indexDirectories,
  makeExtImage,
} from '../support/e2fsprogs.ts';
import { blockOf, changeFile, patchFile } from '../support/patch.ts';
import { makeScratch } from '../support/scratch.ts';
import { CountingSource, fileSource } from '../support/sources.ts';

const scratch = makeScratch();
afterAll(scratch.remove);
const tree = path.join(scratch.path, 'tree');
mkdirSync(path.join(tree, 'a', 'b'), { recursive: true });
writeFileSync(path.join(tree, 'file'), Buffer.alloc(10_000, 'content'));
writeFileSync(path.join(tree, 'node'), Buffer.alloc(4096, 1));

let images = 0;
/** An image without checksums, so that only what is said is wrong with it. */
function image(options: Partial<ExtImageOptions> = {}): string {
  images += 1;
  const file = path.join(scratch.path, `${images}.img`);
  return makeExtImage(file, {
    size: '8M',
    tree,
    features: '^metadata_csum',
    options: ['-b', '4096'],
    ...options,
  });
}

async function open(
  file: string,
): Promise<{ readonly fileSystem: FileSystem; readonly source: CountingSource }> {
  const source = new CountingSource(fileSource(file));
  return { fileSystem: await openFileSystem(cacheBlocks(source)), source };
}

async function runsOf(file: string, name = 'file'): Promise<unknown[]> {
  const node = await findPath((await open(file)).fileSystem, Buffer.from(name));
  return Array.fromAsync(node?.runs() ?? []);
}

const damaged = { name: 'DiskDamagedError' };
/** A word of an inode's 60 bytes, as debugfs names it. */
const setWord = (index: number, value: number): string => `sif file block[${index}] ${value}`;
const header = (entries: number, depth: number): string[] => [
  setWord(0, 0xf30a + entries * 65536),
  setWord(1, 4 + depth * 65536),
];

describe('directories', () => {
  test('that contain themselves are entered once, and told of', async () => {
    const file = image();
    debugfs(file, ['link /a /a/b/again', 'link /a /a/b/and-again', 'link / /a/root']);
    const { fileSystem } = await open(file);

    const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));

    const errors = steps.filter(({ error }) => error !== undefined);
    expect(errors.map(({ path: where }) => Buffer.from(where).toString()).sort()).toEqual([
      'a/b/again',
      'a/b/and-again',
      'a/root',
    ]);
    for (const { error } of errors) expect(error).toMatchObject(damaged);
  });

  test('with names that no system can have written are damaged', async () => {
    const file = image();
    const at = blockOf(file, '/') * 4096;
    changeFile(file, at, (bytes) => {
      bytes.write('../x', bytes.indexOf('node'));
    });
    const { fileSystem } = await open(file);

    const root = await fileSystem.root();

    await expect(Array.fromAsync(root.list())).rejects.toMatchObject(damaged);
    const steps = await Array.fromAsync(walkTree(fileSystem, root));
    expect(steps.at(-1)?.error).toMatchObject(damaged);
  });

  test.each([
    ['entries of no length', (bytes: Buffer) => bytes.writeUInt16LE(0, 4)],
    ['entries that reach beyond their block', (bytes: Buffer) => bytes.writeUInt16LE(8192, 4)],
    ['entries of inodes that are not there', (bytes: Buffer) => bytes.writeUInt32LE(0xffffffff, 0)],
  ])('with %s are damaged', async (_, change) => {
    const file = image();
    changeFile(file, blockOf(file, '/') * 4096, change);
    const { fileSystem } = await open(file);

    await expect(Array.fromAsync((await fileSystem.root()).list())).rejects.toMatchObject(damaged);
  });

  test('with a broken index are read without it', async () => {
    const crowd = path.join(scratch.path, 'crowd');
    mkdirSync(path.join(crowd, 'many'), { recursive: true });
    for (let index = 0; index < 500; index += 1) writeFileSync(path.join(crowd, 'many', `file ${index}`), '');
    const file = image({ tree: crowd });
    indexDirectories(file);
    // Counts of the entries of the index.
    changeFile(file, blockOf(file, '/many') * 4096, (bytes) => bytes.fill(0xff, 0x20, 0x24));
    const { fileSystem } = await open(file);

    expect((await findPath(fileSystem, Buffer.from('many/file 321')))?.kind).toBe('file');
    expect(await findPath(fileSystem, Buffer.from('many/file 500'))).toBeUndefined();
  });

  test('nested so deep that paths are beyond all measure end a walk there', async () => {
    const name = 'd'.repeat(250);
    const file = image({ size: '32M', options: ['-b', '4096', '-N', '2000'] });
    const commands = Array.from({ length: 300 }, () => [`mkdir ${name}`, `cd ${name}`]).flat();
    debugfs(file, commands);
    const { fileSystem } = await open(file);

    const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));

    const last = steps.find(({ error }) => error !== undefined);
    expect(last?.error?.message).toBe('a path is longer than 65536 bytes');
  });
});

describe('extents', () => {
  test.each([
    [
      'that overlap',
      [...header(2, 0), setWord(3, 0), setWord(4, 3), setWord(6, 2), setWord(7, 3), setWord(8, 500)],
    ],
    [
      'out of order',
      [...header(2, 0), setWord(3, 9), setWord(4, 1), setWord(6, 2), setWord(7, 1), setWord(8, 500)],
    ],
    ['of no blocks', [...header(1, 0), setWord(4, 0)]],
    ['outside of the file system', [...header(1, 0), setWord(5, 0x7fffffff)]],
    ['where the superblock is', [...header(1, 0), setWord(5, 0)]],
    ['more than fit', header(60, 0)],
    ['of a tree that is too deep', header(1, 6)],
    ['of no magic number', [setWord(0, 1)]],
    ['of a tree without entries', header(0, 2)],
  ])('%s are damaged', async (_, commands) => {
    const file = image();
    debugfs(file, [...commands, 'sif file size 100000']);

    await expect(runsOf(file)).rejects.toMatchObject(damaged);
  });

  test('of a node that names itself are damaged, whatever depth it is at', async () => {
    const file = image();
    const block = blockOf(file, 'node');
    const node = Buffer.alloc(4096);
    node.writeUInt16LE(0xf30a, 0);
    node.writeUInt16LE(300, 2);
    node.writeUInt16LE(340, 4);
    node.writeUInt16LE(4, 6);
    for (let entry = 0; entry < 300; entry += 1) {
      node.writeUInt32LE(entry, 12 + entry * 12);
      node.writeUInt32LE(block, 16 + entry * 12);
    }
    patchFile(file, block * 4096, node);
    debugfs(file, [
      ...header(1, 5),
      setWord(3, 0),
      setWord(4, block),
      setWord(5, 0),
      'sif file size 10000000',
    ]);

    await expect(runsOf(file)).rejects.toMatchObject(damaged);
  });

  test('that share blocks until there are more than the file system has are damaged', async () => {
    const file = image();
    const block = blockOf(file, 'node');
    const node = Buffer.alloc(4096);
    node.writeUInt16LE(0xf30a, 0);
    node.writeUInt16LE(340, 2);
    node.writeUInt16LE(340, 4);
    for (let entry = 0; entry < 340; entry += 1) {
      node.writeUInt32LE(entry * 1000, 12 + entry * 12);
      node.writeUInt16LE(1000, 16 + entry * 12);
      node.writeUInt32LE(500, 20 + entry * 12);
    }
    patchFile(file, block * 4096, node);
    debugfs(file, [
      ...header(1, 1),
      setWord(3, 0),
      setWord(4, block),
      setWord(5, 0),
      'sif file size 2000000000',
    ]);

    await expect(runsOf(file)).rejects.toThrow('they overlap');
  });
});

describe('block maps', () => {
  test('that go round are damaged before more is read than the file system has', async () => {
    const file = image({ type: 'ext2', features: 'large_file' });
    const block = blockOf(file, 'node');
    const map = Buffer.alloc(4096);
    for (let at = 0; at < 4096; at += 4) map.writeUInt32LE(block, at);
    patchFile(file, block * 4096, map);
    debugfs(file, [`sif file block[TIND] ${block}`, 'sif file size 4000000000000']);
    const { fileSystem, source } = await open(file);
    const node = await findPath(fileSystem, Buffer.from('file'));
    const before = source.reads;

    await expect(Array.fromAsync(node?.runs() ?? [])).rejects.toMatchObject(damaged);
    expect(source.reads - before).toBeLessThan(3);
  });

  test('of a content that is larger than they can name are damaged', async () => {
    const file = image({ type: 'ext2', features: 'large_file' });
    debugfs(file, ['sif file size 0xffffffffffff']);

    await expect(runsOf(file)).rejects.toThrow('more than its blocks can have');
  });
});

function word(at: number, value: number): (bytes: Buffer) => unknown {
  return (bytes) => bytes.writeUInt32LE(value, at);
}

describe('a superblock', () => {
  test.each([
    ['blocks of 2^42 bytes', word(0x18, 32)],
    ['no inodes in a group', word(0x28, 0)],
    ['more inodes than its groups', word(0, 0xffffffff)],
    ['no blocks', word(0x4, 0)],
    ['more blocks than the disk', word(0x4, 100_000)],
    ['no blocks in a group', word(0x20, 0)],
    ['inodes of 77 bytes', (bytes: Buffer) => bytes.writeUInt16LE(77, 0x58)],
    ['descriptors of 3 bytes', (bytes: Buffer) => bytes.writeUInt16LE(3, 0xfe)],
  ])('with %s is damaged', async (_, change) => {
    const file = image();
    changeFile(file, 1024, change, 1024);

    await expect(openFileSystem(fileSource(file))).rejects.toMatchObject(damaged);
  });

  test.each([
    [0x1, 'ext4 with compression'],
    [0x8, 'ext4 with journal_dev'],
    [0x80000000, 'ext4 with 0x80000000'],
  ])('with a feature that is not known is refused by its name (%i: %s)', async (bit, found) => {
    const file = image();
    changeFile(
      file,
      1024,
      (bytes) => bytes.writeUInt32LE((bytes.readUInt32LE(0x60) | bit) >>> 0, 0x60),
      1024,
    );

    await expect(openFileSystem(fileSource(file))).rejects.toMatchObject({
      name: 'DiskUnsupportedError',
      found,
    });
  });
});

describe('checksums', () => {
  test.each([
    ['a superblock', 'metadata_csum', 'superblock', () => 1024 + 0x78],
    ['a group descriptor', 'metadata_csum', 'descriptor of group 0', () => 4096 + 0xe],
    ['a descriptor that alone has one', 'uninit_bg', 'descriptor of group 0', () => 4096 + 0xe],
    ['a directory', 'metadata_csum', 'directory 2', (file: string) => blockOf(file, '/') * 4096 + 4000],
  ])('find a changed byte of %s, unless they are not to be checked', async (_, features, named, place) => {
    const file = image({ features: `^metadata_csum,${features}` });
    changeFile(file, place(file), (bytes) => bytes.writeUInt8((bytes[0] ?? 0) ^ 1, 0), 1);
    const walk = async (verifyChecksums?: boolean): Promise<string[]> => {
      const fileSystem = await openFileSystem(fileSource(file), { verifyChecksums });
      const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));
      return steps.flatMap(({ error }) => error?.message ?? []);
    };

    expect(await walk(false)).toEqual([]);
    const told = await walk().catch((error: unknown) => [(error as Error).message]);
    expect(told.join()).toContain(named);
    expect(told.join()).toContain('checksum');
  });

  test('of an inode keep its content from being taken for what it was', async () => {
    const file = image({ features: 'metadata_csum' });
    const { fileSystem } = await open(file);
    const node = await findPath(fileSystem, Buffer.from('file'));
    const table = Number(/inode table at (\d+)/.exec(askDebugfs(file, 'stats'))?.[1]);
    changeFile(file, table * 4096 + ((node?.id ?? 0) - 1) * 256 + 0x4, (bytes) => bytes.writeUInt8(5, 0), 1);

    await expect(findPath((await open(file)).fileSystem, Buffer.from('file'))).rejects.toThrow(
      `inode ${node?.id} does not have its checksum`,
    );
    expect((await findPath((await open(file)).fileSystem, Buffer.from('node')))?.bytes).toBe(4096);
  });

  test('of values of attributes are checked', async () => {
    const file = image({ features: 'metadata_csum,ea_inode' });
    const value = path.join(scratch.path, 'value');
    writeFileSync(value, Buffer.alloc(20_000, 'a value that is found'));
    debugfs(file, [`ea_set -f "${value}" file user.large`]);
    const bytes = readFileSync(file);
    patchFile(file, bytes.indexOf('a value that is found') + 100, Buffer.from('X'));

    const node = await findPath((await open(file)).fileSystem, Buffer.from('file'));

    await expect(node?.attributes()).rejects.toThrow('the value of an attribute in inode');
  });
});

describe('a damaged beginning', () => {
  const small = { size: '20M', options: ['-b', '1024'], features: 'metadata_csum,^flex_bg' };

  test.each([
    ['a superblock that is gone', (file: string) => patchFile(file, 0, Buffer.alloc(2048))],
    ['a superblock with a changed byte', (file: string) => patchFile(file, 1024 + 0x78, Buffer.from('x'))],
    ['descriptors that are gone', (file: string) => patchFile(file, 2048, Buffer.alloc(1024))],
    ['both gone', (file: string) => patchFile(file, 0, Buffer.alloc(3072))],
  ])('with %s is read by copies, and told of', async (_, damage) => {
    const file = image(small);
    damage(file);

    const { fileSystem } = await open(file);
    const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));

    expect(steps.flatMap(({ error }) => error ?? [])).toEqual([]);
    expect(steps.map((step) => Buffer.from(step.path).toString())).toContain('a/b');
    expect(fileSystem.madeGood?.join()).toContain('its copy in');
    expect(fileSystem.notices).toEqual(expect.arrayContaining([...(fileSystem.madeGood ?? [])]));
  });

  test('without copies is damaged, as is one whose copies are damaged, too', async () => {
    const file = image(small);
    patchFile(file, 1024 + 0x78, Buffer.from('x'));
    patchFile(file, (1 + 8192) * 1024 + 0x78, Buffer.from('x'));

    await expect(open(file)).rejects.toThrow('the superblock does not have its checksum');
  });
});
