import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ByteSource,
  cacheBlocks,
  DiskBytesLostError,
  type FileNode,
  type FileSystem,
  findPath,
  openFileSystem,
  walkTree,
} from '../../src/index.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource, CountingSource, fileSource } from '../support/sources.ts';
import { blockAt, inodeAt, makeXfsImage, numberOf, xfsDb } from '../support/xfsprogs.ts';

const scratch = makeScratch();
afterAll(scratch.remove);
const tree = path.join(scratch.path, 'tree');
beforeAll(() => {
  mkdirSync(path.join(tree, 'a', 'b', 'c'), { recursive: true });
  writeFileSync(path.join(tree, 'attributes'), '');
  writeFileSync(path.join(tree, 'file'), Buffer.alloc(10_000, 'content'));
  symlinkSync('z'.repeat(700), path.join(tree, 'link'));
});

const empty = path.join(scratch.path, 'empty');
writeFileSync(empty, '');
const lines = ['block', 'many'].flatMap((name) => [
  `${name} d--755 0 0`,
  ...Array.from({ length: name === 'block' ? 40 : 1500 }, (_, index) => `file-${index} ---644 0 0 ${empty}`),
  '$',
]);

/** An image of one group, so that an inode is where its number says; without checksums, so that only that is wrong. */
const options = ['-m', 'crc=0', '-n', 'ftype=1', '-d', 'agcount=1'];
const inodeBytes = 256;
const forkAt = 100;
const blockBytes = 4096;
const made = path.join(scratch.path, 'image');
let kept: Buffer;
const places = new Map<string, number>();
beforeAll(() => {
  const commands = [
    'path /attributes',
    ...Array.from({ length: 40 }, (_, index) => `attr_set -u -v 9 name-${index}`),
  ];
  makeXfsImage(made, { tree, lines, options, commands });
  for (const name of ['file', 'link', 'many', 'a', 'a/b', 'a/b/c']) places.set(name, inodeAt(made, name));
  places.set('block of block', blockAt(made, 'block'));
  places.set('block of many', blockAt(made, 'many'));
  places.set('index of many', blockAt(made, 'many', 2 ** 35 / blockBytes));
  places.set('block of attributes', blockAt(made, 'attributes', 0, 'attributes'));
  kept = readFileSync(made);
});

const placeOf = (name: string): number => {
  const place = places.get(name);
  if (place === undefined) throw new Error(`where ${name} is was not asked`);
  return place;
};

/** A copy of the image, changed from a place on. */
function changed(name: string, change: (bytes: Buffer) => unknown): Buffer {
  const copy = Buffer.from(kept);
  change(copy.subarray(name === '' ? 0 : placeOf(name)));
  return copy;
}

async function open(
  image: Buffer,
): Promise<{ readonly fileSystem: FileSystem; readonly source: CountingSource }> {
  const source = new CountingSource(bytesSource(image));
  return { fileSystem: await openFileSystem(cacheBlocks(source)), source };
}

async function find(image: Buffer, name: string): Promise<FileNode> {
  const node = await findPath((await open(image)).fileSystem, Buffer.from(name));
  if (node === undefined) throw new Error(`${name} is not there`);
  return node;
}

const damaged = { name: 'DiskDamagedError' };

/** An extent of 16 bytes. */
function writeExtent(
  bytes: Buffer,
  at: number,
  [first, block, blocks]: readonly [number, number, number],
): void {
  bytes.writeBigUInt64BE((BigInt(first) << 9n) | (BigInt(block) >> 43n), at);
  bytes.writeBigUInt64BE(((BigInt(block) & ((1n << 43n) - 1n)) << 21n) | BigInt(blocks), at + 8);
}

/** The image with a file of 2^40 bytes that has these extents. */
const withExtents = (extents: readonly (readonly [number, number, number])[]): Buffer =>
  changed('file', (bytes) => {
    bytes.writeUInt32BE(extents.length, 76);
    bytes.writeBigUInt64BE(2n ** 40n, 56);
    for (const [index, extent] of extents.entries()) writeExtent(bytes, forkAt + index * 16, extent);
  });

const rootEntries = Math.floor((inodeBytes - forkAt - 4) / 16);

/** The image with a file of 2^40 bytes of a tree, whose root has these children, which begin at these blocks. */
const withTree = (level: number, children: readonly (readonly [number, number])[]): Buffer =>
  changed('file', (bytes) => {
    bytes.writeUInt8(3, 5);
    bytes.writeBigUInt64BE(2n ** 40n, 56);
    bytes.writeUInt16BE(level, forkAt);
    bytes.writeUInt16BE(children.length, forkAt + 2);
    for (const [index, [first, block]] of children.slice(0, rootEntries).entries()) {
      bytes.writeBigUInt64BE(BigInt(first), forkAt + 4 + index * 8);
      bytes.writeBigUInt64BE(BigInt(block), forkAt + 4 + (rootEntries + index) * 8);
    }
  });

