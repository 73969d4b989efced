import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkFileSystem, openFileSystem } from '../../src/index.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';
import { blockAt, inodeAt, makeXfsImage } from '../support/xfsprogs.ts';

const scratch = makeScratch();
const content = path.join(scratch.path, 'content');
beforeAll(() => writeFileSync(content, 'content'));
afterAll(scratch.remove);

async function checked(image: Buffer) {
  const source = bytesSource(image);
  return checkFileSystem(source, await openFileSystem(source));
}

describe('a check of XFS', () => {
  test('finds nothing in what Linux wrote', async () => {
    const kept = path.join(import.meta.dirname, 'written-by-linux.img.zst');

    const { directories, files, findings, uncompared } = await checked(
      zstdDecompressSync(readFileSync(kept)),
    );

    expect({ directories, files, findings, uncompared }).toEqual({
      directories: 4,
      files: 164,
      findings: [],
      uncompared: 0,
    });
  });

  test.each([
    ['version 4', ['-m', 'crc=0']],
    ['version 5', ['-m', 'reflink=0']],
  ])(
    'finds files of %s that have lost their name, and nothing in what is whole',
    async (version, options) => {
      const file = makeXfsImage(path.join(scratch.path, 'image'), {
        options: [...options, '-d', 'agcount=1'],
        lines: [
          'many d--755 0 0',
          // More than a block of the tree of inodes has.
          ...Array.from({ length: 700 }, (_, index) => `e${index} ---644 0 0 ${content}`),
          '$',
          `lost ---644 0 0 ${content}`,
        ],
      });
      const image = readFileSync(file);
      const lost = inodeAt(file, 'lost') / (version === 'version 4' ? 256 : 512);
      expect((await checked(image)).findings).toEqual([]);

      if (version === 'version 4') {
        // The count of entries of the root, which has two.
        const root = (await (await openFileSystem(bytesSource(image))).root()).id;
        const at = root * 256 + 100;
        const shorter = Buffer.from(image);
        shorter.writeUInt8(1, at);
        shorter.writeBigUInt64BE(BigInt(image.readUInt8(at + 6) + 6 + 3 + 4 + 1), root * 256 + 56);
        const { findings } = await checked(shorter);
        expect(findings.map(({ kind }) => kind)).toEqual(['unattached']);
        expect(findings[0]?.message).toContain(`${lost}`);
      } else {
        image.writeUInt8(image.readUInt8(blockAt(file, 'many') + 200) ^ 1, blockAt(file, 'many') + 200);
        const { findings } = await checked(image);
        expect(findings.some(({ kind }) => kind === 'unattached')).toBe(true);
        expect(findings.some(({ kind }) => kind === 'damaged')).toBe(true);
      }
    },
  );
});

test.each([
  ['lost, in the usual number of groups', 4, (image: Buffer) => image.fill(0, 0, 512)],
  ['changed, in any number of groups', 7, (image: Buffer) => image.fill('other', 108, 113)],
])('a superblock that is %s is replaced by a copy, and that is told of', async (_, groups, change) => {
  const file = makeXfsImage(path.join(scratch.path, 'copies'), {
    size: 128 * 2 ** 20,
    options: ['-d', `agcount=${groups}`, '-L', 'label'],
    lines: [`file ---644 0 0 ${content}`],
  });
  const image = readFileSync(file);
  change(image);

  const fileSystem = await openFileSystem(bytesSource(image));

  expect(fileSystem.madeGood).toEqual([expect.stringMatching(/its copy in group [13] was used$/)]);
  expect(fileSystem.notices).toEqual(fileSystem.madeGood);
  expect(fileSystem.facts.label).toBe('label');
  expect(await Array.fromAsync((await fileSystem.root()).list())).toHaveLength(1);
});
