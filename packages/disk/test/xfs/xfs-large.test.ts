import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheBlocks, type FileSystem, findPath, openFileSystem, walkTree } from '../../src/index.ts';
import { makeScratch } from '../support/scratch.ts';
import { CountingSource, fileSource } from '../support/sources.ts';
import { makeXfsImage, numberOf, xfsDb } from '../support/xfsprogs.ts';

const scratch = makeScratch();
const content = path.join(scratch.path, 'content');
const crowd = 11_000;
const forms = { short: 4, block: 60, leaf: 300, node: 600, tree: crowd } as const;
const sameHash = ['9ciga3hm', '2pigajpm'];
let image: string;

/** Files with a block of content each lie between the blocks of their directory, so that a large one is of a tree. */
beforeAll(() => {
  writeFileSync(content, 'content');
  const directory = (name: string, count: number): string[] => [
    `${name} d--755 0 0`,
    ...Array.from({ length: count }, (_, index) => `e${index} ---644 0 0 ${content}`),
    '$',
  ];
  image = makeXfsImage(path.join(scratch.path, 'large.img'), {
    size: 512 * 2 ** 20,
    lines: [
      ...Object.entries(forms).flatMap(([form, count]) => directory(form, count)),
      ...Array.from({ length: 100 }, (_, index) => directory(`d${index}`, 100)).flat(),
      'same d--755 0 0',
      ...Array.from({ length: 300 }, (_, index) => `e${index} ---644 0 0 ${content}`),
      ...sameHash.map((name) => `${name} ---644 0 0 ${content}`),
      '$',
    ],
  });
});
afterAll(scratch.remove);

async function open(): Promise<{ readonly fileSystem: FileSystem; readonly source: CountingSource }> {
  const source = new CountingSource(fileSource(image));
  return { fileSystem: await openFileSystem(cacheBlocks(source)), source };
}

test('twenty-two thousand files are all there, and read', async () => {
  const { fileSystem } = await open();
  const files = new Map<string, number>();

  for await (const { path: where, node, error } of walkTree(fileSystem, await fileSystem.root())) {
    if (error !== undefined) throw error;
    if (node.kind !== 'file') continue;
    const [directory = ''] = Buffer.from(where).toString().split('/');
    files.set(directory, (files.get(directory) ?? 0) + 1);
    expect(Buffer.concat(await Array.fromAsync(node.read())).toString()).toBe('content');
  }

  expect(files.size).toBe(106);
  for (const [form, count] of Object.entries(forms)) expect(files.get(form)).toBe(count);
});

test.each([
  ['short', 1, 0],
  ['block', 2, 0],
  ['leaf', 2, 2],
  ['node', 2, 3],
  // The root of the tree of extents is in the inode, and one block below it is read to find each of the others.
  ['tree', 3, 6],
] as const)(
  'a directory of the form %s is looked up by reading what that takes',
  async (form, format, reads) => {
    const source = new CountingSource(fileSource(image));
    const directory = await findPath(await openFileSystem(source), Buffer.from(form));
    const count = forms[form];

    for (let index = 0; index < count; index += 97) {
      const before = source.reads;
      expect(await directory?.find(Buffer.from(`e${index}`))).toMatchObject({ kind: 'file' });
      if (reads > 0) expect(source.reads - before).toBeLessThanOrEqual(reads);
    }
    expect(await directory?.find(Buffer.from(`e${count}`))).toBeUndefined();
    expect(await Array.fromAsync(directory?.list() ?? [])).toHaveLength(count);
    expect(numberOf(image, [`path /${form}`], 'core.format')).toBe(format);
  },
);

test('names of the same hash are told apart', async () => {
  const directory = await findPath((await open()).fileSystem, Buffer.from('same'));

  const found = await Promise.all(sameHash.map(async (name) => directory?.find(Buffer.from(name))));

  expect(new Set(sameHash.map((name) => xfsDb(image, [`hash ${name}`]))).size).toBe(1);
  expect(found.map((entry) => Buffer.from(entry?.name ?? []).toString())).toEqual(sameHash);
});

test('the first byte of a file in a file system of 100 GiB costs a handful of block reads', async () => {
  const file = makeXfsImage(path.join(scratch.path, 'sparse.img'), {
    size: 100 * 2 ** 30,
    lines: [
      'usr d--755 0 0',
      'share d--755 0 0',
      'doc d--755 0 0',
      `text ---644 0 0 ${content}`,
      '$',
      '$',
      '$',
      'manual l--777 0 0 /usr/share/doc',
    ],
  });
  const source = new CountingSource(fileSource(file));

  const fileSystem = await openFileSystem(cacheBlocks(source));
  const node = await findPath(fileSystem, Buffer.from('/manual/text'));
  const first = await Array.fromAsync(node?.read({ from: 0, to: 1 }) ?? []);

  expect(first).toEqual([new Uint8Array(Buffer.from('c'))]);
  expect(fileSystem.notices).toEqual([]);
  // Six of them look for the end of the log.
  expect(source.reads).toBeLessThanOrEqual(15);
});
