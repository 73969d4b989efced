import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FileSystem, openFileSystem, walkTree } from '../../src/index.ts';
import {
  complaintsOfE2fsck,
  debugfs,
  type ExtImageOptions,
  makeExtImage,
  replayByE2fsck,
} from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';

const scratch = makeScratch();
afterAll(scratch.remove);
const at = (name: string): string => path.join(scratch.path, name);

/** Begins as blocks of a journal do: in the journal it has to be written otherwise. */
const content = Buffer.alloc(9_000, 'content ');
content.writeUInt32BE(0xc03b3998);

beforeAll(() => {
  mkdirSync(at('tree/etc'), { recursive: true });
  for (const name of ['old', 'stays']) writeFileSync(at(`tree/etc/${name}`), name);
  writeFileSync(at('content'), content);
});

/** An image whose last changes are in its journal alone. @param more - commands after these were written there. */
function makeLogged(
  name: string,
  options: Pick<ExtImageOptions, 'type' | 'features' | 'options'>,
  open: string,
  more: readonly string[] = [],
): { readonly logged: string; readonly changed: readonly number[] } {
  const logged = makeExtImage(at(name), { size: '8M', tree: at('tree'), ...options });
  const [before, bytes] = [readFileSync(logged), options.options?.includes('1024') === true ? 1024 : 4096];
  copyFileSync(logged, at('changed'));
  debugfs(at('changed'), [`write ${at('content')} etc/new`, 'rm etc/old', 'sif etc/stays mode 0100600']);
  const after = readFileSync(at('changed'));
  const blocks = Array.from({ length: before.length / bytes }, (_, block) => block);
  const changed = blocks.filter((block) => {
    const [from, to] = [block * bytes, (block + 1) * bytes];
    return !before.subarray(from, to).equals(after.subarray(from, to));
  });
  writeFileSync(
    at('blocks'),
    Buffer.concat(changed.map((block) => after.subarray(block * bytes, (block + 1) * bytes))),
  );
  debugfs(logged, [open, `jw -b ${changed.join(',')} ${at('blocks')}`, ...more, 'jc']);
  return { logged, changed };
}

async function openImage(file: string | Buffer): Promise<FileSystem> {
  return openFileSystem(bytesSource(typeof file === 'string' ? readFileSync(file) : file));
}

async function treeOf(fileSystem: FileSystem): Promise<string[]> {
  const lines: string[] = [];
  for await (const step of walkTree(fileSystem, await fileSystem.root())) {
    if (step.error !== undefined) throw step.error;
    const { node } = step;
    const bytes = node.kind === 'file' ? Buffer.concat(await Array.fromAsync(node.read())) : Buffer.alloc(0);
    lines.push(`${Buffer.from(step.path).toString()} ${node.mode} ${node.names} ${bytes.toString('base64')}`);
  }
  return lines.sort();
}

test.each([
  ['of ext4', {}, 'jo -c -v 3'],
  ['of ext4 with the checksums of before', {}, 'jo -c -v 2'],
  ['without checksums, of blocks of 1,024 bytes', { type: 'ext3', options: ['-b', '1024'] }, 'jo'],
  ['of 32 bits', { features: '^64bit,^metadata_csum' }, 'jo'],
] as const)('a journal %s is read as e2fsck replays it', async (name, options, open) => {
  const { logged } = makeLogged(name, options, open);
  const replayed = at(`${name} replayed`);
  copyFileSync(logged, replayed);
  replayByE2fsck(replayed);

  const fileSystem = await openImage(logged);
  const tree = await treeOf(fileSystem);

  expect(tree).toEqual(await treeOf(await openImage(replayed)));
  expect(tree.join('\n')).toContain(content.toString('base64'));
  expect(tree.join('\n')).not.toContain('etc/old');
  expect(fileSystem.facts).toMatchObject({ isClean: true });
  expect(fileSystem.notices).toEqual([
    expect.stringMatching(/blocks are read from its journal, as a mount would/),
  ]);
  expect(complaintsOfE2fsck(replayed)).toEqual([]);
});

test('what a later transaction revoked, and what was not committed, is as it was', async () => {
  const { changed } = makeLogged('first', {}, 'jo -c -v 3');
  const last = changed.at(-1) ?? 0;
  const more = [`jw -r ${last}`, `jw -c -b ${changed.join(',')} ${at('blocks')}`];
  const { logged } = makeLogged('revoked', {}, 'jo -c -v 3', more);
  const replayed = at('revoked replayed');
  copyFileSync(logged, replayed);
  replayByE2fsck(replayed);

  expect(await treeOf(await openImage(logged))).toEqual(await treeOf(await openImage(replayed)));
});

test('a transaction that was half written when the machine ended is left out, and those before it are read', async () => {
  const { changed } = makeLogged('whole', {}, 'jo -c -v 3');
  const more = [`jw -c -b ${changed.join(',')} ${at('blocks')}`];
  const { logged } = makeLogged('half', {}, 'jo -c -v 3', more);
  const bytes = readFileSync(logged);
  bytes.writeUInt8(1, bytes.lastIndexOf(Buffer.from('c03b399800000001', 'hex')) + 4_000);
  const replayed = at('half replayed');
  writeFileSync(replayed, bytes);
  replayByE2fsck(replayed);

  const tree = await treeOf(await openImage(bytes));

  expect(tree).toEqual(await treeOf(await openImage(replayed)));
  expect(tree.join('\n')).not.toContain('etc/old');
});

test('a journal whose commits may be there before their blocks is not replayed', async () => {
  const { logged } = makeLogged('early', { features: '^64bit,^metadata_csum' }, 'jo');
  const bytes = readFileSync(logged);
  const superblock = bytes.indexOf(Buffer.from('c03b399800000004', 'hex'));
  bytes.writeUInt32BE(1, superblock + 0x24);
  bytes.writeUInt32BE(bytes.readUInt32BE(superblock + 0x28) | 4, superblock + 0x28);

  const { facts, notices } = await openImage(bytes);

  expect(facts.isClean).toBe(false);
  expect(notices.join()).toContain('was not replayed (a journal with asynchronous commits');
});

test('a journal that cannot be right is told of, and the file system read as it is', async () => {
  const { logged } = makeLogged('damaged', {}, 'jo -c -v 3');
  const bytes = readFileSync(logged);
  const descriptor = bytes.indexOf(Buffer.from('c03b399800000001', 'hex'));
  bytes.writeUInt8(bytes.readUInt8(descriptor + 100) ^ 1, descriptor + 100);

  const fileSystem = await openImage(bytes);

  expect((await treeOf(fileSystem)).join('\n')).toContain('etc/old');
  expect(fileSystem.facts).toMatchObject({ isClean: false });
  expect(fileSystem.notices.join()).toMatch(
    /was not replayed \(the journal does not have the checksum of a descriptor\)/,
  );
});

test('a superblock that is damaged in the journal alone is told of, and the file system read as it is', async () => {
  const { logged, changed } = makeLogged('superblock', {}, 'jo -c -v 3');
  const bytes = readFileSync(logged);
  const descriptor = bytes.indexOf(Buffer.from('c03b399800000001', 'hex'));
  bytes.write('other', descriptor + 4096 + 1024 + 0x78);

  const fileSystem = await openImage(bytes);

  expect(changed[0]).toBe(0);
  expect((await treeOf(fileSystem)).join('\n')).toContain('etc/old');
  expect(fileSystem.notices.join()).toMatch(
    /was not replayed \(the journal does not have the checksum of block 0\)/,
  );
});
