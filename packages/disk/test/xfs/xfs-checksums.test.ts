import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiskError, openFileSystem, walkTree } from '../../src/index.ts';
import { changeFile, patchFile } from '../support/patch.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource, fileSource } from '../support/sources.ts';
import { blockAt, inodeAt, makeXfsImage, numberOf, xfsDb } from '../support/xfsprogs.ts';

const scratch = makeScratch();
const content = path.join(scratch.path, 'content');
const crowd = 3000;
const blockBytes = 4096;
let image: string;

beforeAll(() => {
  writeFileSync(content, 'content');
  image = makeXfsImage(path.join(scratch.path, 'image'), {
    size: 32 * 2 ** 20,
    options: ['-b', `size=${blockBytes}`, '-d', 'agcount=1'],
    lines: [
      'crowd d--755 0 0',
      ...Array.from({ length: crowd }, (_, index) => `name-${index} ---644 0 0 ${content}`),
      '$',
      'link l--777 0 0 file',
      `file ---644 0 0 ${content}`,
    ],
    commands: [
      'path /file',
      'attr_set -u -v 5000 far',
      'path /link',
      ...Array.from({ length: 20 }, (_, index) => `attr_set -u -v 20 name-${index}`),
    ],
  });
});
afterAll(scratch.remove);

/** Everything that a file system says. @returns what was complained of. */
async function readAll(verifyChecksums = true): Promise<readonly string[]> {
  const told: string[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      told.push(error.message);
    }
  };
  await attempt(async () => {
    const fileSystem = await openFileSystem(bytesSource(readFileSync(image)), { verifyChecksums });
    for await (const { node, error } of walkTree(fileSystem, await fileSystem.root())) {
      if (error !== undefined) told.push(error.message);
      await attempt(async () => node?.attributes());
      if (node?.kind === 'link') await attempt(async () => node.linkTarget());
    }
  });
  return told;
}

const places: readonly (readonly [string, string, () => number])[] = [
  ['the superblock', 'superblock', () => 108],
  ['an inode', 'inode', () => inodeAt(image, 'file') + 12],
  ['a directory', 'of directory', () => blockAt(image, 'crowd') + 300],
  [
    'a tree of extents',
    'tree of the content',
    () => numberOf(image, ['path /crowd'], 'u3.bmbt.ptrs[1]') * blockBytes + 90,
  ],
  [
    'a tree of attributes',
    'tree of names of the attributes',
    () => blockAt(image, 'link', 0, 'attributes') + 900,
  ],
  ['a value', 'value of the attributes', () => blockAt(image, 'file', 1, 'attributes') + 500],
];

test.each(places)(
  'a changed byte of %s is found by its checksum, and the block is named',
  async (_, named, place) => {
    const at = place();
    const flip = (): void => changeFile(image, at, (bytes) => bytes.writeUInt8((bytes[0] ?? 0) ^ 1, 0), 1);
    flip();

    const told = await readAll();
    flip();
    expect(told.join('\n')).toContain(named);
    if (at > 512) expect(told.join('\n')).toContain(`block ${Math.floor(at / blockBytes)}`);
    expect(told.join('\n')).toContain('checksum');
  },
);

test('checksums are passed over by whoever wants bytes as they are', async () => {
  const at = inodeAt(image, 'file') + 12;
  changeFile(image, at, (bytes) => bytes.writeUInt8(7, 0), 1);

  const told = await readAll(false);

  changeFile(image, at, (bytes) => bytes.writeUInt8(0, 0), 1);
  expect(told).toEqual([]);
});

test('a changed index of a directory is found, and the name without it', async () => {
  const at = blockAt(image, 'crowd', 2 ** 35 / blockBytes);
  changeFile(image, at, (bytes) => bytes.writeUInt8((bytes[100] ?? 0) ^ 1, 100), 512);
  const fileSystem = await openFileSystem(fileSource(image));
  const root = await fileSystem.root();
  const crowded = await fileSystem.node((await root.find(Buffer.from('crowd')))?.id ?? 0);

  const entry = await crowded.find(Buffer.from('name-1234'));

  changeFile(image, at, (bytes) => bytes.writeUInt8((bytes[100] ?? 0) ^ 1, 100), 512);
  expect(entry?.kind).toBe('file');
});

test('a block from another place is not taken for that which should be there', async () => {
  const at = blockAt(image, 'crowd');
  const [own, strange] = [at, blockAt(image, 'crowd', 5)].map((place) =>
    Buffer.from(readFileSync(image).subarray(place, place + blockBytes)),
  );
  patchFile(image, at, strange ?? Buffer.alloc(0));

  const told = await readAll();

  patchFile(image, at, own ?? Buffer.alloc(0));
  expect(told.join()).toContain('says that its place is');
});

test.each([
  ['another inode', 'owner', 'owner is'],
  ['another file system', 'uuid', 'file system is'],
])('a block of %s is not taken for one of this', async (_, field, told) => {
  const value = field === 'uuid' ? '01234567-89ab-cdef-0123-456789abcdef' : '77';
  const at = ['path /crowd', 'dblock 0'];
  const before = /= (\S+)/.exec(xfsDb(image, [...at, `print dhdr.hdr.${field}`]))?.[1] ?? '';
  xfsDb(image, [...at, `write -d dhdr.hdr.${field} ${value}`]);

  const all = (await readAll()).join('\n');

  xfsDb(image, [...at, `write -d dhdr.hdr.${field} ${before}`]);
  expect(all).toContain(told);
  expect(await readAll()).toEqual([]);
});
