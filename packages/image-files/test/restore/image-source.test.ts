import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type ByteSource, DiskBytesLostError } from '@holdfast/disk';
import { bytesSource, debugfs, fileSource, makeExtImage, makeScratch } from '@holdfast/disk/testing';
import {
  extendedAttributesOf,
  findModifiedNs,
  InvalidInputError,
  type KeyRange,
  restoreEntries,
  type RestoreTarget,
  selectKeys,
  StoredBytesDamagedError,
  UnknownNameError,
  type VolumeSnapshot,
} from '@holdfast/engine';
import { MemoryTarget, MemoryUploads } from '@holdfast/engine/testing';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PointImage } from '../../src/point-image.ts';
import { ImageSource } from '../../src/restore/image-source.ts';
import { lookUpPaths } from '../../src/restore/select-paths.ts';

const mebibyte = 2 ** 20;
/** A program of every Unix. */
const makePipe = 'mkfifo';
const scratch = makeScratch();
afterAll(scratch.remove);

const passwd = 'root:x:0:0::/root:/bin/sh\n';
const large = Buffer.alloc(6 * mebibyte + 5);
for (let at = 0; at < large.length; at += 4)
  large.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, Math.min(at, large.length - 4));

/** An ext4 with what a machine has. */
let disk: Buffer;
let hostile: Buffer;

beforeAll(() => {
  const tree = path.join(scratch.path, 'tree');
  for (const directory of ['etc/d', 'var/empty']) mkdirSync(path.join(tree, directory), { recursive: true });
  const at = (name: string) => path.join(tree, name);
  writeFileSync(at('etc/passwd'), passwd, { mode: 0o640 });
  linkSync(at('etc/passwd'), at('etc/second-name'));
  symlinkSync('passwd', at('etc/users'));
  for (const name of ['etc/d-', 'etc/d.txt', 'etc/d/x', 'etc/d0']) writeFileSync(at(name), name);
  writeFileSync(Buffer.concat([Buffer.from(at('etc/')), Buffer.from([0x62, 0xff])]), 'not UTF-8');
  writeFileSync(at('var/large'), large);
  writeFileSync(at('var/sparse'), '');
  truncateSync(at('var/sparse'), 5 * mebibyte);
  execFileSync(makePipe, [at('var/pipe')]);
  symlinkSync('etc', at('settings'));
  utimesSync(at('etc/passwd'), 1_700_000_000, 1_700_000_000);
  const commands = [
    'ea_set /etc/passwd user.comment hello',
    'set_inode_field /etc/passwd mtime_extra 493827156',
    'set_inode_field /etc/passwd mtime 1700000000',
  ];
  const image = path.join(scratch.path, 'image');
  disk = readFileSync(makeExtImage(image, { size: '16M', tree, features: '^has_journal', commands }));
  const loops = ['link /etc /etc/d/loop', 'link /etc/d0 /etc/d/y'];
  hostile = readFileSync(
    makeExtImage(path.join(scratch.path, 'loops'), { size: '16M', tree, commands: loops }),
  );
});

function imageOf(source: ByteSource): PointImage {
  const volume = { volume: 'vol-0a1', device: '/dev/xvda' } as VolumeSnapshot;
  return new PointImage([volume], async () => Promise.resolve(source), '/dev/xvda', {});
}

interface Restore {
  readonly source?: ByteSource;
  readonly range?: KeyRange;
  readonly target?: MemoryTarget;
  readonly shouldStop?: () => boolean;
}

async function restore(
  paths: readonly string[],
  { source = bytesSource(disk), range = {}, target = new MemoryTarget(), shouldStop }: Restore = {},
) {
  const image = imageOf(source);
  const files = new ImageSource(image, await lookUpPaths(image, paths));
  const outcome = await restoreEntries(files, { range, target, overwrite: 'never', shouldStop });
  const restored = target.entries.map(({ entry }) => Buffer.from(entry.path).toString('latin1'));
  return { outcome, target, paths: restored };
}

