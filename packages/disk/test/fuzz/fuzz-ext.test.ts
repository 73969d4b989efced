import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ByteSource, DiskError, type FileNode, openFileSystem, walkTree } from '../../src/index.ts';
import { type ExtImageOptions, indexDirectories, makeExtImage, makeScratch } from '../support/e2fsprogs.ts';
import { bytesSource } from '../support/sources.ts';
import { mutateImage, Seeded, usedStretches } from './mutate-image.ts';

/** Mutants of each image in the gate; `HOLDFAST_SEEDS` times as many, if that is set. */
const mutants = 60 * Number(process.env['HOLDFAST_SEEDS'] ?? 1);
/** Reads and bytes of one mutant, far above what the image as it is takes (some 400, of 2 MiB). */
const mostReads = 50_000;
const mostBytes = 100 * 2 ** 20;
const mostContentBytes = 2 ** 20;

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
    const image = readFileSync(file);
    const used = usedStretches(image);
    expect(await useAll(bounded(image))).toEqual([]);
    const complaints = new Map<string, number>();

    for (let seed = 0; seed < mutants; seed += 1) {
      const mutant = mutateImage(image, used, new Seeded(seed));
      const found = await useAll(bounded(mutant)).catch((error: unknown) => {
        throw new Error(`${name}, seed ${seed}`, { cause: error });
      });
      for (const { name: kind } of found) complaints.set(kind, (complaints.get(kind) ?? 0) + 1);
    }

    expect([...complaints.keys()]).toContain('DiskDamagedError');
    expect(['DiskDamagedError', 'DiskUnsupportedError', 'DiskPathError']).toEqual(
      expect.arrayContaining([...complaints.keys()]),
    );
  },
);

/** A source that ends what goes on for too long, with an error that no reader may take for damage. */
function bounded(image: Buffer): ByteSource {
  const source = bytesSource(image);
  let reads = 0;
  let bytes = 0;
  return {
    bytes: source.bytes,
    read: async (offset, length) => {
      reads += 1;
      bytes += length;
      if (reads > mostReads || bytes > mostBytes) throw new RangeError(`${reads} reads, ${bytes} bytes`);
      return source.read(offset, length);
    },
  };
}

/** Everything that can be done with a file system. @returns what was complained of. */
async function useAll(source: ByteSource): Promise<DiskError[]> {
  const complaints: DiskError[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      complaints.push(error);
    }
  };
  await attempt(async () => {
    const fileSystem = await openFileSystem(source);
    const root = await fileSystem.root();
    for await (const { path: where, node, error } of walkTree(fileSystem, root)) {
      if (error !== undefined) complaints.push(error);
      if (node === undefined) continue;
      await attempt(async () => node.attributes());
      if (node.kind === 'link') await attempt(async () => node.linkTarget());
      if (node.kind === 'file') await attempt(async () => readSome(node));
      if (node.kind === 'directory')
        for (const name of ['file number 77', 'text', Buffer.from(where).toString()])
          await attempt(async () => node.find(Buffer.from(name)));
    }
  });
  return complaints;
}

async function readSome(node: FileNode): Promise<void> {
  let runs = 0;
  for await (const run of node.runs()) runs += run.bytes > 0 ? 1 : 0;
  let bytes = 0;
  for await (const piece of node.read({ to: mostContentBytes })) bytes += piece.length;
  expect(bytes).toBe(Math.min(node.bytes, mostContentBytes));
  expect(runs).toBeLessThan(3000);
}
