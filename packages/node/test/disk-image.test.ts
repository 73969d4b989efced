import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import {
  getVolume,
  openVault,
  PointReader,
  RestorePathError,
  TargetUnavailableError,
  VolumeDamagedError,
} from '@holdfast/engine';
import { FakeClock, makeMemoryServices, putImagePoint, SeededRandom } from '@holdfast/engine/testing';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { restoreDiskImage } from '../src/index.ts';
import { DiskImageFile } from '../src/target/disk-image-file.ts';
import { makeTempDir } from './temp-dir.ts';

/** A frame for each block, as EBS has them. */
const blockBytes = 512 * 1024;
const blocks = 33;

let folder: string;
let place: string;
/** The volume's content, of which eight blocks are not zeros. */
let content: Uint8Array;
let services: ReturnType<typeof makeMemoryServices<FakeClock, SeededRandom>>;
let reader: PointReader;

beforeEach(async () => {
  folder = makeTempDir();
  place = path.join(folder, 'disk.raw');
  const random = new SeededRandom('disk');
  services = makeMemoryServices(new FakeClock(), random);
  content = new Uint8Array(blocks * blockBytes);
  for (let index = 3; index < blocks; index += 4) content.set(random.bytes(blockBytes), index * blockBytes);
  const root = await putImagePoint(services, { volumes: [{ volume: 'vol-0a', content, blockBytes }] });
  const { store, keyring } = services;
  reader = await PointReader.open(store, await openVault({ store, keyring }), root.resource, root.point);
});

type Options = Partial<Parameters<typeof restoreDiskImage>[2]>;

async function restore(options: Options = {}) {
  const volume = await getVolume(reader, 'vol-0a');
  return restoreDiskImage(reader, volume, { path: place, format: 'raw', overwrite: 'never', ...options });
}

function expectWhole(): void {
  expect(Buffer.compare(readFileSync(place), content)).toBe(0);
  expect(readdirSync(folder)).toEqual(['disk.raw']);
}

test("an image is the volume byte for byte, takes up its blocks alone, and is its owner's", async () => {
  const outcome = await restore();

  expect(outcome).toMatchObject({ outcome: 'written', writtenBlocks: 8, bytes: content.length });
  expectWhole();
  const stats = statSync(place);
  expect(stats.mode & 0o777).toBe(0o600);
  expect(stats.blocks * 512).toBeLessThan(content.length / 2);
});

describe('where an image is already', () => {
  test('the same one is left, also where zeros are not holes', async () => {
    writeFileSync(place, content);
    const before = services.store.bytesFetched;

    for (const overwrite of ['never', 'if-different'] as const)
      expect(await restore({ overwrite })).toMatchObject({ outcome: 'same', writtenBlocks: 0 });

    expect(services.store.bytesFetched - before).toBeLessThan(3 * blockBytes);
    expectWhole();
  });

  test.for(['a block', 'zeros', 'a byte more', 'a byte less'])(
    'one that differs in %s stays, or is replaced, as the rule says',
    async (what) => {
      const other = what === 'a byte more' ? Buffer.concat([content, Buffer.of(0)]) : Buffer.from(content);
      if (what === 'a block') other[3 * blockBytes + 9]! ^= 1;
      if (what === 'zeros') other[10 * blockBytes] = 1;
      writeFileSync(place, what === 'a byte less' ? other.subarray(0, -1) : other);
      const before = readFileSync(place);

      expect(await restore()).toMatchObject({ outcome: 'kept' });
      expect(Buffer.compare(readFileSync(place), before)).toBe(0);
      const replaced = await restore({ overwrite: 'if-different' });

      expect(replaced).toMatchObject({ outcome: 'written', writtenBlocks: what === 'a block' ? 1 : 0 });
      expectWhole();
    },
  );

  test('it is written anew by "always"', async () => {
    writeFileSync(place, content);
    const { ino } = statSync(place);

    expect(await restore({ overwrite: 'always' })).toMatchObject({ outcome: 'written' });

    expectWhole();
    expect(statSync(place).ino).not.toBe(ino);
  });

  test.for(['never', 'if-different', 'always'] as const)(
    'a link, a directory or a device in its place is left alone, whatever the rule: %s',
    async (overwrite) => {
      const outside = path.join(makeTempDir(), 'outside');
      writeFileSync(outside, 'mine');
      symlinkSync(outside, place);
      mkdirSync(path.join(folder, 'directory'));

      await expect(restore({ overwrite })).rejects.toThrow(/a symbolic link is there; name a file/);
      await expect(restore({ overwrite, path: path.join(folder, 'directory') })).rejects.toThrow(
        RestorePathError,
      );
      await expect(restore({ overwrite, path: '/dev/null' })).rejects.toThrow(/no regular file is there/);

      expect(readFileSync(outside, 'utf8')).toBe('mine');
      expect(readlinkSync(place)).toBe(outside);
      expect(readdirSync(folder).sort()).toEqual(['directory', 'disk.raw']);
    },
  );
});

