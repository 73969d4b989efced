import { expect, test } from 'vitest';
import {
  checkFileSystem,
  type ContentRun,
  type DirectoryEntry,
  type FileNode,
  type FileSystem,
} from '../../src/index.ts';
import { bytesSource } from '../support/sources.ts';

const blockBytes = 512;
const blocks = 1024;

async function* allOfDisk(): AsyncGenerator<ContentRun> {
  yield { kind: 'stored', offset: 0, bytes: blocks * blockBytes, at: 0 };
}

/** A file system with files of which each says that it has all of the disk. */
function greedy(files: number, nameOf: (file: number) => string = String): FileSystem {
  async function* list(): AsyncGenerator<DirectoryEntry> {
    for (let file = 2; file < 2 + files; file += 1)
      yield { name: Buffer.from(nameOf(file)), id: file, kind: 'file' };
  }
  const node = (id: number, kind: 'file' | 'directory'): FileNode =>
    ({
      id,
      kind,
      bytes: blocks * blockBytes,
      names: 1,
      attributes: async () => [],
      list,
      runs: allOfDisk,
    }) as Partial<FileNode> as FileNode;
  return {
    facts: { blockBytes, sharesBlocks: false },
    root: async () => node(1, 'directory'),
    node: async (id: number) => node(id, 'file'),
  } as unknown as FileSystem;
}

test('many files that each have all of the disk are not gone through block by block', async () => {
  // Half of the blocks can be compared.
  const limits = { blockBytes: blocks / 2 / 8 };
  const { findings, uncompared } = await checkFileSystem(bytesSource(Buffer.alloc(0)), greedy(20), {
    limits,
  });

  expect(findings.map(({ kind }) => kind)).toEqual(Array.from({ length: 19 }, () => 'shared-blocks'));
  expect(uncompared).toBe(blocks / 2);
});

test.for([
  [20, ['1', '2', '3', '4', '5'], 0],
  [3, ['1', '2', '3'], 4],
] as const)(
  'names that are there twice are found, as far as %i are remembered',
  async ([names, twice, left]) => {
    const limits = { names, blockBytes: 0 };
    const twins = greedy(10, (file) => String(file >> 1));

    const { findings, uncompared } = await checkFileSystem(bytesSource(Buffer.alloc(0)), twins, { limits });

    expect(findings.map(({ path, message }) => [Buffer.from(path ?? []).toString(), message])).toEqual(
      twice.map((name) => [name, 'its directory has the name twice']),
    );
    expect(uncompared - 10 * blocks).toBe(left);
  },
);
