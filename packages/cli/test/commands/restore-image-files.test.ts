import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { makeExtImage, makeScratch } from '@holdfast/disk/testing';
import type { PointId } from '@holdfast/engine';
import { MemoryCatalog, MemoryChunkIndex } from '@holdfast/engine/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CliUnderTest, volumeArn } from '../cli-under-test.ts';

/** A program of every Unix. */
const makePipe = 'mkfifo';
const scratch = makeScratch();
afterAll(scratch.remove);
let disk: Buffer;
let cli: CliUnderTest;
let point: PointId;
let restored: string;
let count = 0;

beforeAll(() => {
  const tree = path.join(scratch.path, 'tree');
  mkdirSync(path.join(tree, 'etc/ssh'), { recursive: true });
  writeFileSync(path.join(tree, 'etc/fstab'), 'LABEL=root / ext4 defaults\n');
  writeFileSync(path.join(tree, 'etc/ssh/key'), 'secret', { mode: 0o600 });
  symlinkSync('ssh/key', path.join(tree, 'etc/link'));
  mkdirSync(path.join(tree, 'var/more'), { recursive: true });
  writeFileSync(path.join(tree, 'var/first'), 'one file');
  for (const name of ['var/second', 'var/more/third'])
    linkSync(path.join(tree, 'var/first'), path.join(tree, name));
  writeFileSync(path.join(tree, 'etc/sparse'), 'begins');
  truncateSync(path.join(tree, 'etc/sparse'), 3 * 2 ** 20);
  utimesSync(path.join(tree, 'etc/ssh/key'), 1_700_000_000, 1_700_000_000);
  execFileSync(makePipe, [path.join(tree, 'etc/pipe')]);
  const image = path.join(scratch.path, 'image');
  const options = ['-L', 'root'];
  disk = readFileSync(makeExtImage(image, { size: '8M', tree, features: '^has_journal', options }));
});

beforeEach(async () => {
  cli = new CliUnderTest();
  point = await cli.backUpVolumes({ volume: 'vol-0a1', content: disk, record: { device: '/dev/xvda' } });
  count += 1;
  restored = path.join(scratch.path, `restored-${count}`);
  cli.executions.succeed();
});

test('restore takes a directory out of an image, into a directory', async () => {
  const { code, out } = await cli.run('restore', point, '--path', '/etc', '--to-directory', restored);

  expect(code).toBe(0);
  expect(out).toMatch(/^not kept: all of 1 file, etc\/pipe for one: a socket, pipe or device is not made$/m);
  expect(out).toMatch(/^restored 6 files of point/m);
  const key = lstatSync(path.join(restored, 'etc/ssh/key'));
  expect(readFileSync(path.join(restored, 'etc/ssh/key'), 'utf8')).toBe('secret');
  expect([key.mode & 0o7777, key.mtimeMs]).toEqual([0o600, 1_700_000_000_000]);
  expect(readlinkSync(path.join(restored, 'etc/link'))).toBe('ssh/key');
  const sparse = lstatSync(path.join(restored, 'etc/sparse'));
  expect(sparse.size).toBe(3 * 2 ** 20);
  expect(sparse.blocks * 512).toBeLessThan(2 ** 20);
  const [started] = cli.executions.started;
  expect(started?.input).toMatchObject({
    paths: ['/etc'],
    target: { directory: expect.any(String) as string },
  });
});

test('a quote and a dry run of files in an image count and name them', async () => {
  const into = ['--to-directory', restored];
  const quote = await cli.run('restore', `${point}:/dev/xvda/etc/ssh`, ...into, '--quote');
  const dry = await cli.run('restore', point, '--path', '/dev/xvda/etc/ssh', ...into, '--dry-run');

  expect(quote.out).toMatch(/^files +2$/m);
  expect(dry.out).toContain(`6 B  ${restored}/dev/xvda/etc/ssh/key`);
  expect(dry.out).toMatch(/^would write 2 files, 6 B/m);
  expect(() => lstatSync(restored)).toThrow('ENOENT');
});

test.each([
  [['--to-directory', 'x'], 'files in it with --path /etc/ and --to-directory or --to-bucket'],
  [['--to-volumes', 'eu-west-1a', '--path', '/etc'], '--path takes files out of it'],
  [['--to-original', '--path', '/etc'], 'restore it with'],
  [['--to-directory', 'x', '--path', '/no'], 'there is nothing at'],
])('restore of an image with %j is refused', async (options, why) => {
  const { code, err } = await cli.run('restore', point, ...options);

  expect(code).not.toBe(0);
  expect(err).toContain(why);
});

test('extract takes a directory out of an image, with the bucket and the key alone', async () => {
  cli.catalog = new MemoryCatalog();
  cli.index = new MemoryChunkIndex();
  const source = ['extract', 's3://vault-bucket', point, '--to', restored];

  const { code, out } = await cli.run(...source, '--path', '/etc/ssh');
  const both = await cli.run(...source, '--path', '/etc/ssh', '--volume', '/dev/xvda');

  expect(code).toBe(0);
  expect(out).toMatch(/^restored 2 files of point/m);
  expect(readFileSync(path.join(restored, 'etc/ssh/key'), 'utf8')).toBe('secret');
  expect(cli.executions.started).toEqual([]);
  expect(both.code).toBe(2);
  expect(both.err).toContain('a --path begins with its volume');
});

test('names of one file are one file again in a directory, also when a restore is repeated', async () => {
  const command = ['restore', point, '--path', '/var/', '--to-directory', restored] as const;
  const first = await cli.run(...command);
  const names = ['first', 'more/third', 'second'].map((name) => path.join(restored, 'var', name));
  const inodes = names.map((name) => lstatSync(name).ino);
  const again = await cli.run(...command);

  expect(first.code).toBe(0);
  expect(first.out).not.toContain('not kept');
  expect(new Set(inodes).size).toBe(1);
  expect(names.map((name) => readFileSync(name, 'utf8'))).toEqual(names.map(() => 'one file'));
  expect(again.code).toBe(0);
  expect(again.out).toContain('0 written (0 B), 5 the same already');
});

test('a name that lies where somebody else has a file is left alone, and the others are one file', async () => {
  mkdirSync(path.join(restored, 'var/more'), { recursive: true });
  writeFileSync(path.join(restored, 'var/more/third'), 'somebody else');

  const { out } = await cli.run('restore', point, '--path', '/var/', '--to-directory', restored);
  const [one, other] = ['first', 'second'].map((name) => lstatSync(path.join(restored, 'var', name)).ino);

  expect(readFileSync(path.join(restored, 'var/more/third'), 'utf8')).toBe('somebody else');
  expect(other).toBe(one);
  expect(out).toMatch(/^not kept: the other names of 1 file, var\/more\/third for one/m);
});

test('restore takes a file out of the newest point of an image that has it', async () => {
  const volumes = { volume: 'vol-0a1', record: { device: '/dev/xvda' } };
  const without = Buffer.alloc(disk.length);
  const newer = await cli.backUpVolumes({ ...volumes, content: without });
  const words = ['restore', volumeArn, '--newest-with', '--to-directory', restored];

  const { code } = await cli.run(...words, '--path', '/dev/xvda/etc/ssh/key');
  const absent = await cli.run(...words, '--path', '/dev/xvda/etc/nothing');

  expect(newer).not.toBe(point);
  expect(code).toBe(0);
  expect(readFileSync(path.join(restored, 'dev/xvda/etc/ssh/key'), 'utf8')).toBe('secret');
  expect(absent).toMatchObject({ code: 3, err: expect.stringContaining('none of 2 points') });
});