/** The temporary file of a restore that came to an end at some block. */
async function killAfter(blocksRead: number): Promise<string> {
  let left = blocksRead;
  const dying = restore({
    onProgress: () => {
      left -= 1;
      if (left === 0) throw new Error('killed');
    },
  });
  await expect(dying).rejects.toThrow('killed');
  const [staged = ''] = readdirSync(folder).filter((name) => name.startsWith('.holdfast-image-'));
  expect(existsSync(place)).toBe(false);
  return path.join(folder, staged);
}

describe('a restore that was killed', () => {
  test('is gone on with at any block', async () => {
    for (let killedAt = 1; killedAt <= 8; killedAt += 1) {
      await killAfter(killedAt);
      const outcome = await restore();

      expect(outcome).toMatchObject({
        outcome: 'written',
        writtenBlocks: 8 - killedAt,
        sameBlocks: killedAt,
      });
      expectWhole();
      rmSync(place);
    }
  });

  test('is not trusted: torn blocks are written again, and what lies between blocks is zeros', async () => {
    const staged = await killAfter(6);
    const torn = readFileSync(staged);
    torn.fill(7, 3 * blockBytes + 10, 3 * blockBytes + 20);
    torn[9 * blockBytes] = 1;
    torn[12 * blockBytes + 5] = 1;
    writeFileSync(staged, torn);

    expect(await restore()).toMatchObject({ outcome: 'written', writtenBlocks: 3, sameBlocks: 5 });

    expectWhole();
  });

  test("is nobody else's: a link or a second name in the place of the temporary file is refused", async () => {
    const staged = await killAfter(1);
    const outside = path.join(makeTempDir(), 'outside');
    writeFileSync(outside, 'mine');
    rmSync(staged);
    symlinkSync(outside, staged);

    await expect(restore()).rejects.toThrow(/the file system refuses it \(ELOOP\)/);
    rmSync(staged);
    linkSync(outside, staged);
    await expect(restore()).rejects.toThrow(/is not this user's own temporary file; remove it/);

    expect(readFileSync(outside, 'utf8')).toBe('mine');
  });
});

test('a damaged block ends the restore, and its place stays empty; where it is asked for, it is zeros and named', async () => {
  reader = new PointReader(withOtherPacks(), reader.keys, reader.root);

  await expect(restore()).rejects.toThrow(VolumeDamagedError);
  expect(existsSync(place)).toBe(false);
  const outcome = await restore({ damage: 'name' });

  const [damaged] = outcome.damaged;
  expect(outcome).toMatchObject({ outcome: 'written', damagedBytes: blockBytes });
  content.fill(0, damaged?.offset, (damaged?.offset ?? 0) + blockBytes);
  expectWhole();
});

/** The vault, with a wrong byte in the middle of every pack. */
function withOtherPacks(): PointReader['store'] {
  const { store } = services;
  const get: typeof store.get = async (name, options) => {
    const bytes = await store.get(name, options);
    const { bytes: size } = await store.head(name);
    const at = Math.floor(size / 2) - (options?.range?.offset ?? 0);
    const copy = new Uint8Array(bytes);
    if (name.startsWith('packs/') && at in copy) copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  return new Proxy(store, {
    get(target, property) {
      const member: unknown = property === 'get' ? get : Reflect.get(target, property, target);
      return typeof member === 'function' ? (member as () => void).bind(target) : member;
    },
  });
}

test('a disk that takes no file of that size is named, with what to do', async () => {
  const directory = path.join(folder, 'gone');

  const restoring = restore({ path: path.join(directory, 'disk.raw') });

  await expect(restoring).rejects.toThrow(TargetUnavailableError);
  await expect(restoring).rejects.toThrow(`directory "${directory}" is gone; make it, and restore again`);
});

/** A program of that name on the PATH alone, as a shell script. */
function withProgram(script: string | undefined): void {
  const bin = makeTempDir();
  if (script !== undefined) {
    writeFileSync(path.join(bin, 'qemu-img'), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, 'qemu-img'), 0o755);
  }
  const before = process.env['PATH'];
  process.env['PATH'] = script === undefined ? bin : `${bin}:${before}`;
  onTestFinished(() => {
    process.env['PATH'] = before;
  });
}

function runQemu(...args: readonly string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8' });
}

test('a disk that is full ends the restore, and with more room the next one goes on', async () => {
  const { writeSync } = fs;
  let room = 3;
  fs.writeSync = ((...args: Parameters<typeof writeSync>) => {
    room -= 1;
    if (room < 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return writeSync(...args);
  }) as typeof writeSync;
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
  });

  const restoring = restore();

  await expect(restoring).rejects.toThrow(TargetUnavailableError);
  await expect(restoring).rejects.toThrow(
    `"${place}" cannot be written (ENOSPC); check the disk, and restore again`,
  );
  expect(readdirSync(folder)).toHaveLength(1);
  room = Infinity;
  expect(await restore()).toMatchObject({ writtenBlocks: 5, sameBlocks: 3 });
  expectWhole();
});

