import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, test } from 'vitest';
import { makeScratch } from '../support/scratch.ts';
import { makeXfsImage } from '../support/xfsprogs.ts';
import { fuzzImage } from './fuzz-image.ts';

const scratch = makeScratch();
const tree = path.join(scratch.path, 'tree');
beforeAll(() => {
  mkdirSync(path.join(tree, 'a', 'b'), { recursive: true });
  writeFileSync(path.join(tree, 'a', 'text'), 'text '.repeat(1000));
  writeFileSync(path.join(tree, 'a', 'b', 'tiny'), 'x');
  symlinkSync('a/text', path.join(tree, 'link'));
  symlinkSync('long/'.repeat(150), path.join(tree, 'a', 'long-link'));
});
afterAll(scratch.remove);

test('mutants of XFS version 4 are read, or refused, with little effort', async () => {
  const tiny = path.join(tree, 'a', 'b', 'tiny');
  const file = makeXfsImage(path.join(scratch.path, 'image'), {
    tree,
    lines: Object.entries({ block: 20, leaf: 120, node: 400 }).flatMap(([name, count]) => [
      `${name} d--755 0 0`,
      ...Array.from({ length: count }, (_, index) => `file-${index} ---644 0 0 ${tiny}`),
      '$',
    ]),
    options: ['-m', 'crc=0', '-b', 'size=512', '-n', 'size=4096'],
    commands: [
      'path /a',
      'attr_set -u -v 20 name',
      'path /a/text',
      ...Array.from({ length: 30 }, (_, index) => `attr_set -u -v 40 name-${index}`),
      'path /a/b',
      'attr_set -u -v 4096 far',
    ],
  });

  await fuzzImage(readFileSync(file), ['file-77', 'text'], { mutants: 30 });
});

test('mutants of XFS version 5 are read, or refused, with little effort', async () => {
  const kept = path.join(import.meta.dirname, '../xfs/written-by-linux.img.zst');

  // With their checksums, all of them would be refused where they were changed.
  await fuzzImage(zstdDecompressSync(readFileSync(kept)), ['name of number 7', 'passwd'], {
    verifyChecksums: false,
    mutants: 30,
  });
});
