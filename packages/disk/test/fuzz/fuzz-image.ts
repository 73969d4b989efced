import { expect } from 'vitest';
import {
  type ByteSource,
  DiskError,
  type FileNode,
  openFileSystem,
  type OpenFileSystemOptions,
  walkTree,
} from '../../src/index.ts';
import { bytesSource } from '../support/sources.ts';
import { mutateImage, Seeded, usedStretches } from './mutate-image.ts';

/** Mutants are as many as in the gate, or `HOLDFAST_SEEDS` times as many, if that is set. */
const times = Number(process.env['HOLDFAST_SEEDS'] ?? 1);
/** Reads and bytes of one mutant, far above what the image as it is takes (some 400, of 2 MiB). */
const mostReads = 50_000;
const mostBytes = 100 * 2 ** 20;
const mostContentBytes = 2 ** 20;

interface FuzzOptions extends OpenFileSystemOptions {
  /** So many in the gate. @default 60 */
  readonly mutants?: number;
  /** Offsets of what is changed. @default all that is not zeros */
  readonly used?: readonly number[];
}

/**
 * Reads mutants of an image.
 * @param names - looked up in each directory.
 * @throws one of them is no error of a disk, or takes too much.
 */
export async function fuzzImage(
  image: Buffer,
  names: readonly string[],
  { mutants = 60, used = usedStretches(image), ...options }: FuzzOptions = {},
): Promise<void> {
  expect(await useAll(bounded(image), names, options)).toEqual([]);
  const complaints = new Set<string>();

  for (let seed = 0; seed < mutants * times; seed += 1) {
    const mutant = mutateImage(image, used, new Seeded(seed));
    const found = await useAll(bounded(mutant), names, options).catch((error: unknown) => {
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
async function useAll(
  source: ByteSource,
  names: readonly string[],
  options: OpenFileSystemOptions,
): Promise<DiskError[]> {
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
    const fileSystem = await openFileSystem(source, options);
    for await (const { error } of fileSystem.listNamed?.() ?? []) if (error) complaints.push(error);
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
