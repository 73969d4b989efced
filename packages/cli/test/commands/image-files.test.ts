import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PointId } from '@holdfast/engine';
import { debugfs } from '@holdfast/disk/testing';
import { MemoryBlockSource, writeBlocks } from '@holdfast/engine/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const mebibyte = 2 ** 20;
const passwd = 'root:x:0:0::/root:/bin/sh\n'.repeat(100);

let folder: string;
/** A disk with an MBR, an ext4 as partition 1 and swap space as partition 2. */
let disk: Buffer;
let cli: CliUnderTest;
let point: PointId;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-image-files-'));
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'etc', 'deep'), { recursive: true });
  writeFileSync(join(tree, 'etc', 'passwd'), passwd);
  writeFileSync(join(tree, 'etc', 'deep', 'empty'), '');
  symlinkSync('/etc/passwd', join(tree, 'users'));
  utimesSync(join(tree, 'etc', 'passwd'), 1_700_000_000, 1_700_000_000);
  const image = join(folder, 'image');
  // Debian keeps it where the PATH of most users does not lead.
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const program = 'mke2fs';
  execFileSync(program, ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-d', tree, image, '2M'], {
    env,
    stdio: 'pipe',
  });
  disk = Buffer.alloc(4 * mebibyte);
  readFileSync(image).copy(disk, mebibyte);
  for (const [at, type, start, sectors] of [
    [446, 0x83, 2048, 4096],
    [462, 0x82, 6144, 2048],
  ] as const) {
    disk.writeUInt8(type, at + 4);
    disk.writeUInt32LE(start, at + 8);
    disk.writeUInt32LE(sectors, at + 12);
  }
  disk.writeUInt16LE(0xaa55, 510);
  disk.write('SWAPSPACE2', 3 * mebibyte + 4086);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(async () => {
  cli = new CliUnderTest();
  const locked = Buffer.alloc(mebibyte);
  locked.write('LUKS\xba\xbe\0\x02', 'latin1');
  point = await cli.backUpVolumes(
    { volume: 'vol-0a1', content: disk, record: { device: '/dev/xvda' } },
    { volume: 'vol-0b2', content: disk.subarray(mebibyte, 3 * mebibyte), record: { device: '/dev/sdf1' } },
    { volume: 'vol-0c3', content: locked, record: { device: '/dev/sdg' } },
  );
});

test('ls of a volume lists its partitions, and what is on them', async () => {
  const { code, out } = await cli.run('ls', point, '/dev/xvda');

  expect(code).toBe(0);
  expect(out).toMatch(/^\/dev\/xvda1 +2\.0 MiB +ext4$\n^\/dev\/xvda2 +1\.0 MiB +swap space$/m);
  expect(await cli.records('ls', `${point}:vol-0a1`)).toMatchObject([
    { kind: 'partition', path: 'vol-0a1p1', offset: mebibyte, content: 'ext4' },
    { kind: 'partition', path: 'vol-0a1p2', content: 'swap space' },
  ]);
  expect(await cli.records('ls', point, '/dev')).toMatchObject([
    { kind: 'partition', path: '/dev/xvda1', bytes: 2 * mebibyte },
    { kind: 'partition', path: '/dev/xvda2' },
    {
      kind: 'volume',
      path: '/dev/sdf1',
      bytes: 2 * mebibyte,
      fileSystem: { uuid: expect.any(String) as string },
    },
    { kind: 'volume', path: '/dev/sdg', content: 'LUKS 2' },
  ]);
});

test('ls lists a directory in an image, one file of it, or all below', async () => {
  const top = await cli.run('ls', point, '/dev/xvda1/');
  const file = await cli.run('ls', point, '/dev/xvda1/etc/passwd');
  const below = await cli.run('ls', '-r', point, '/dev/xvda1/etc');

  expect(top.out).toMatch(
    /\/dev\/xvda1\/etc\/\n.*\/lost\+found\/\n.*\/dev\/xvda1\/users -> \/etc\/passwd\n$/,
  );
  expect(file.out).toBe('   2.5 KiB  2023-11-14 22:13:20Z  /dev/xvda1/etc/passwd\n');
  expect(
    below.out
      .split('\n')
      .map((line) => line.split('  ').at(-1) ?? '')
      .sort(),
  ).toEqual(['', '/dev/xvda1/etc/deep/', '/dev/xvda1/etc/deep/empty', '/dev/xvda1/etc/passwd']);
  expect(await cli.records('ls', point, '/dev/xvda1/users')).toMatchObject([
    { kind: 'symlink', path: '/dev/xvda1/users', linkTarget: '/etc/passwd', uid: process.getuid?.() },
  ]);
});

test.each([
  ['by device and number', '/dev/xvda1/etc/passwd'],
  ['by a link', '/dev/xvda1/users'],
  ['on the only file system of a disk', '/dev/xvda/etc/passwd'],
  ['by the id of its volume', 'vol-0a1p1/etc/passwd'],
  ['on a volume that is all one file system, with a name like a partition', '/dev/sdf1/etc/passwd'],
])('cat writes a file %s', async (_, path) => {
  const { code, out, err } = await cli.run('cat', point, path);

  expect([code, err]).toEqual([0, '']);
  expect(out).toBe(passwd);
});