describe('other formats', () => {
  test.for([
    ['qcow2', 'qcow2'],
    ['vhd', 'vpc'],
  ] as const)('%s has every byte of the volume, and the raw image does not stay', async ([format, known]) => {
    expect(await restore({ format })).toMatchObject({ outcome: 'written', writtenBlocks: 8 });

    const info = runQemu('info', '--output', 'json', '-f', known, place);
    expect(JSON.parse(info)).toMatchObject({ format: known, 'virtual-size': content.length });
    expect(readdirSync(folder)).toEqual(['disk.raw']);
    expect(statSync(place).mode & 0o777).toBe(0o600);
    const back = path.join(folder, 'back.raw');
    runQemu('convert', '-f', known, '-O', 'raw', place, back);
    expect(Buffer.compare(readFileSync(back), content)).toBe(0);
  });

  test('without qemu-img nothing is read, and the message says how to get it', async () => {
    withProgram(undefined);

    await expect(restore({ format: 'qcow2' })).rejects.toThrow(
      /^"qemu-img", which makes that format, is not installed: install it .*, or leave --format out/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('when it fails its words are told, and the raw image stays for another attempt', async () => {
    withProgram('[ "$1" = --version ] && exit 0\necho "no space left" >&2; exit 1');

    await expect(restore({ format: 'vhd' })).rejects.toThrow(
      /^qemu-img convert failed: no space left; check the disk/,
    );

    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.holdfast-image-[0-9a-f]{16}$/)]);
  });
});

test('two restores of one volume into one place are not under way at once', async () => {
  const of = { path: place, bytes: blockBytes, content: 'the same' };
  const first = new DiskImageFile(of);

  expect(() => new DiskImageFile(of)).toThrow(/^another process restores the same into this place/);

  first.close();
  new DiskImageFile(of).close();
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.holdfast-image-[0-9a-f]{16}$/)]);
});

test('a restore that was killed does not keep the next one out', async () => {
  const of = { path: place, bytes: blockBytes, content: 'the same' };
  const { stagedPath } = new DiskImageFile(of);
  const [machine, boot] = readlinkSync(`${stagedPath}.lock`).split('-');
  rmSync(`${stagedPath}.lock`);
  symlinkSync(`${machine}-${boot}-4194999-1`, `${stagedPath}.lock`);

  new DiskImageFile(of).close();

  expect(existsSync(`${stagedPath}.lock`)).toBe(false);
});
