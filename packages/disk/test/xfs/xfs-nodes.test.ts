import { truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FileNode, findPath, openFileSystem } from '../../src/index.ts';
import { changeFile } from '../support/patch.ts';
import { makeScratch } from '../support/scratch.ts';
import { fileSource } from '../support/sources.ts';
import { inodeAt, makeXfsImage, numberOf, type XfsImageOptions } from '../support/xfsprogs.ts';

const scratch = makeScratch();
const content = path.join(scratch.path, 'content');
beforeAll(() => writeFileSync(content, 'content'));
afterAll(scratch.remove);

const version4 = ['-m', 'crc=0'];
const image = (options: Partial<XfsImageOptions> = {}): string =>
  makeXfsImage(path.join(scratch.path, 'image'), { lines: [`file ---644 0 0 ${content}`], ...options });

async function nodeOf(file: string, name = 'file'): Promise<FileNode> {
  const node = await findPath(await openFileSystem(fileSource(file)), Buffer.from(name));
  if (node === undefined) throw new Error(`${name} is not there`);
  return node;
}

const seconds = 1_000_000_000n;

const timesAt = { accessed: 32, modified: 40, changed: 48 };

test('old times are told from before 1970 to 2038', async () => {
  const file = image({ options: version4 });
  changeFile(file, inodeAt(file, 'file'), (bytes) => {
    bytes.writeInt32BE(-631_152_000, timesAt.modified);
    bytes.writeUInt32BE(123_456_789, timesAt.modified + 4);
    bytes.writeInt32BE(2 ** 31 - 1, timesAt.changed);
    bytes.writeUInt32BE(999_999_999, timesAt.changed + 4);
  });

  const node = await nodeOf(file);

  expect(node.modifiedAt).toBe(BigInt(Date.UTC(1950, 0, 1) / 1000) * seconds + 123_456_789n);
  expect(node.changedAt).toBe((2n ** 31n - 1n) * seconds + 999_999_999n);
});

test('big times are told from their first nanosecond to their last', async () => {
  const file = image({ options: ['-d', 'agcount=1'] });
  changeFile(file, inodeAt(file, 'file'), (bytes) => {
    bytes.writeBigUInt64BE(0n, timesAt.modified);
    bytes.writeBigUInt64BE(2n ** 64n - 1n, timesAt.changed);
  });

  const fileSystem = await openFileSystem(fileSource(file), { verifyChecksums: false });
  const node = await findPath(fileSystem, Buffer.from('file'));

  expect(node?.modifiedAt).toBe(-(2n ** 31n) * seconds);
  expect(node?.changedAt).toBe(2n ** 64n - 1n - 2n ** 31n * seconds);
});

test('owners, modes, devices and kinds are told', async () => {
  const file = image({
    lines: [
      `file -ug751 4000000000 70001 ${content}`,
      'pipe p--644 0 0',
      'disk b--600 0 0 8 1',
      'terminal c--600 0 0 300 65535',
    ],
  });

  expect(await nodeOf(file)).toMatchObject({
    kind: 'file',
    bytes: 7,
    mode: 0o6751,
    owner: { uid: 4_000_000_000, gid: 70_001 },
    names: 1,
    device: undefined,
  });
  expect(await nodeOf(file, 'pipe')).toMatchObject({ kind: 'fifo', device: undefined });
  expect(await nodeOf(file, 'disk')).toMatchObject({ kind: 'block-device', device: { major: 8, minor: 1 } });
  expect(await nodeOf(file, 'terminal')).toMatchObject({
    kind: 'character-device',
    device: { major: 300, minor: 65_535 },
  });
});

test('an inode of version 1 has the count of its names elsewhere, and no time of its creation', async () => {
  const file = image({ options: version4 });
  changeFile(file, inodeAt(file, 'file'), (bytes) => {
    bytes.writeUInt8(1, 4);
    bytes.writeUInt16BE(3, 6);
    bytes.writeUInt32BE(0, 16);
  });

  expect(await nodeOf(file)).toMatchObject({ names: 3, createdAt: undefined });
});