test('a directory comes with all below it, in the order of paths, and by the name that it was asked for', async () => {
  const { outcome, paths, target } = await restore(['/dev/xvda/etc']);

  expect(paths).toEqual(
    ['', 'b\xff', 'd-', 'd.txt', 'd/', 'd/x', 'd0', 'passwd', 'second-name', 'users'].map(
      (name) => `dev/xvda/etc/${name}`,
    ),
  );
  expect(outcome).toMatchObject({ files: 10, written: 10, failed: [] });
  expect(Buffer.from(target.find('dev/xvda/etc/passwd')!.content).toString()).toBe(passwd);
});

test('an entry has mode, owner, nanoseconds, extended attributes and the target of a link', async () => {
  const { target } = await restore(['/dev/xvda/etc/passwd', '/dev/xvda/etc/users']);

  const { entry } = target.find('dev/xvda/etc/passwd')!;
  expect(entry).toMatchObject({ kind: 'file', size: passwd.length, attributes: { mode: '0640' } });
  expect(entry.modifiedMs).toBeCloseTo(1_700_000_000_123.4568, 3);
  expect(findModifiedNs(entry)).toBe(1_700_000_000_123_456_789n);
  const [comment] = extendedAttributesOf(entry);
  expect([comment?.name, comment?.value].map((bytes) => Buffer.from(bytes!).toString())).toEqual([
    'user.comment',
    'hello',
  ]);
  expect(target.find('dev/xvda/etc/users')?.entry).toMatchObject({
    kind: 'symlink',
    size: 0,
    attributes: { 'link-target': 'passwd' },
  });
});

test('content of large and of sparse files is whole', async () => {
  const { target } = await restore(['/dev/xvda/var/']);

  expect(Buffer.compare(target.find('dev/xvda/var/large')!.content, large)).toBe(0);
  expect(Buffer.compare(target.find('dev/xvda/var/sparse')!.content, Buffer.alloc(5 * mebibyte))).toBe(0);
});

test('what is not made, and names of one file, are told of', async () => {
  const { outcome } = await restore(['/dev/xvda/']);

  expect(outcome.unkept).toEqual([
    { fact: 'hard-links', entries: 2, example: 'dev/xvda/etc/passwd' },
    { fact: 'special-files', entries: 1, example: 'dev/xvda/var/pipe' },
  ]);
});

test('files of two file systems with one number are two files, whatever names they have', async () => {
  const other = Buffer.from(disk);
  other.write('other', other.indexOf(passwd));
  const disks = new Map([
    ['/dev/xvda', disk],
    ['/dev/xvdb', other],
  ]);
  const volumes = [...disks.keys()].map((device) => ({ volume: `vol-${device}`, device }) as VolumeSnapshot);
  const open = async ({ device = '' }: VolumeSnapshot) => Promise.resolve(bytesSource(disks.get(device)!));
  const target = Object.assign(new MemoryTarget(), { linksNames: true });
  const write = vi.spyOn(target, 'write');
  const paths = ['/dev/xvda/etc/passwd', '/dev/xvdb/etc/passwd', '/dev/xvdb/etc/second-name'];

  const files = new ImageSource(new PointImage(volumes, open, '/dev/xvda', {}), paths);
  await restoreEntries(files, { range: {}, target, overwrite: 'never' });

  const linkedTo = write.mock.calls.map(([, , , options]) => Buffer.from(options?.sameAs ?? []).toString());
  expect(linkedTo).toEqual(['', '', 'dev/xvdb/etc/passwd']);
});

test('a restore that goes on anew behind every entry comes to the same as in one go', async () => {
  const asked = ['/dev/xvda/etc/', '/dev/xvda/var/empty/'];
  const whole = await restore(asked);
  const target = new MemoryTarget();
  const failed: unknown[] = [];
  let calls = 0;

  for (let from: Uint8Array | undefined; ; calls += 1) {
    const { outcome } = await restore(asked, { range: { from }, target, shouldStop: () => true });
    failed.push(...outcome.failed);
    from = outcome.next;
    if (from === undefined) break;
  }

  expect(calls).toBe(whole.paths.length - 1);
  expect(failed).toEqual([]);
  expect(target.entries).toEqual(whole.target.entries);
});

