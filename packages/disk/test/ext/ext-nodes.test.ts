import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type ContentRun, type FileNode, findPath, openFileSystem } from '../../src/index.ts';
import { acl } from '../support/acl.ts';
import { askDebugfs, makeExtImage } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { fileSource } from '../support/sources.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

const tree = path.join(scratch.path, 'tree');
mkdirSync(tree);
writeFileSync(path.join(tree, 'file'), 'content');
const host = (name: string, content: Uint8Array): string => {
  const file = path.join(scratch.path, name);
  writeFileSync(file, content);
  return file;
};

async function nodeOf(file: string, name: string): Promise<FileNode> {
  const fileSystem = await openFileSystem(fileSource(file), { verifyChecksums: true });
  const node = await findPath(fileSystem, Buffer.from(name));
  if (node === undefined) throw new Error(`${name} is not there`);
  return node;
}

/** Short, where it differs. */
const hexOf = (value: Uint8Array): string =>
  `${value.length} bytes ${Buffer.from(value).toString('hex').slice(0, 200)}`;

const seconds = 1_000_000_000n;
/** The second word of a time: nanoseconds, and two bits that go on with the seconds. */
const more = (nanoseconds: number, epoch: number): number => nanoseconds * 4 + epoch;

test('times before 1970 and after 2038 are told to the nanosecond', async () => {
  const file = makeExtImage(path.join(scratch.path, 'times.img'), {
    size: '8M',
    tree,
    commands: [
      `sif file mtime @0x${(2 ** 32 - 631_152_000).toString(16)}`,
      `sif file mtime_extra ${more(123_456_789, 0)}`,
      `sif file atime @0x${(4_102_444_800).toString(16)}`,
      `sif file atime_extra ${more(999_999_999, 1)}`,
      'sif file ctime @0x7fffffff',
      `sif file ctime_extra ${more(1, 3)}`,
      'sif file crtime @0',
      `sif file crtime_extra ${more(0, 0)}`,
    ],
  });

  const node = await nodeOf(file, 'file');

  expect(node.modifiedAt).toBe(BigInt(Date.UTC(1950, 0, 1) / 1000) * seconds + 123_456_789n);
  expect(node.accessedAt).toBe(BigInt(Date.UTC(2100, 0, 1) / 1000) * seconds + 999_999_999n);
  expect(node.changedAt).toBe((2n ** 31n - 1n + 3n * 2n ** 32n) * seconds + 1n);
  expect(node.createdAt).toBe(0n);
  expect(askDebugfs(file, 'stat file')).toMatch(/atime:.* 2100/);
});

test('inodes of 128 bytes have times of whole seconds, and none of their creation', async () => {
  const file = makeExtImage(path.join(scratch.path, 'old-times.img'), {
    size: '8M',
    type: 'ext3',
    inodeBytes: 128,
    tree,
    commands: ['sif file mtime @0xffffffff'],
  });

  const node = await nodeOf(file, 'file');

  expect(node.modifiedAt).toBe(-1n * seconds);
  expect(node.createdAt).toBeUndefined();
});

test('owners, modes, devices and kinds are told', async () => {
  const file = makeExtImage(path.join(scratch.path, 'facts.img'), {
    size: '8M',
    tree,
    commands: [
      'sif file uid 4000000000',
      'sif file gid 70001',
      'sif file mode 0106751',
      'mknod pipe p',
      'mknod old-disk b 8 1',
      'mknod terminal c 300 65535',
    ],
  });

  expect(await nodeOf(file, 'file')).toMatchObject({
    kind: 'file',
    bytes: 7,
    mode: 0o6751,
    owner: { uid: 4_000_000_000, gid: 70_001 },
    names: 1,
    device: undefined,
  });
  expect(await nodeOf(file, 'pipe')).toMatchObject({ kind: 'fifo', device: undefined });
  expect(await nodeOf(file, 'old-disk')).toMatchObject({
    kind: 'block-device',
    device: { major: 8, minor: 1 },
  });
  expect(await nodeOf(file, 'terminal')).toMatchObject({
    kind: 'character-device',
    device: { major: 300, minor: 65_535 },
  });
});

test('what is asked of a node of another kind is refused', async () => {
  const file = makeExtImage(path.join(scratch.path, 'kinds.img'), { size: '8M', tree });
  const node = await nodeOf(file, 'file');

  await expect(node.linkTarget()).rejects.toMatchObject({ name: 'DiskPathError' });
  await expect(Array.fromAsync(node.list())).rejects.toThrow('is a file, not a directory');
  await expect(Array.fromAsync((await nodeOf(file, '')).read())).rejects.toThrow(
    'is a directory, not a file',
  );
});