/** Makes a block a node of such a tree; what is written into it tells the count of its entries. */
function writeNode(image: Buffer, block: number, level: number, write: (bytes: Buffer) => number): void {
  const bytes = image.subarray(block * blockBytes, (block + 1) * blockBytes).fill(0);
  bytes.write('BMAP');
  bytes.writeUInt16BE(level, 4);
  bytes.writeUInt16BE(write(bytes), 6);
}

function fillEvery(bytes: Buffer, from: number, value: number): void {
  for (let at = from; at < blockBytes; at += 8) bytes.writeUInt32BE(value, at);
}

describe('directories of XFS', () => {
  test('that contain themselves are entered once, and told of', async () => {
    // The number of the only entry comes after its length, its place, its name of one byte, and its kind.
    const image = changed('a/b', (bytes) => bytes.writeUInt32BE(placeOf('a') / inodeBytes, forkAt + 6 + 5));
    const { fileSystem } = await open(image);

    const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));

    const errors = steps.filter(({ error }) => error !== undefined);
    expect(errors.map(({ path: where }) => Buffer.from(where).toString())).toEqual(['a/b/c']);
    expect(errors[0]?.error).toMatchObject(damaged);
  });

  test.each([
    [
      'names that no system can have written',
      (bytes: Buffer) => bytes.write('../x', bytes.indexOf('file-3')),
    ],
    ['entries that do not say where they are', (bytes: Buffer) => bytes.writeUInt16BE(0x7777, 16 + 16 - 2)],
    ['entries of inodes that are not there', (bytes: Buffer) => bytes.writeUInt32BE(0xffff, 48)],
    ['room of no length', (bytes: Buffer) => bytes.writeUInt32BE(0xffff0000, 16)],
    ['room that reaches beyond their block', (bytes: Buffer) => bytes.writeUInt32BE(0xfffffff8, 16)],
    ['a larger index than fits', (bytes: Buffer) => bytes.writeUInt32BE(0x7fffffff, 4088)],
    ['no magic number', (bytes: Buffer) => bytes.writeUInt32BE(0, 0)],
  ])('with %s are damaged', async (_, change) => {
    const image = changed('block of block', change);

    await expect(Array.fromAsync((await find(image, 'block')).list())).rejects.toMatchObject(damaged);
  });

  test('lose the entries of a damaged block alone', async () => {
    const image = changed('block of many', (bytes) => bytes.writeUInt32BE(0, 0));
    const names: string[] = [];

    await expect(async () => {
      for await (const { name } of (await find(image, 'many')).list())
        names.push(Buffer.from(name).toString());
    }).rejects.toMatchObject(damaged);
    expect(names.length).toBeGreaterThan(1000);
    expect(names).toContain('file-1499');
  });

  test('with a size that is no blocks, or beyond where their index begins, are damaged', async () => {
    for (const bytes of [4097n, 2n ** 36n]) {
      const image = changed('many', (inode) => inode.writeBigUInt64BE(bytes, 56));
      await expect(Array.fromAsync((await find(image, 'many')).list())).rejects.toMatchObject(damaged);
    }
  });

  test.each([
    ['no magic number', (bytes: Buffer) => bytes.writeUInt16BE(0, 8)],
    ['more entries than fit', (bytes: Buffer) => bytes.writeUInt16BE(0xffff, 12)],
    ['a level too many', (bytes: Buffer) => bytes.writeUInt16BE(9, 14)],
    // Each entry names the root.
    ['nodes that go round', (bytes: Buffer) => fillEvery(bytes, 20, 2 ** 35 / blockBytes)],
    ['children that are not there', (bytes: Buffer) => fillEvery(bytes, 20, 77)],
  ])('with an index of %s are read without it', async (_, change) => {
    const { fileSystem, source } = await open(changed('index of many', change));
    const directory = await findPath(fileSystem, Buffer.from('many'));

    expect((await directory?.find(Buffer.from('file-321')))?.kind).toBe('file');
    expect(await directory?.find(Buffer.from('file-1500'))).toBeUndefined();
    expect(source.reads).toBeLessThan(20);
  });
});

