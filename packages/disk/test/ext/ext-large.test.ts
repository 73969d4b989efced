import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheBlocks, type FileSystem, findPath, openFileSystem } from '../../src/index.ts';
import { askDebugfs, indexDirectories, makeExtImage, tune } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { CountingSource, fileSource } from '../support/sources.ts';
import { treeOfDirectory, treeOfFileSystem } from '../support/tree.ts';

const scratch = makeScratch();
const tree = path.join(scratch.path, 'tree');
/** No more of them, as `mke2fs` reads all of a directory for each name that it adds. */
const crowd = 5_050;
/** Short ones, for the same reason; some are not of ASCII. */
const nameOf = (index: number): string => (index % 50 === 0 ? `Größe ${index}` : `e${index}`);
let image: string;

beforeAll(() => {
  mkdirSync(path.join(tree, 'crowd'), { recursive: true });
  for (let index = 0; index < crowd; index += 1) writeFileSync(path.join(tree, 'crowd', nameOf(index)), '');
  for (let directory = 0; directory < 100; directory += 1) {
    mkdirSync(path.join(tree, `d${directory}`));
    for (let file = 0; file < 150; file += 1)
      writeFileSync(path.join(tree, `d${directory}`, `f${file}`), `${directory} ${file}`);
  }
  const file = path.join(scratch.path, 'large.img');
  image = makeExtImage(file, { size: '256M', tree, options: ['-N', '32768'] });
});
afterAll(scratch.remove);

async function open(): Promise<{ readonly fileSystem: FileSystem; readonly source: CountingSource }> {
  const source = new CountingSource(fileSource(image));
  return { fileSystem: await openFileSystem(cacheBlocks(source), { verifyChecksums: true }), source };
}

test('twenty thousand files, a quarter of them in one directory, read like their source', async () => {
  const { fileSystem } = await open();

  expect(await treeOfFileSystem(fileSystem)).toEqual(treeOfDirectory(tree));
});

test.each(['half_md4', 'tea', 'legacy'])(
  'a crowded directory is looked up by its index of %s',
  async (hash) => {
    tune(image, '-E', `hash_alg=${hash}`);
    indexDirectories(image);
    const { fileSystem } = await open();
    const directory = await findPath(fileSystem, Buffer.from('crowd'));

    // Listing all for each of them would take minutes.
    for (let index = 0; index < crowd; index += 97) {
      const entry = await directory?.find(Buffer.from(nameOf(index)));
      expect(entry?.kind, nameOf(index)).toBe('file');
    }
    expect(await directory?.find(Buffer.from('not there'))).toBeUndefined();
    expect(await Array.fromAsync(directory?.list() ?? [])).toHaveLength(crowd);
    expect(askDebugfs(image, 'htree /crowd')).toContain('Indirect levels: ');
  },
);

test('the first byte of a file in a file system of 100 GiB costs a handful of block reads', async () => {
  const file = makeExtImage(path.join(scratch.path, 'sparse.img'), {
    size: '100G',
    options: ['-J', 'size=16'],
    commands: [
      'mkdir usr',
      'mkdir usr/share',
      'mkdir usr/share/doc',
      `write "${path.join(tree, 'd7', 'f8')}" usr/share/doc/text`,
      'symlink manual /usr/share/doc',
    ],
  });
  const source = new CountingSource(fileSource(file));

  const fileSystem = await openFileSystem(cacheBlocks(source));
  const node = await findPath(fileSystem, Buffer.from('/manual/text'));
  const first = await Array.fromAsync(node?.read({ from: 0, to: 1 }) ?? []);

  expect(first).toEqual([new Uint8Array(Buffer.from('7'))]);
  expect(source.reads).toBeLessThanOrEqual(10);
});
