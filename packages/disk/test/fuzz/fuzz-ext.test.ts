import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { type ExtImageOptions, indexDirectories, makeExtImage } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { fuzzImage } from './fuzz-image.ts';

const scratch = makeScratch();
const tree = path.join(scratch.path, 'tree');
beforeAll(() => {
  mkdirSync(path.join(tree, 'a', 'b'), { recursive: true });
  mkdirSync(path.join(tree, 'many'));
  for (let file = 0; file < 120; file += 1) writeFileSync(path.join(tree, 'many', `file number ${file}`), '');
  writeFileSync(path.join(tree, 'a', 'text'), 'text '.repeat(1000));
  writeFileSync(path.join(tree, 'a', 'b', 'tiny'), 'x');
  symlinkSync('a/text', path.join(tree, 'link'));
  symlinkSync('long/'.repeat(30), path.join(tree, 'a', 'long link'));
  writeFileSync(path.join(scratch.path, 'small'), Buffer.alloc(250, 'small'));
  writeFileSync(path.join(scratch.path, 'large'), Buffer.alloc(900, 'large'));
});
afterAll(scratch.remove);

/** Without checksums, which are not checked, and with which most mutants would be as good as without. */
const variants: Record<string, Partial<ExtImageOptions>> = {
  'ext2, of block maps': { type: 'ext2' },
  'ext4, of extents': { features: '^metadata_csum,^has_journal' },
  'ext4 with content in inodes': { features: '^metadata_csum,^has_journal,inline_data,ea_inode' },
};

test.each(Object.entries(variants))(
  'mutants of %s are read, or refused, with little effort',
  async (name, variant) => {
    const file = makeExtImage(path.join(scratch.path, 'image'), {
      size: '2M',
      tree,
      options: ['-b', '1024', '-N', '256'],
      commands: ['user.a', 'user.b', 'security.c'].map(
        (key) => `ea_set -f "${scratch.path}/${name.includes('inodes') ? 'large' : 'small'}" a/text ${key}`,
      ),
      ...variant,
    });
    if (!name.includes('inodes')) indexDirectories(file);

    await fuzzImage(readFileSync(file), ['file number 77', 'text']);
  },
);