test('a file that was begun and is not there any more fails alone, and its upload is ended', async () => {
  const uploads = new MemoryUploads();
  const target = new MemoryTarget(undefined, undefined, { uploads, bytes: mebibyte });
  const paths = ['/dev/xvda/etc/', '/dev/xvda/var/'];
  const from = selectKeys(['dev/xvda/var/large'])[0]?.from;
  const stopping = { range: { from }, target, overwrite: 'never', shouldStop: () => true } as const;
  const first = await restoreEntries(new ImageSource(imageOf(bytesSource(disk)), paths), stopping);

  const after = await restoreEntries(
    new ImageSource(imageOf(bytesSource(withoutName(disk, 'large'))), paths),
    { ...stopping, begun: first.begun, shouldStop: () => false },
  );

  expect(first.begun).toMatchObject({ bytes: mebibyte });
  expect(after.failed).toMatchObject([{ path: 'dev/xvda/var/large', name: 'SourceEntryError' }]);
  expect(target.entries.map(({ entry }) => Buffer.from(entry.path).toString())).toEqual([
    'dev/xvda/var/sparse',
  ]);
  expect(uploads.open).toEqual([]);
});

/** A disk that has lost the name of a file. */
function withoutName(bytes: Buffer, name: string): Buffer {
  const scratchFile = path.join(scratch.path, 'without-name');
  writeFileSync(scratchFile, bytes);
  debugfs(scratchFile, [`unlink /var/${name}`]);
  return readFileSync(scratchFile);
}

test('a file that is larger than the cache comes as it is written: each block is read once, and few of them ahead', async () => {
  const bytes = 48 * mebibyte;
  const tree = path.join(scratch.path, 'dense');
  mkdirSync(tree);
  writeFileSync(path.join(tree, 'dense'), Buffer.alloc(bytes, 'dense'));
  const image = makeExtImage(path.join(scratch.path, 'dense-image'), {
    size: '64M',
    tree,
    features: '^has_journal',
  });
  const reads = new Map<number, number>();
  let ahead = 0;
  let mostAhead = 0;
  const file = fileSource(image);
  const source: ByteSource = {
    bytes: file.bytes,
    read: async (offset, length) => {
      for (let at = offset; at < offset + length; at += mebibyte / 2) reads.set(at, (reads.get(at) ?? 0) + 1);
      mostAhead = Math.max(mostAhead, (ahead += length));
      return file.read(offset, length);
    },
  };
  let restored = 0;
  const target: RestoreTarget = {
    naming: 'flat',
    write: async (_entry, content) => {
      for await (const piece of content) {
        restored += piece.length;
        ahead -= piece.length;
      }
      return 'written';
    },
    accepts: async () => true,
    finish: async () => [],
  };

  const files = new ImageSource(imageOf(source), ['/dev/xvda/dense']);
  await restoreEntries(files, { range: {}, target, overwrite: 'never' });

  expect(restored).toBe(bytes);
  expect(reads.size).toBeLessThanOrEqual(bytes / (mebibyte / 2) + 8);
  expect(Math.max(...reads.values())).toBe(1);
  expect(mostAhead).toBeLessThanOrEqual(24 * mebibyte);
});