test.each([
  ['in inodes and blocks', {}],
  ['in inodes of their own', { features: 'ea_inode', options: ['-b', '1024'] }],
  ['beside inline content', { features: 'inline_data' }],
])('extended attributes %s are given as getxattr gives them', async (where, variant) => {
  const values: Record<string, Buffer> = {
    'user.small': Buffer.from('value'),
    'user.empty': Buffer.alloc(0),
    'security.selinux': Buffer.from('system_u:object_r:etc_t:s0\0'),
    'trusted.binary': Buffer.from([0, 1, 2, 255, 0]),
    'system.posix_acl_access': acl,
    'user.medium': Buffer.alloc(900, 'medium'),
    ...(where.includes('own') ? { 'user.large': Buffer.alloc(1024, 'large') } : {}),
  };
  const file = makeExtImage(path.join(scratch.path, `attributes ${where}.img`), {
    size: '8M',
    tree,
    commands: Object.entries(values).map(
      ([name, value]) => `ea_set -f "${host(`${where} ${name}`, value)}" file ${name}`,
    ),
    ...variant,
  });

  const attributes = await (await nodeOf(file, 'file')).attributes();

  const found = Object.fromEntries(
    attributes.map(({ name, value }) => [Buffer.from(name).toString(), hexOf(value)]),
  );
  expect(found).toEqual(
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, hexOf(value)])),
  );
  expect(Buffer.concat(await Array.fromAsync((await nodeOf(file, 'file')).read())).toString()).toBe(
    'content',
  );
});

test('a file in hundreds of fragments, with stretches that were never written, reads as it was written', async () => {
  const small = host('small', Buffer.alloc(1024, 1));
  const content = Buffer.from(Array.from({ length: 700_000 }, (_, at) => (at * 7919) >>> 5));
  const names = Array.from({ length: 1600 }, (_, index) => `f${index}`);
  const file = makeExtImage(path.join(scratch.path, 'fragments.img'), {
    size: '4M',
    features: '^has_journal,^resize_inode',
    options: ['-b', '1024', '-N', '2048', '-m', '0'],
    commands: [
      ...names.map((name) => `write "${small}" ${name}`),
      ...names.filter((_, index) => index % 2 === 1).map((name) => `rm ${name}`),
      `write "${host('big', content)}" big`,
      'fallocate f0 5 20',
      'sif f0 size 30000',
    ],
  });

  const big = await nodeOf(file, 'big');
  const runs = await Array.fromAsync(big.runs());

  expect(askDebugfs(file, 'extents big')).toMatch(/^ 2\/ 2/m);
  expect(runs.length).toBeGreaterThan(340);
  expect(Buffer.concat(await Array.fromAsync(big.read())).equals(content)).toBe(true);
  expect(await Array.fromAsync((await nodeOf(file, 'f0')).runs())).toMatchObject([
    { kind: 'stored', offset: 0, bytes: 1024 },
    { kind: 'hole', reserved: false, offset: 1024, bytes: 4096 },
    { kind: 'hole', reserved: true, offset: 5120, bytes: 16_384 },
    { kind: 'hole', reserved: false, offset: 21_504 },
  ] satisfies Partial<ContentRun>[]);
});

async function noticesOf(file: string): Promise<string> {
  return (await openFileSystem(fileSource(file))).notices.join('\n');
}

test('a journal that cannot be replayed, errors and an unclean end are told of', async () => {
  const dirty = makeExtImage(path.join(scratch.path, 'dirty.img'), {
    size: '8M',
    tree,
    commands: ['feature needs_recovery', 'zap_block -f <8> 0'],
  });
  const broken = makeExtImage(path.join(scratch.path, 'broken.img'), {
    size: '8M',
    tree,
    commands: ['ssv state 2'],
  });

  expect(await noticesOf(dirty)).toMatch(
    /journal of this ext4 was not replayed.*A mount of a restored volume replays it/s,
  );
  expect(await noticesOf(broken)).toMatch(/not unmounted cleanly.*found errors in it/s);
});

test('content and names that are encrypted are refused, and what is beside them is not', async () => {
  const file = makeExtImage(path.join(scratch.path, 'encrypted.img'), {
    size: '8M',
    tree,
    features: 'encrypt',
    commands: [`write "${host('plain', Buffer.from('plain'))}" plain`, 'sif file flags 0x80800'],
  });

  await expect(Array.fromAsync((await nodeOf(file, 'file')).read())).rejects.toMatchObject({
    name: 'DiskUnsupportedError',
    found: 'an encrypted file or directory',
  });
  expect(Buffer.concat(await Array.fromAsync((await nodeOf(file, 'plain')).read())).toString()).toBe('plain');
});
