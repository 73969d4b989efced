import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openFileSystem } from '../../src/index.ts';
import { debugfs, makeExtImage } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

const ids = '11111111-2222-4333-8444-555555555555';
const options = ['-U', ids, '-E', `hash_seed=${ids}`];

async function layoutOf(inodeBytes: number, ...commands: readonly string[]): Promise<string | undefined> {
  const file = makeExtImage(path.join(scratch.path, 'image'), {
    size: '2M',
    inodeBytes,
    options,
    commands,
  });
  return (await openFileSystem(bytesSource(readFileSync(file)))).basis?.layout;
}

test('two states of one layout may be mounted or not, and have other inodes of the same size only', async () => {
  const layout = await layoutOf(256);

  expect(await layoutOf(256, 'ssv state 0', 'ssv last_mounted /mnt', 'feature needs_recovery')).toBe(layout);
  expect(await layoutOf(128)).not.toBe(layout);
});

test('what nodes are read from is told of: stretches, and tables of inodes', async () => {
  const file = makeExtImage(path.join(scratch.path, 'told'), { size: '2M', commands: ['mkdir a'] });
  debugfs(file, ['mkdir b']);
  const reads: number[] = [];
  const tables: number[] = [];
  const fileSystem = await openFileSystem(bytesSource(readFileSync(file)), {
    onRead: (offset) => reads.push(offset),
    onTable: (table, at) => tables.push(table, at),
  });
  reads.length = tables.length = 0;

  await Array.fromAsync((await fileSystem.root()).list());

  const at = (await fileSystem.basis?.tableAt?.(0)) ?? 0;
  expect(tables).toEqual([0, at]);
  // The second inode of the table, and a block of names.
  expect(reads).toEqual([at * 4096 + 256, expect.any(Number)]);
});
