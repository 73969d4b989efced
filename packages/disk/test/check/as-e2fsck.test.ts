import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkFileSystem, DiskError, openFileSystem } from '../../src/index.ts';
import { mutateImage, Seeded, usedStretches } from '../fuzz/mutate-image.ts';
import {
  complaintsOfE2fsck,
  type ExtImageOptions,
  indexDirectories,
  makeExtImage,
} from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';

/** Damaged images of each kind in the gate; `HOLDFAST_SEEDS` times as many, if that is set. */
const mutants = 4 * Number(process.env['HOLDFAST_SEEDS'] ?? 1);

/** What e2fsck complains of and a reader never reads, or reads in the same way: the classes that README.md names. */
const notLookedAt: readonly RegExp[] = [
  // What is free, and how much.
  /bitmap/,
  /^Free (?:blocks|inodes) count wrong/,
  /^Directories count wrong/,
  // Blocks and sizes that contradict one another.
  /i_blocks/,
  /i_size is/,
  /multiply-claimed|Multiply-claimed|Running additional passes/i,
  /illegal block|Illegal (?:indirect |double indirect )?block|too many illegal/i,
  /EXTENT_FL|corrupt extent header|extent tree/,
  /^Symlink .* is invalid|incorrect filetype \(was 7, should be 0\)/,
  // Order of indexes, and their sizes.
  /HTREE|HTree|to be rebuilt/i,
  // Times, flags and versions.
  /dtime|orphan/i,
  /flag set|flag\?|imagic|casefold|encrypt|inline data|INLINE_DATA_FL|i_file_acl_hi|should be zero|non-zero|verity/i,
  // Inodes that are no one's file: the resize inode, the boot loader's, the journal's.
  /[Rr]esize inode|^Inode (?:[1-9]|10)\b|^Reserved inode|bad blocks? inode|inode 1:|^Journal|journal superblock|external journal/,
  // Copies, and numbers that only writers need.
  /backup|reserved (?:GDT|descriptor)|overhead|Superblock (?:last|hint|has)|mount|write time/i,
  /`\.\.?'|'\.\.?'|Missing '|^Entry '\.\.?'/,
  /[Dd]uplicate|ref(?:erence)? count|quota|lost\+found/i,
  // Lines that go with others.
  /inode #\d+, mod time|<filesystem metadata>|aborted$|Cannot proceed|bode well/,
  /^(?:Relocate|Clear|Fix|Continue|IGNORED|Truncate|Clone|Delete|Unlink|Recreate|Connect|Salvage|Rehash|Split|Abort)\b/,
];

const scratch = makeScratch();
afterAll(scratch.remove);
const contents = { none: '', tiny: 'x', text: 'text '.repeat(1000), value: 'value'.repeat(50) };
const at = (name: string): string => `"${path.join(scratch.path, name)}"`;
beforeAll(() => {
  for (const [name, content] of Object.entries(contents))
    writeFileSync(path.join(scratch.path, name), content);
});

/** Every image has the same bytes, so that a seed damages the same place of the same thing wherever it is run. */
const uuid = '5d0f7c8e-3f0a-4f4e-9c43-0d5b8e6c2a11';
const options = ['-b', '1024', '-N', '256', '-U', uuid, '-E', `hash_seed=${uuid}`];

const fill = (): string[] => [
  ...['a', 'a/b', 'many'].map((directory) => `mkdir ${directory}`),
  ...Array.from({ length: 60 }, (_, file) => `write ${at('none')} "many/a file of a number that is ${file}"`),
  `write ${at('text')} a/text`,
  'ln a/text a/same',
  'set_inode_field a/text links_count 2',
  `write ${at('tiny')} a/b/tiny`,
  'symlink link a/text',
  `symlink "a/long link" ${'long/'.repeat(30)}`,
  ...['user.a', 'user.b'].map((key) => `ea_set -f ${at('value')} a/text ${key}`),
];

const variants: Record<string, Partial<ExtImageOptions>> = {
  ext2: { type: 'ext2' },
  'ext4 without checksums': { features: '^metadata_csum,^has_journal' },
  'ext4 with checksums': { features: '^has_journal' },
};

test.each(Object.entries(variants))(
  'a check of a damaged %s finds what e2fsck finds, but for what is not looked at',
  async (_, variant) => {
    const commands = fill();
    const file = makeExtImage(path.join(scratch.path, 'image'), {
      size: '2M',
      options,
      commands,
      ...variant,
    });
    indexDirectories(file);
    const image = readFileSync(file);
    const used = usedStretches(image);
    expect([await findingsOf(image), complaintsOfE2fsck(file)]).toEqual([[], []]);
    const missed: string[] = [];
    let both = 0;

    for (let seed = 0; seed < mutants; seed += 1) {
      const mutant = mutateImage(image, used, new Seeded(seed + 10_000));
      const mutated = path.join(scratch.path, 'mutant');
      writeFileSync(mutated, mutant);
      const complaints = complaintsOfE2fsck(mutated);
      const findings = await findingsOf(mutant);
      if (findings.length > 0 && complaints.length > 0) both += 1;
      if (findings.length > 0) continue;
      for (const line of complaints)
        if (!notLookedAt.some((pattern) => pattern.test(line))) missed.push(`seed ${seed}: ${line}`);
    }

    expect(missed).toEqual([]);
    expect(both).toBeGreaterThan(0);
  },
);

async function findingsOf(image: Buffer): Promise<string[]> {
  try {
    const source = bytesSource(image);
    const { findings, madeGood } = await checkFileSystem(source, await openFileSystem(source));
    return [...findings.map(({ message }) => message), ...madeGood];
  } catch (error) {
    if (error instanceof DiskError) return [error.message];
    throw error;
  }
}