describe('paths', () => {
  test("a link and what it leads to, asked for by one path, are in each other's way in a tree", async () => {
    const asked = ['/dev/xvda/settings', '/dev/xvda/settings/'];
    const source = new ImageSource(imageOf(bytesSource(disk)), asked);

    const from = selectKeys(['dev/xvda/settings/passwd'])[0]?.from;

    const whole = await restore(asked, { target: new MemoryTarget(undefined, 'tree') });
    const part = {
      range: { from },
      selection: [{}],
      target: new MemoryTarget(undefined, 'tree'),
      overwrite: 'never',
    } as const;
    const outcome = await restoreEntries(source, part);

    expect(whole.paths).toEqual(['dev/xvda/settings']);
    expect(await source.find(Buffer.from('dev/xvda/settings'))).toMatchObject({ kind: 'symlink' });
    expect(outcome.failed.map(({ path: where }) => where)).toContain('dev/xvda/settings/passwd');
  });

  test('one that cannot be found any more, fails alone', async () => {
    const image = imageOf(bytesSource(disk));
    const files = new ImageSource(image, ['/dev/xvda/gone', '/dev/xvda/etc/d0']);

    const target = new MemoryTarget();
    const { failed } = await restoreEntries(files, { range: {}, target, overwrite: 'never' });

    expect(failed).toMatchObject([{ path: 'dev/xvda/gone', name: 'SourceEntryError' }]);
    expect(target.find('dev/xvda/etc/d0')).toBeDefined();
  });

  test('one that cannot be found any more has no place that another one could be in the way of', async () => {
    const source = new ImageSource(imageOf(bytesSource(withoutName(disk, 'pipe'))), ['/dev/xvda/var/pipe']);
    const lost = { ...bytesSource(disk), read: async () => Promise.reject(new DiskBytesLostError('lost')) };
    const damaged = new ImageSource(imageOf(lost), ['/dev/xvda/settings', '/dev/xvda/settings/']);

    expect(await source.find(Buffer.from('dev/xvda/var/pipe'))).toBeUndefined();
    expect(await damaged.find(Buffer.from('dev/xvda/settings'))).toBeUndefined();
  });

  test('one that lies in another is restored once', async () => {
    const { paths } = await restore(['/dev/xvda/etc/d/x', '/dev/xvda/etc/d', '/dev/xvda/etc/d/']);

    expect(paths).toEqual(['dev/xvda/etc/d/', 'dev/xvda/etc/d/x']);
  });

  test('a link at the end is followed if a directory is asked for', async () => {
    const one = await restore(['/dev/xvda/settings']);
    const below = await restore(['/dev/xvda/settings/']);

    expect(one.paths).toEqual(['dev/xvda/settings']);
    expect(below.paths).toContain('dev/xvda/settings/passwd');
  });

  test.each(['/dev/xvda/etc/../var', '/dev/xvda/etc//d', '/dev/xvda/./etc'])('%s is refused', async (odd) => {
    await expect(restore([odd])).rejects.toThrow(InvalidInputError);
  });

  test.each(['/dev/xvda/no', '/dev/xvda/etc/passwd/'])('%s leads to nothing', async (wrong) => {
    await expect(restore([wrong])).rejects.toThrow(UnknownNameError);
  });
});

/** A disk of which some bytes cannot be had. */
function without(content: Buffer): ByteSource {
  const at = disk.indexOf(content);
  return {
    bytes: disk.length,
    read: async (offset, length) => {
      if (offset <= at && at < offset + length) throw new StoredBytesDamagedError('packs/x', 'a frame');
      return Promise.resolve(disk.subarray(offset, offset + length));
    },
  };
}

describe('damage', () => {
  test('of a block is named with its file, and all others are restored', async () => {
    const { outcome, paths } = await restore(['/dev/xvda/var/'], {
      source: without(large.subarray(5 * mebibyte, 5 * mebibyte + 64)),
    });

    expect(outcome.failed).toMatchObject([{ path: 'dev/xvda/var/large', name: 'StoredBytesDamagedError' }]);
    expect(paths).toContain('dev/xvda/var/sparse');
  });

  test('of a directory is named with it, and all others are restored', async () => {
    const broken = Buffer.from(disk);
    broken[disk.indexOf('second-name')] = 0x2f;
    const { outcome, paths } = await restore(['/dev/xvda/'], { source: bytesSource(broken) });

    expect(outcome.failed).toMatchObject([{ path: 'dev/xvda/etc/', name: 'SourceEntryError' }]);
    expect(paths).toContain('dev/xvda/var/large');
  });

  test('of a directory is told of once, wherever a restore goes on anew', async () => {
    const broken = Buffer.from(disk);
    broken[disk.indexOf('second-name')] = 0x2f;
    const source = bytesSource(broken);
    const asked = ['/dev/xvda/etc/'];
    const { outcome: whole } = await restore(asked, { source });
    const [failed, counts]: [unknown[], number[]] = [[], []];

    for (let from: Uint8Array | undefined; ;) {
      const { outcome } = await restore(asked, { source, range: { from }, shouldStop: () => true });
      failed.push(...outcome.failed);
      counts.push(outcome.files);
      from = outcome.next;
      if (from === undefined) break;
    }

    expect(whole.failed).toMatchObject([{ path: 'dev/xvda/etc/' }]);
    expect(failed).toEqual(whole.failed);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(whole.files);
  });

  test('a tree that goes round ends', async () => {
    const { outcome, paths } = await restore(['/dev/xvda/etc/'], { source: bytesSource(hostile) });

    expect(outcome.failed.map((file) => file.path)).toEqual(['dev/xvda/etc/d/loop/']);
    expect(paths).toContain('dev/xvda/etc/d/y');
  });
});
