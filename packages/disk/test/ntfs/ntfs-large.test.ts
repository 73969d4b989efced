import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cacheBlocks, findPath, openFileSystem, walkTree } from '../../src/index.ts';
import { makeNtfsImage, unpackImage } from '../support/ntfsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource, CountingSource, fileSource } from '../support/sources.ts';
import { crowd, crowdName } from './everything.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

let image: Buffer;
beforeAll(() => {
  image = unpackImage('crowd');
});

test('ten thousand files of one directory are walked through, each once', async () => {
  const fileSystem = await openFileSystem(cacheBlocks(bytesSource(image)));

  const names: string[] = [];
  for await (const { path: where, node, error } of walkTree(fileSystem, await fileSystem.root())) {
    if (error !== undefined) throw error;
    if (node.kind === 'file') names.push(Buffer.from(where).toString());
  }

  const written = Array.from({ length: crowd }, (_, index) => `crowd/${crowdName(index)}`);
  expect(names.sort()).toEqual(written.sort());
});

/** Letter by letter: NTFS knows no capital of two letters. */
function inOtherCase(name: string): string {
  return Array.from(name, (letter) => (letter === 'ß' ? letter : letter.toUpperCase())).join('');
}

test('a crowded directory is looked up by its index, in any case', async () => {
  const source = new CountingSource(bytesSource(image));
  const fileSystem = await openFileSystem(source);
  const directory = await findPath(fileSystem, Buffer.from('crowd'));
  await directory?.find(Buffer.from('e1'));
  source.reads = 0;
  let asked = 0;

  for (let index = 0; index < crowd; index += 97) {
    const name = index % 2 === 0 ? inOtherCase(crowdName(index)) : crowdName(index);
    const entry = await directory?.find(Buffer.from(name));
    expect(entry?.name && Buffer.from(entry.name).toString()).toBe(crowdName(index));
    asked += 1;
  }

  expect(await directory?.find(Buffer.from('not there'))).toBeUndefined();
  // Listing it would be some 400 blocks for each.
  expect(source.reads / asked).toBeLessThan(5);
});

test('the first byte of a file in a file system of 100 GiB costs a handful of block reads', async () => {
  const file = makeNtfsImage(path.join(scratch.path, 'sparse.img'), {
    size: '100G',
    files: { text: Buffer.from('7'.repeat(5000)) },
  });
  const source = new CountingSource(fileSource(file));

  const fileSystem = await openFileSystem(cacheBlocks(source));
  const node = await findPath(fileSystem, Buffer.from('/Text'));
  const first = await Array.fromAsync(node?.read({ from: 0, to: 1 }) ?? []);

  expect(Buffer.concat(first).toString()).toBe('7');
  expect(source.reads).toBeLessThanOrEqual(10);
});
