import { expect } from 'vitest';
import { type ByteSource, DiskError, type FileNode, openFileSystem, walkTree } from '../../src/index.ts';
import { bytesSource } from '../support/sources.ts';
import { mutateImage, Seeded, usedStretches } from './mutate-image.ts';

/** Mutants of each image in the gate; `HOLDFAST_SEEDS` times as many, if that is set. */
const mutants = 60 * Number(process.env['HOLDFAST_SEEDS'] ?? 1);
/** Reads and bytes of one mutant, far above what the image as it is takes (some 400, of 2 MiB). */
const mostReads = 50_000;
const mostBytes = 100 * 2 ** 20;
const mostContentBytes = 2 ** 20;

/**
 * Reads mutants of an image.
 * @param names - looked up in each directory.
 * @param finish - what makes of a changed image one that is not refused at once, such as new checksums.
 * @param used - offsets of what is changed.
 * @throws one of them is no error of a disk, or takes too much.
 */
export async function fuzzImage(
  image: Buffer,
  names: readonly string[],
  finish: (mutant: Buffer) => void = () => undefined,
  used: readonly number[] = usedStretches(image),
): Promise<void> {
  expect(await useAll(bounded(image), names)).toEqual([]);
  const complaints = new Set<string>();

  for (let seed = 0; seed < mutants; seed += 1) {
    const mutant = mutateImage(image, used, new Seeded(seed));
    finish(mutant);
    const found = await useAll(bounded(mutant), names).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    for (const { name } of found) complaints.add(name);
  }

  expect([...complaints]).toContain('DiskDamagedError');
  expect(['DiskDamagedError', 'DiskUnsupportedError', 'DiskPathError']).toEqual(
    expect.arrayContaining([...complaints]),
  );
}

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
async function useAll(source: ByteSource, names: readonly string[]): Promise<DiskError[]> {
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
        for (const name of [...names, Buffer.from(where).toString()])
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