test.each([
  ['/dev/xvda1/etc/shadow', 3, 'there is nothing at "/dev/xvda1/etc/shadow"'],
  ['/dev/xvdb1/etc', 3, 'begin with one of /dev/xvda, /dev/sdf1, /dev/sdg'],
  ['/dev/xvda7/etc', 3, 'name one of them: /dev/xvda1 (ext4), /dev/xvda2 (swap space)'],
  ['/dev/xvda', 2, 'is a volume; name a file on it'],
  ['/dev/xvda1/etc', 1, 'is a directory, not a file'],
  ['/dev/xvda2/etc', 1, 'swap space is not supported; restore the volume with "--to-file"'],
  ['/dev/sdg/etc', 1, 'LUKS 2 is not supported'],
  ['/dev/sdgp1/etc', 3, 'has no partitions'],
])('cat of %s says why not', async (path, code, message) => {
  const answer = await cli.run('cat', point, path);

  expect(answer.err).toContain(message);
  expect([answer.code, answer.out]).toEqual([code, '']);
});

test('a file of a damaged file system is refused without calling the vault damaged', async () => {
  const broken = Buffer.from(disk);
  // Inodes per group.
  broken.writeUInt32LE(0, mebibyte + 1024 + 0x28);
  const damaged = await cli.backUpVolumes({
    volume: 'vol-0a1',
    content: broken,
    record: { device: '/dev/xvda' },
  });

  const { code, err } = await cli.run('cat', damaged, '/dev/xvda1/etc/passwd');

  expect(code).toBe(1);
  expect(err).toContain('the superblock does not have its checksum');
});

test('a link that cannot be read is told of, and all else is listed', async () => {
  const broken = Buffer.from(disk);
  // A link of so many bytes has them in blocks, and no text where its inode says which.
  broken.writeUInt32LE(70, broken.indexOf('/etc/passwd') - 0x28 + 4);
  const damaged = await cli.backUpVolumes({
    volume: 'vol-0a1',
    content: broken,
    record: { device: '/dev/xvda' },
  });

  for (const options of [[], ['-r']]) {
    const { code, out, err } = await cli.run('ls', ...options, damaged, '/dev/xvda1/');

    expect(code).toBe(1);
    expect(err).toContain('/dev/xvda1/users cannot be read');
    expect(out).toContain('/dev/xvda1/lost+found/');
  }
});

/** A point of the disk whose blocks are in EBS alone, and a later one in which a file was written. */
async function backUpSnapshots() {
  const blocks = new MemoryBlockSource(cli.clock);
  const [volume, blockBytes] = [blocks.makeVolume(disk.length), 524_288];
  writeBlocks(blocks, { volume, content: disk, blockBytes });
  const before = await cli.backUpImage(blocks.takeSnapshot(volume));
  const changed = join(folder, 'changed');
  writeFileSync(changed, disk.subarray(mebibyte, 3 * mebibyte));
  debugfs(changed, ['set_inode_field /etc/passwd mode 0100600']);
  const content = Buffer.from(disk);
  readFileSync(changed).copy(content, mebibyte);
  writeBlocks(blocks, { volume, content, blockBytes }, disk);
  cli.clock.advance(3_600_000);
  const after = await cli.backUpImage(blocks.takeSnapshot(volume));
  cli.blocks = blocks;
  return { blocks, before, after };
}

test('files of a point whose blocks are in EBS alone are read out of its snapshots', async () => {
  const { blocks, before } = await backUpSnapshots();

  const { code, out } = await cli.run('cat', `${before}:vol-0a1p1/etc/passwd`);

  expect([code, out]).toEqual([0, passwd]);
  expect(blocks.counts).toEqual({ pages: 4, read: 3 });
});

test('points whose blocks are in EBS alone are searched, compared, checked and restored from', async () => {
  const { before, after } = await backUpSnapshots();
  const restored = join(folder, 'restored');
  cli.executions.succeed();

  const found = await cli.run('find', before, 'passwd');
  const compared = await cli.run('diff', before, after);
  const records = await cli.records('diff', before, after);
  const checked = await cli.run('verify', '--filesystem', after);
  const quoted = (await cli.json('restore', before, '--path', 'vol-0a1p1/etc', '--quote')) as object;
  const wrote = await cli.run('restore', before, '--path', 'vol-0a1p1/etc', '--to-directory', restored);

  expect([found.code, found.out]).toEqual([0, expect.stringContaining('vol-0a1p1/etc/passwd')]);
  expect(compared.out).toMatch(
    /^~ vol-0a1 {2}\(8 GiB; 512 KiB in 1 block that were written\)$\n.*\n~ vol-0a1p1\/etc\/passwd {2}\(metadata\)/m,
  );
  expect(records).toMatchObject([
    { volume: 'vol-0a1', change: 'changed', blocks: 1, before: { sizeGiB: 8 } },
    { path: 'vol-0a1p1/etc/passwd', change: 'metadata', before: { kind: 'file' } },
  ]);
  expect([checked.code, checked.out]).toEqual([
    0,
    expect.stringMatching(/walked through 3 files in .*no damage/),
  ]);
  expect(quoted).toMatchObject({ files: 4, requests: 6 });
  expect(wrote.code).toBe(0);
  expect(readFileSync(join(restored, 'vol-0a1p1/etc/passwd'), 'utf8')).toBe(passwd);
});

test('a check of snapshots that may not be read has not succeeded, and calls nothing damaged', async () => {
  const { blocks, after } = await backUpSnapshots();
  blocks.break('the key is not allowed');

  const { code, out } = await cli.run('verify', '--filesystem', after);

  expect(code).toBe(1);
  expect(out).toContain(
    'not readable: vol-0a1 cannot be read: the snapshots cannot be read: the key is not allowed',
  );
  expect(out).not.toMatch(/damaged/i);
});

test('files out of snapshots whose blocks are in EBS alone are refused, with what to do', async () => {
  const inEbs = await cli.backUpImage('snap-1');

  const { code, err } = await cli.run('cat', inEbs, '/dev/xvda1/etc/passwd');

  expect(code).toBe(1);
  expect(err).toContain('whose blocks are not in the vault');
});
