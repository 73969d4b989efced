import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { cacheBlocks, openFileSystem, walkTree } from '../../src/index.ts';
import { askNtfscat, makeNtfsImage, type NtfsImageOptions } from '../support/ntfsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { fileSource } from '../support/sources.ts';
import { noise } from './everything.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

const files = {
  empty: new Uint8Array(0),
  tiny: Buffer.from('tiny'),
  'within its record': noise(500),
  'of some clusters': noise(70_001),
};

const variants: Record<string, NtfsImageOptions> = {
  'clusters of 512 bytes': { clusterBytes: 512 },
  'clusters of 4 KiB': { clusterBytes: 4096 },
  'clusters of 64 KiB': { clusterBytes: 65_536, size: '16M' },
  'clusters of 2 MiB': { clusterBytes: 2 * 2 ** 20, size: '128M' },
  'sectors of 4 KiB, and records of as much': { sectorBytes: 4096, clusterBytes: 4096, size: '8M' },
  'sectors of 4 KiB, and clusters of 128 KiB': { sectorBytes: 4096, clusterBytes: 131_072, size: '32M' },
};

test.each(Object.entries(variants))('NTFS with %s reads like its source', async (name, variant) => {
  const file = makeNtfsImage(path.join(scratch.path, `${name}.img`), { ...variant, files });

  const fileSystem = await openFileSystem(cacheBlocks(fileSource(file)));
  const found: Record<string, Buffer> = {};
  for await (const { path: where, node, error } of walkTree(fileSystem, await fileSystem.root())) {
    if (error !== undefined) throw error;
    found[Buffer.from(where).toString()] = Buffer.concat(await Array.fromAsync(node.read()));
  }

  expect(fileSystem.facts).toMatchObject({ type: 'ntfs', blockBytes: variant.clusterBytes });
  expect(fileSystem.notices).toEqual([]);
  expect(Object.keys(found).sort()).toEqual(Object.keys(files).sort());
  for (const [key, content] of Object.entries(files)) expect(found[key]?.equals(content), key).toBe(true);
  expect(found['of some clusters']?.equals(askNtfscat(file, 'of some clusters'))).toBe(true);
});
