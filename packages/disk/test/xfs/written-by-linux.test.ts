import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import {
  checkFileSystem,
  type FileNode,
  type FileSystem,
  findPath,
  openFileSystem,
  type OpenFileSystemOptions,
  walkTree,
} from '../../src/index.ts';
import { fuzzImage } from '../fuzz/fuzz-image.ts';
import { usedStretches } from '../fuzz/mutate-image.ts';
import { bytesSource } from '../support/sources.ts';

const fixture = (name: string): Buffer => readFileSync(path.join(import.meta.dirname, name));
/** Made by `write-by-linux.ts`, with what Linux says of them: `logged` after a mount replayed its log. */
const [image, logged] = ['written', 'logged'].map((name) =>
  zstdDecompressSync(fixture(`${name}-by-linux.img.zst`)),
) as [Buffer, Buffer];
const linesOf = (name: string): string[] => fixture(`${name}-by-linux.txt`).toString().trim().split('\n');

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

async function linesIn(fileSystem: FileSystem): Promise<string[]> {
  const found: string[] = [];
  for await (const { path: where, node, error } of walkTree(fileSystem, await fileSystem.root())) {
    if (error !== undefined) throw error;
    found.push(await lineOf(node, where));
  }
  return found.sort();
}

test('all that Linux wrote reads as Linux reads it', async () => {
  const fileSystem = await openFileSystem(bytesSource(image));

  expect(fileSystem.notices).toEqual([]);
  expect(fileSystem.facts).toMatchObject({ type: 'xfs', label: 'by linux', blockBytes: 1024 });
  expect(await linesIn(fileSystem)).toEqual(linesOf('written'));
});

test('what only the log has reads as Linux reads it when it has replayed that', async () => {
  const source = bytesSource(logged);
  const fileSystem = await openFileSystem(source);

  expect(await linesIn(fileSystem)).toEqual(linesOf('logged'));
  expect(fileSystem.facts).toMatchObject({ isClean: true });
  expect(fileSystem.basis?.isReplayed?.(0, source.bytes)).toBe(true);
  expect(fileSystem.notices).toEqual([
    expect.stringMatching(
      /^this XFS was mounted when it was copied: \d+ of its inodes and blocks are read from/,
    ),
  ]);
  expect((await checkFileSystem(source, fileSystem)).findings).toEqual([]);
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

interface Log {
  readonly at: number;
  readonly bytes: number;
  /** Offsets in it of the first record that is replayed, and of the last one, and the end of that. */
  readonly first: number;
  readonly last: number;
  readonly end: number;
}

/** The log of the image, which has not come round. */
const log = ((): Log => {
  const blockBytes = logged.readUInt32BE(4);
  const [start, bits] = [Number(logged.readBigUInt64BE(48)), logged.readUInt8(124)];
  const at = (Math.floor(start / 2 ** bits) * logged.readUInt32BE(84) + (start % 2 ** bits)) * blockBytes;
  const bytes = logged.readUInt32BE(96) * blockBytes;
  const [last = 0] = Array.from({ length: bytes / 512 }, (_, sector) => sector * 512)
    .reverse()
    // Empty ones follow, written by the mount.
    .filter(
      (offset) =>
        logged.readUInt32BE(at + offset) === 0xfeedbabe && logged.readUInt32BE(at + offset + 12) > 0,
    );
  const first = logged.readUInt32BE(at + last + 28) * 512;
  return { at, bytes, first, last, end: last + 512 + logged.readUInt32BE(at + last + 12) };
})();

async function openChanged(
  change: (stored: Buffer) => void,
  options: OpenFileSystemOptions = {},
): Promise<FileSystem> {
  const copy = Buffer.from(logged);
  change(copy.subarray(log.at, log.at + log.bytes));
  return openFileSystem(bytesSource(copy), options);
}

/** Changes the number that says what a change in the log is, of the first one of its kind that has one piece. */
function retype(stored: Buffer, from: number, to: number): void {
  const at = stored.indexOf(Buffer.from([from & 0xff, from >> 8, 1, 0]), log.first);
  expect(at).toBeGreaterThan(0);
  stored.writeUInt16LE(to, at);
}

/** Changes the first item of new inodes: how many they are, in as many blocks as these have. */
function makeMore(stored: Buffer, inodes: number): void {
  const at = stored.indexOf(Buffer.from([0x3f, 0x12, 1, 0]), log.first);
  expect(at).toBeGreaterThan(0);
  stored.writeUInt32BE(inodes, at + 12);
  stored.writeUInt32BE((inodes * stored.readUInt32BE(at + 16)) / logged.readUInt32BE(4), at + 20);
}

test('what was being written to the log when the machine ended is left', async () => {
  const whole = await openChanged(() => undefined);
  const torn = await openChanged((stored) => stored.fill(0xff, log.end - 10, log.end));

  expect(torn.facts.isClean).toBe(true);
  expect(torn.notices).toEqual([expect.stringContaining('as a mount would')]);
  const [one, other] = [whole, torn].map(async ({ basis }) => basis?.source.read(0, logged.length));
  expect(await one).not.toEqual(await other);
});

test.each<[string, (stored: Buffer) => void, OpenFileSystemOptions, string]>([
  [
    'a gap',
    (stored) => stored.fill(0xff, log.first + 600, log.first + 610),
    {},
    'does not begin where its last record says',
  ],
  ['no whole record', (stored) => stored.fill(0xff, 512), {}, 'has no whole record before its end'],
  [
    'a change that is not known',
    (stored) => retype(stored, 0x123f, 0x1250),
    { verifyChecksums: false },
    '0x1250',
  ],
  [
    'a mapping that was not finished',
    (stored) => retype(stored, 0x123f, 0x1244),
    { verifyChecksums: false },
    'a mount would go on with',
  ],
  [
    'more new inodes than are made at once',
    (stored) => makeMore(stored, 128),
    { verifyChecksums: false },
    'has 128 new inodes of 512 bytes',
  ],
])('a log with %s is not replayed, and told of with the reason', async (_, change, options, reason) => {
  const { facts, notices } = await openChanged(change, options);

  expect(facts.isClean).toBe(false);
  expect(notices).toEqual([
    expect.stringMatching(/^the log of this XFS was not replayed .*A mount of a restored volume replays it$/),
  ]);
  expect(notices.join()).toContain(reason);
});

test('mutants of a log are read, or refused, with little effort', async () => {
  const used = usedStretches(logged).filter((at) => at >= log.at + log.first && at < log.at + log.end - 32);

  await fuzzImage(logged, ['renamed'], { mutants: 20, used, verifyChecksums: false });
});
