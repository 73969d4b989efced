import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeExtImage, makeScratch, writeMbr } from '@holdfast/disk/testing';
import type { PointId } from '@holdfast/engine';
import { SeededRandom } from '@holdfast/engine/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CliUnderTest } from '../cli-under-test.ts';

const mebibyte = 2 ** 20;
/** Places in a pack that are damaged, one after the other; `HOLDFAST_SEEDS` times as many, if that is set. */
const damages = 4 * Number(process.env['HOLDFAST_SEEDS'] ?? 1);
const names = ['a', 'b', 'c', 'd', 'e'];

const scratch = makeScratch();
afterAll(scratch.remove);

/** An MBR, an ext4 with files of 900 KiB, and swap space. */
let disk: Buffer;
beforeAll(() => {
  const random = new SeededRandom('files');
  const commands = names.map((name) => {
    const file = path.join(scratch.path, name);
    writeFileSync(file, random.bytes(900 * 1024));
    return `write ${file} ${name}`;
  });
  const image = makeExtImage(path.join(scratch.path, 'image'), {
    size: '8M',
    features: '^has_journal',
    commands: ['mkdir deep', ...commands.slice(0, 3), 'cd deep', ...commands.slice(3)],
  });
  disk = Buffer.alloc(10 * mebibyte);
  writeMbr(disk, [
    { type: 0x83, start: 2048, sectors: 16_384 },
    { type: 0x82, start: 18_432, sectors: 2048 },
  ]);
  readFileSync(image).copy(disk, mebibyte);
  disk.write('SWAPSPACE2', 9 * mebibyte + 4086);
});

const cli = new CliUnderTest();
let point: PointId;
const backUp = async (content: Buffer): Promise<PointId> =>
  cli.backUpVolumes({ volume: 'vol-0a1', content, record: { device: '/dev/xvda' } });
beforeAll(async () => {
  point = await backUp(disk);
});
const listPacks = async (): Promise<{ readonly name: string; readonly bytes: number }[]> =>
  Array.fromAsync(cli.store.listVersions('packs/'));

test('says that the file systems of an image are whole, and what it did not look at', async () => {
  const { code, out } = await cli.run('verify', '--filesystem', point);
  const document = await cli.json('verify', '--filesystem', point);

  expect(out).toContain('/dev/xvda1 (ext4): walked through 5 files in 3 directories: no damage\n');
  expect(out).toContain('not looked at: /dev/xvda2 (swap space): ');
  expect(code).toBe(0);
  expect(document).toMatchObject({
    damaged: false,
    points: [
      {
        lostStretches: [],
        fileSystems: {
          parts: [
            { path: '/dev/xvda1', content: 'ext4', check: { files: 5, findings: [] } },
            { path: '/dev/xvda2', notSupported: expect.stringContaining('swap space is not supported') },
          ],
          unused: [],
        },
      },
    ],
  });
});

describe('a damaged pack', () => {
  test('has those files named that can no longer be read, and all others are restored', async () => {
    const [pack] = await listPacks();
    const random = new SeededRandom('damage');
    const seen = { whole: 0, hit: 0 };

    for (let round = 0; round < damages; round += 1) {
      const at = Math.floor(((pack?.bytes ?? 0) * (random.bytes(1)[0] ?? 0)) / 256);
      cli.store.decay('packs/', at);
      const { code, out } = await cli.run('verify', '--filesystem', point);
      const named = out
        .split('\n')
        .flatMap((line) => /^damaged: (\/dev\/xvda1\/[^:]*):/.exec(line)?.[1] ?? []);
      const isOpened = !out.includes('file system: /dev/xvda1');

      expect(code, out).toBe(4);
      for (const name of names) {
        const file = `/dev/xvda1/${name > 'c' ? 'deep/' : ''}${name}`;
        const answer = await cli.run('cat', point, file);
        const isLost = !isOpened || named.some((lost) => file.startsWith(lost));
        expect([answer.code !== 0, at], `${file}: ${answer.err}\n${out}`).toEqual([isLost, at]);
        seen[isLost ? 'hit' : 'whole'] += 1;
      }
      // The same bit again makes it whole.
      cli.store.decay('packs/', at);
    }

    expect(Math.min(seen.whole, seen.hit)).toBeGreaterThan(0);
  });

  test('on blocks that no file has is told of, too', async () => {
    const free = Buffer.from(disk);
    // Behind all files, where nothing was ever written.
    new SeededRandom('free')
      .bytes(mebibyte)
      .forEach((byte, index) => void free.writeUInt8(byte, 8 * mebibyte + index));
    const before = new Set((await listPacks()).map(({ name }) => name));
    const used = await backUp(free);
    for (const { name } of await listPacks()) if (!before.has(name)) cli.store.decay(name, 100_000);

    const { code, out } = await cli.run('verify', '--filesystem', used);

    expect(out).toMatch(/^lost: 512 KiB of vol-0a1 from byte \d+ on: no file that was found lies there/m);
    expect(out).toContain('/dev/xvda1 (ext4): walked through 5 files in 3 directories: no damage\n');
    expect(code).toBe(4);
  });
});

/** The disk with a changed byte of a name: the directory does not have its checksum any more. */
function brokenDisk(): Buffer {
  const content = Buffer.from(disk);
  content.writeUInt8(0x7a, content.indexOf('deep'));
  return content;
}

describe('a file system that was damaged before it was backed up', () => {
  test('is named without calling the vault damaged', async () => {
    const damaged = await backUp(brokenDisk());

    const { code, out } = await cli.run('verify', '--filesystem', damaged);

    expect(out).toMatch(
      /^file system: \/dev\/xvda1\/: directory 2, block at byte 0, does not have its checksum/m,
    );
    expect(out).toContain('UNSOUND: ');
    expect(out).toContain(': no damage; it needs nothing outside the vault\n');
    expect(code).toBe(1);
  });

  test('is in doubt alone where its journal was not replayed', async () => {
    const content = brokenDisk();
    const image = path.join(scratch.path, 'dirty');
    const tree = path.join(scratch.path, 'empty');
    writeFileSync(tree, '');
    const dirty = readFileSync(
      makeExtImage(image, {
        size: '4M',
        features: '^metadata_csum',
        commands: [`write ${tree} file`, 'feature needs_recovery', 'sif file links_count 3'],
      }),
    );
    content.fill(0, mebibyte, 9 * mebibyte);
    dirty.copy(content, mebibyte);
    const damaged = await backUp(content);

    const { code, out } = await cli.run('verify', '--filesystem', damaged);

    expect(out).toMatch(/^notice: \/dev\/xvda1: the journal of this ext4 was not replayed/m);
    expect(out).toContain('in doubt: /dev/xvda1/file: node 12 has 3 names by its count, and 1 were found\n');
    expect(out).toContain('1 fault, which may be due to a journal that was not replayed');
    expect(code).toBe(0);
  });
});
