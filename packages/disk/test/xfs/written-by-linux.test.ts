import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type FileNode, findPath, openFileSystem, walkTree } from '../../src/index.ts';
import { bytesSource } from '../support/sources.ts';

/** Made by `write-by-linux.ts`, with what Linux says of it. */
const image = zstdDecompressSync(readFileSync(path.join(import.meta.dirname, 'written-by-linux.img.zst')));
const lines = readFileSync(path.join(import.meta.dirname, 'written-by-linux.txt'), 'utf8')
  .trim()
  .split('\n');

const hashOf = (pieces: readonly (Uint8Array | string)[]): string => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
};

async function lineOf(node: FileNode, where: Uint8Array): Promise<string> {
  const content =
    node.kind === 'file'
      ? await Array.fromAsync(node.read())
      : node.kind === 'link'
        ? [await node.linkTarget()]
        : [];
  const attributes = (await node.attributes())
    .map(({ name, value }) => `${Buffer.from(name).toString()}=0x${Buffer.from(value).toString('hex')}`)
    .sort();
  const device = node.device === undefined ? '' : `${node.device.major},${node.device.minor}`;
  return [
    [node.id, node.kind, node.mode, node.owner.uid, node.owner.gid, node.names, node.bytes, device],
    [node.modifiedAt, node.accessedAt, node.changedAt, node.createdAt],
    hashOf(content),
    hashOf([attributes.join('\n')]),
    JSON.stringify(Buffer.from(where).toString('latin1')),
  ]
    .flat()
    .join(' ');
}

test('all that Linux wrote reads as Linux reads it', async () => {
  const fileSystem = await openFileSystem(bytesSource(image));
  const found: string[] = [];

  for await (const { path: where, node, error } of walkTree(fileSystem, await fileSystem.root())) {
    if (error !== undefined) throw error;
    found.push(await lineOf(node, where));
  }

  expect(fileSystem.notices).toEqual([]);
  expect(fileSystem.facts).toMatchObject({ type: 'xfs', label: 'by linux', blockBytes: 1024 });
  expect(found.sort()).toEqual(lines);
});

test('reserved blocks are holes, shared ones are where they were first written, and fragments are many', async () => {
  const fileSystem = await openFileSystem(bytesSource(image));
  const runsOf = async (name: string) =>
    Array.fromAsync((await findPath(fileSystem, Buffer.from(name)))?.runs() ?? []);

  expect((await runsOf('unwritten')).map(({ kind, offset, bytes }) => [kind, offset, bytes])).toEqual([
    ['hole', 0, 4096],
    ['hole', 4096, 5120],
    ['stored', 9216, 1024],
    ['hole', 10240, 14336],
    ['hole', 24576, 15424],
  ]);
  const [large] = await runsOf('large');
  const clones = await runsOf('many clones');
  expect(clones).toHaveLength(300);
  for (const clone of clones)
    expect(clone).toMatchObject({ kind: 'stored', at: large?.kind === 'stored' && large.at });
  expect(await runsOf('fragments')).toHaveLength(2999);
});

test('a log that was not replayed is told of', async () => {
  const dirty = zstdDecompressSync(readFileSync(path.join(import.meta.dirname, 'dirty-by-linux.img.zst')));

  const { notices } = await openFileSystem(bytesSource(dirty));

  expect(notices.join()).toMatch(
    /log of this XFS was not replayed.*A mount of a restored volume replays it/s,
  );
});