describe('extents of XFS', () => {
  test.each<[string, readonly (readonly [number, number, number])[]]>([
    [
      'that overlap',
      [
        [0, 3000, 3],
        [2, 3100, 3],
      ],
    ],
    [
      'out of order',
      [
        [9, 3000, 1],
        [2, 3100, 1],
      ],
    ],
    ['of no blocks', [[0, 3000, 0]]],
    ['outside of the file system', [[0, 2 ** 40, 1]]],
    ['that end outside of the file system', [[0, 4000, 200]]],
    ['where the superblock is', [[0, 0, 1]]],
    ['beyond all that a file can have', [[2 ** 53, 3000, 1]]],
  ])('%s are damaged', async (_, extents) => {
    const node = await find(withExtents(extents), 'file');

    await expect(Array.fromAsync(node.runs())).rejects.toMatchObject(damaged);
  });

  test('more than fit into the inode are damaged', async () => {
    const image = changed('file', (bytes) => bytes.writeUInt32BE(50_000_000, 76));

    await expect(Array.fromAsync((await find(image, 'file')).runs())).rejects.toMatchObject(damaged);
  });

  test('that share blocks until there are more than the file system has are damaged', async () => {
    const image = withExtents(Array.from({ length: 9 }, (_, index) => [index * 1000, 3000, 900] as const));

    await expect(Array.fromAsync((await find(image, 'file')).runs())).rejects.toThrow('they overlap');
  });
});

describe('trees of extents of XFS', () => {
  const block = 3000;

  test.each<[string, number, readonly (readonly [number, number])[]]>([
    ['that are too deep', 10, [[0, block]]],
    ['of no levels', 0, [[0, block]]],
    ['without entries', 1, []],
    ['with more entries than fit', 1, Array.from({ length: 300 }, () => [0, block] as const)],
    [
      'out of order',
      1,
      [
        [5, block],
        [4, block],
      ],
    ],
    ['outside of the file system', 1, [[0, 2 ** 40]]],
    ['with a child of no magic number', 1, [[0, block]]],
  ])('%s are damaged', async (_, level, children) => {
    const node = await find(withTree(level, children), 'file');

    await expect(Array.fromAsync(node.runs())).rejects.toMatchObject(damaged);
  });

  test('of a node that names itself are damaged, whatever level it is at', async () => {
    for (const level of [1, 5, 8]) {
      const image = withTree(level + 1, [[0, block]]);
      writeNode(image, block, level, (bytes) => {
        const most = Math.floor((blockBytes - 24) / 16);
        for (let index = 0; index < most; index += 1) {
          bytes.writeBigUInt64BE(BigInt(index), 24 + index * 8);
          bytes.writeBigUInt64BE(BigInt(block), 24 + (most + index) * 8);
        }
        return most;
      });
      const { fileSystem, source } = await open(image);
      const node = await findPath(fileSystem, Buffer.from('file'));

      await expect(Array.fromAsync(node?.runs() ?? [])).rejects.toMatchObject(damaged);
      expect(source.reads).toBeLessThan(20);
    }
  });

  test('with one child in two places are damaged', async () => {
    const image = withTree(1, [
      [0, block],
      [100, block],
    ]);
    writeNode(image, block, 0, (bytes) => {
      writeExtent(bytes, 24, [0, 3100, 1]);
      return 1;
    });

    await expect(Array.fromAsync((await find(image, 'file')).runs())).rejects.toMatchObject(damaged);
  });
});