test.each([
  ['version 5', []],
  ['version 5 with blocks of 1 KiB', ['-b', 'size=1024']],
  ['version 4', version4],
  ['version 4 with blocks of 512 bytes', [...version4, '-b', 'size=512']],
])('attributes of XFS %s are there whatever their number and size', async (_, options) => {
  const sets: Record<string, readonly (readonly [string, string, number])[]> = {
    short: [
      ['-u', 'small', 5],
      ['-u', 'one', 1],
      ['-s', 'selinux', 27],
      ['-r', 'small', 3],
    ],
    leaf: Array.from({ length: 12 }, (_leaf, index) => ['-u', `name-${index}`, index * 3 + 1] as const),
    node: Array.from(
      { length: 250 },
      (_node, index) => ['-s', `a-longer-name-${index}`, 20 + (index % 9)] as const,
    ),
    far: [
      ['-u', 'far', 8192],
      ['-r', 'farther', 65_536],
      ['-u', 'near', 2],
    ],
  };
  const file = image({
    options,
    lines: Object.keys(sets).map((name) => `${name} ---644 0 0 ${content}`),
    commands: Object.entries(sets).flatMap(([name, set]) => [
      `path /${name}`,
      ...set.map(([namespace, key, bytes]) => `attr_set ${namespace} -v ${bytes} ${key}`),
    ]),
  });

  const prefixes: Record<string, string> = { '-u': 'user.', '-s': 'security.', '-r': 'trusted.' };
  for (const [name, set] of Object.entries(sets)) {
    const attributes = await (await nodeOf(file, name)).attributes();
    const found = attributes.map((one) => `${Buffer.from(one.name).toString()} ${one.value.length}`);
    expect(found.sort()).toEqual(
      set.map(([space, key, bytes]) => `${prefixes[space]}${key} ${bytes}`).sort(),
    );
    // `xfs_db` fills them with one byte.
    for (const { value } of attributes) expect(new Set(value).size).toBeLessThanOrEqual(1);
  }
});

test('attributes that are not finished, and links to directories, are not among them', async () => {
  const file = image({
    options: version4,
    commands: ['path /file', ...['one', 'two', 'xyz'].map((name) => `attr_set -u -v 4 ${name}`)],
  });
  changeFile(
    file,
    inodeAt(file, 'file'),
    (bytes) => {
      bytes.writeUInt8(0x80, bytes.indexOf('one') - 1);
      bytes.writeUInt8(0x8, bytes.indexOf('two') - 1);
    },
    512,
  );

  const attributes = await (await nodeOf(file)).attributes();

  expect(attributes.map(({ name }) => Buffer.from(name).toString())).toEqual(['user.xyz']);
});

async function noticesOf(file: string): Promise<string> {
  return (await openFileSystem(fileSource(file))).notices.join('\n');
}

test('a log that does not end with an unmount, is elsewhere, or was filled round and round is told apart', async () => {
  const file = image({ options: version4 });
  const logAt = numberOf(file, ['sb 0'], 'logstart') * 4096;
  const other = path.join(scratch.path, 'log');
  writeFileSync(other, '');
  truncateSync(other, 16 * 2 ** 20);
  expect(await noticesOf(file)).toBe('');

  // The second sector is the only entry of the only record.
  changeFile(file, logAt + 512, (bytes) => bytes.writeUInt8(0, 9));
  expect(await noticesOf(file)).toContain('the log of this XFS was not replayed');

  expect(await noticesOf(image({ options: ['-l', `logdev=${other},size=10m`] }))).toContain(
    'on a device of its own',
  );
});

test('the end of a log is found wherever it is', async () => {
  const file = image({ options: version4 });
  const logAt = numberOf(file, ['sb 0'], 'logstart') * 4096;
  const sectors = numberOf(file, ['sb 0'], 'logblocks') * 8;
  const record = readLog(file, logAt, 2);
  const write = (end: number, round: number): void =>
    changeFile(
      file,
      logAt,
      (log) => {
        for (let sector = 0; sector < sectors; sector += 1)
          log.writeUInt32BE(sector < end ? round : round - 1, sector * 512);
        for (const [index, at] of [(end - 2 + sectors) % sectors, (end - 1 + sectors) % sectors].entries()) {
          record.copy(log, at * 512, index * 512, (index + 1) * 512);
          log.writeUInt32BE(at < end ? round : round - 1, at * 512 + (index === 0 ? 4 : 0));
        }
      },
      sectors * 512,
    );

  for (const end of [1, 2, 3, 500, 600, sectors - 1, sectors]) {
    write(end, 7);
    expect(await noticesOf(file), `${end}`).toBe('');
    // One more record, which is none.
    changeFile(file, logAt + ((end - 2 + sectors) % sectors) * 512, (bytes) => bytes.writeUInt32BE(2, 40));
    expect(await noticesOf(file), `${end}`).toContain('was not replayed');
  }
});

function readLog(file: string, at: number, sectors: number): Buffer {
  let read = Buffer.alloc(0);
  changeFile(file, at, (bytes) => (read = Buffer.from(bytes)), sectors * 512);
  return read;
}

test('files on a realtime device are refused, and what is beside them is not', async () => {
  const device = path.join(scratch.path, 'realtime');
  writeFileSync(device, '');
  truncateSync(device, 32 * 2 ** 20);
  const file = image({
    options: ['-r', `rtdev=${device},size=32m`],
    lines: [`file ---644 0 0 ${content}`, `plain ---644 0 0 ${content}`],
    commands: ['path /file', 'write core.realtime 1'],
  });

  expect(await noticesOf(file)).toContain('has a realtime device');
  await expect(Array.fromAsync((await nodeOf(file)).read())).rejects.toMatchObject({
    name: 'DiskUnsupportedError',
    found: 'a file on the realtime device of XFS',
  });
  expect(Buffer.concat(await Array.fromAsync((await nodeOf(file, 'plain')).read())).toString()).toBe(
    'content',
  );
});
