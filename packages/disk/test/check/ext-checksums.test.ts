import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type ByteSource,
  checkFileSystem,
  DiskError,
  type FileNode,
  type FileSystem,
  openFileSystem,
  walkTree,
} from '../../src/index.ts';
import { Seeded } from '../fuzz/mutate-image.ts';
import { type ExtImageOptions, indexDirectories, makeExtImage } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';

/** Changed bytes of each image in the gate; `HOLDFAST_SEEDS` times as many, if that is set. */
const mutants = 30 * Number(process.env['HOLDFAST_SEEDS'] ?? 1);

const scratch = makeScratch();
const tree = path.join(scratch.path, 'tree');
beforeAll(() => {
  mkdirSync(path.join(tree, 'a', 'b'), { recursive: true });
  mkdirSync(path.join(tree, 'many'));
  for (let file = 0; file < 60; file += 1)
    writeFileSync(path.join(tree, 'many', `a file of a number that is ${file}`), '');
  writeFileSync(path.join(tree, 'a', 'text'), 'text '.repeat(1000));
  writeFileSync(path.join(tree, 'a', 'b', 'tiny'), 'x'.repeat(100));
  symlinkSync('a/text', path.join(tree, 'link'));
  const sparse = path.join(tree, 'a', 'sparse');
  writeFileSync(sparse, '');
  for (let hole = 1; hole < 9; hole += 1) {
    truncateSync(sparse, hole * 8192);
    writeFileSync(sparse, 'island', { flag: 'a' });
  }
  writeFileSync(path.join(scratch.path, 'small'), Buffer.alloc(250, 'small'));
  writeFileSync(path.join(scratch.path, 'large'), Buffer.alloc(2000, 'large'));
});
afterAll(scratch.remove);

const checked = 'has_journal,^resize_inode';
const variants: Record<string, Partial<ExtImageOptions>> = {
  'trees, indexes and attributes': { features: `^${checked},ea_inode` },
  'content within inodes, and a seed': { features: `^${checked},inline_data,metadata_csum_seed` },
  'copies of the superblock, and descriptors of 32 bytes': {
    features: `^${checked},^64bit,^flex_bg`,
    options: ['-b', '1024', '-N', '256', '-g', '512'],
  },
};

test.each(Object.entries(variants))(
  'a changed byte of what is checked, with %s, is found or changes nothing',
  async (name, variant) => {
    const isInline = variant.features?.includes('inline_data') === true;
    const value = (size: string): string => path.join(scratch.path, size);
    const file = makeExtImage(path.join(scratch.path, 'image'), {
      size: '2M',
      tree,
      options: ['-b', '1024', '-N', '256'],
      commands: [
        `ea_set -f "${value('small')}" a/text user.a`,
        `ea_set -f "${value(name.includes('attributes') ? 'large' : 'small')}" a/text user.b`,
      ],
      ...variant,
    });
    if (!isInline) indexDirectories(file);
    const image = readFileSync(file);
    const original = await describe(openIt(bytesSource(image)));
    expect(original.found).toEqual([]);
    const read = await metadataOf(image);
    const silent: string[] = [];
    let found = 0;

    for (let seed = 0; seed < mutants; seed += 1) {
      const seeded = new Seeded(seed);
      // A stretch first: a superblock must not be changed more often than an inode because it is larger.
      const [from = 0, length = 1] = read[seeded.below(read.length)] ?? [];
      const at = from + seeded.below(length);
      const mutant = Buffer.from(image);
      mutant.writeUInt8(mutant.readUInt8(at) ^ (1 << seeded.below(8)), at);
      const outcome = await describe(openIt(bytesSource(mutant)));
      if (outcome.found.length > 0) found += 1;
      else if (JSON.stringify(outcome.lines) !== JSON.stringify(original.lines))
        silent.push(`byte ${at}, seed ${seed}`);
    }

    expect(silent).toEqual([]);
    expect(found).toBeGreaterThan(mutants / 2);
  },
);

async function openIt(source: ByteSource): Promise<{ source: ByteSource; fileSystem: FileSystem }> {
  return { source, fileSystem: await openFileSystem(source) };
}

/** Faults of an image, and all that is read of it. */
async function describe(opening: ReturnType<typeof openIt>): Promise<{ found: string[]; lines: string[] }> {
  try {
    const { source, fileSystem } = await opening;
    const { findings, madeGood } = await checkFileSystem(source, fileSystem);
    const lines: string[] = [];
    for await (const { path: where, node, error } of walkTree(fileSystem, await fileSystem.root())) {
      lines.push(
        `${Buffer.from(where).toString('hex')} ${node === undefined ? error.message : await lineOf(node)}`,
      );
    }
    return { found: [...findings.map(({ message }) => message), ...madeGood], lines };
  } catch (error) {
    if (error instanceof DiskError) return { found: [error.message], lines: [] };
    throw error;
  }
}

async function lineOf(node: FileNode): Promise<string> {
  const { kind, bytes, mode, owner, names, modifiedAt, changedAt, accessedAt, createdAt } = node;
  const content = createHash('sha256');
  if (kind === 'file') for await (const piece of node.read()) content.update(piece);
  if (kind === 'link') content.update(await node.linkTarget());
  const attributes = (await node.attributes()).map(
    (one) => Buffer.from(one.name) + Buffer.from(one.value).toString('hex'),
  );
  const times = [modifiedAt, changedAt, accessedAt, createdAt].join();
  return [
    kind,
    bytes,
    mode,
    owner.uid,
    owner.gid,
    names,
    times,
    attributes.join(),
    content.digest('hex'),
  ].join(' ');
}

/** Stretches of an image that are read but for content. */
async function metadataOf(image: Buffer): Promise<(readonly [number, number])[]> {
  const stretches = new Map<number, number>();
  const inner = bytesSource(image);
  const source: ByteSource = {
    bytes: inner.bytes,
    read: async (at, length) => {
      stretches.set(at, length);
      return inner.read(at, length);
    },
  };
  const fileSystem = await openFileSystem(source);
  // What looks for other things reads where content is.
  stretches.clear();
  stretches.set(1024, 1024);
  await checkFileSystem(source, { ...fileSystem, listNamed: undefined });
  return [...stretches];
}