describe('links and inodes of XFS', () => {
  test.each([
    ['a target that is too long', (bytes: Buffer) => bytes.writeBigUInt64BE(1025n, 56)],
    ['no target', (bytes: Buffer) => bytes.writeBigUInt64BE(0n, 56)],
    ['a target in no blocks', (bytes: Buffer) => bytes.writeUInt32BE(0, 76)],
  ])('with %s are damaged', async (_, change) => {
    await expect((await find(changed('link', change), 'link')).linkTarget()).rejects.toMatchObject(damaged);
  });

  test.each([
    ['no magic number', (bytes: Buffer) => bytes.writeUInt16BE(0, 0)],
    ['no use', (bytes: Buffer) => bytes.writeUInt16BE(0, 2)],
    ['no known type', (bytes: Buffer) => bytes.writeUInt16BE(0o170644, 2)],
    ['version 9', (bytes: Buffer) => bytes.writeUInt8(9, 4)],
    ['no known format', (bytes: Buffer) => bytes.writeUInt8(7, 5)],
    ['attributes beyond their end', (bytes: Buffer) => bytes.writeUInt8(200, 82)],
    ['a size of 2^60', (bytes: Buffer) => bytes.writeBigUInt64BE(2n ** 60n, 56)],
  ])('of %s are damaged', async (_, change) => {
    const { fileSystem } = await open(changed('file', change));

    await expect(fileSystem.node(placeOf('file') / inodeBytes)).rejects.toMatchObject(damaged);
  });

  test.each([0, -1, 0.5, 2 ** 52, Number.MAX_SAFE_INTEGER, 4097 * 16])(
    'of the number %d are not there',
    async (id) => {
      const { fileSystem } = await open(kept);

      await expect(fileSystem.node(id)).rejects.toMatchObject(damaged);
    },
  );

  test.each([
    [
      'a leaf that comes after itself',
      (bytes: Buffer) => bytes.writeUInt32BE(0, 0) && bytes.writeUInt32BE(1, 0),
    ],
    ['a name beyond their block', (bytes: Buffer) => bytes.writeUInt16BE(0xfff0, 36)],
    ['more of them than fit', (bytes: Buffer) => bytes.writeUInt16BE(0xffff, 12)],
    ['no magic number', (bytes: Buffer) => bytes.writeUInt16BE(0, 8)],
    ['two namespaces at once', (bytes: Buffer) => bytes.writeUInt8(7, 38)],
    ['a value that is nowhere', (bytes: Buffer) => bytes.writeUInt8(0, 38)],
  ])('with attributes of %s are damaged', async (_, change) => {
    const node = await find(changed('block of attributes', change), 'attributes');

    await expect(node.attributes()).rejects.toMatchObject(damaged);
  });
});

const withFeature = (bit: number): string => {
  const file = makeXfsImage(path.join(scratch.path, 'features'));
  const known = numberOf(file, ['sb 0'], 'features_incompat');
  xfsDb(file, ['sb 0', `write -d features_incompat ${known + bit}`]);
  return file;
};

const word = (at: number, value: number) => (bytes: Buffer) => bytes.writeUInt32BE(value, at);

describe('a superblock of XFS', () => {
  test.each([
    ['blocks of 12 bytes', word(4, 12)],
    ['blocks of 2 GiB', word(4, 2 ** 31)],
    ['more blocks than the disk', word(12, 4097)],
    ['no blocks', (bytes: Buffer) => bytes.writeBigUInt64BE(0n, 8)],
    ['groups of no blocks', word(84, 0)],
    ['no groups', word(88, 0)],
    ['inodes of 77 bytes', (bytes: Buffer) => bytes.writeUInt16BE(77, 104)],
    ['sectors of 3 bytes', (bytes: Buffer) => bytes.writeUInt16BE(3, 102)],
    ['blocks of directories of 2^40 bytes', (bytes: Buffer) => bytes.writeUInt8(28, 192)],
    ['a log outside of the disk', word(52, 4000)],
    ['a creation that has not ended', (bytes: Buffer) => bytes.writeUInt8(1, 126)],
  ])('with %s is damaged', async (_, change) => {
    await expect(openFileSystem(bytesSource(changed('', change)))).rejects.toMatchObject(damaged);
  });

  test.each([
    [0x100, 'XFS version 5 with metadir'],
    [0x200, 'XFS version 5 with zoned'],
    [0x80000000, 'XFS version 5 with 0x80000000'],
  ])('with a feature that is not known is refused by its name (%i: %s)', async (bit, found) => {
    const file = withFeature(bit);

    await expect(openFileSystem(fileSource(file))).rejects.toMatchObject({
      name: 'DiskUnsupportedError',
      found,
    });
  });

  test('of version 4 with directories of version 1 is refused', async () => {
    const image = changed('', (bytes) => bytes.writeUInt16BE(bytes.readUInt16BE(100) & ~0x2000, 100));

    await expect(openFileSystem(bytesSource(image))).rejects.toThrow(
      'directories of version 1 is not supported',
    );
  });

  test('that says that the file system must be repaired is read, and that is told of', async () => {
    const file = withFeature(0x10);

    expect((await openFileSystem(fileSource(file))).notices.join()).toContain('must be repaired');
  });
});

test('a log of which bytes are lost costs no file', async () => {
  const at = Number(kept.readBigUInt64BE(48)) * blockBytes;
  const source: ByteSource = {
    bytes: kept.length,
    read: async (offset, length) => {
      if (offset + length > at && offset < at + blockBytes) throw new DiskBytesLostError('lost');
      return kept.subarray(offset, offset + length);
    },
  };

  const fileSystem = await openFileSystem(source);

  expect(fileSystem.facts.isClean).toBe(false);
  expect(fileSystem.notices).toEqual([expect.stringContaining('bytes of the log of this XFS are lost')]);
  expect((await findPath(fileSystem, Buffer.from('file')))?.bytes).toBe(10_000);
});
