import { cacheBlocks, type FileNode, type FileSystem, findPath, openFileSystem } from '../../src/index.ts';
import type { MadeAttribute } from '../support/ntfs-records.ts';
import { unpackImage } from '../support/ntfsprogs.ts';
import { bytesSource, CountingSource } from '../support/sources.ts';

export const clusterBytes = 1024;
/** Clusters that nothing has, up to the end. */
export const freeCluster = 1900;
export const damaged = { name: 'DiskDamagedError' };

const named = [
  'a',
  'a/tiny',
  'many',
  'many/file number 1',
  'many/file number 2',
  'sparse',
  'packed/text',
] as const;

/** The image `small`, and records of files in it by their paths. */
export interface SmallImage {
  readonly original: Buffer;
  readonly records: Readonly<Record<(typeof named)[number], number>>;
}

export async function unpackSmallImage(): Promise<SmallImage> {
  const original = unpackImage('small');
  const fileSystem = await openFileSystem(bytesSource(original));
  const records: Partial<Record<(typeof named)[number], number>> = {};
  for (const name of named)
    records[name] = ((await findPath(fileSystem, Buffer.from(name)))?.id ?? 0) % 2 ** 32;
  return { original, records: records as SmallImage['records'] };
}

export async function openImage(
  image: Buffer,
): Promise<{ readonly fileSystem: FileSystem; readonly source: CountingSource }> {
  const source = new CountingSource(bytesSource(image));
  return { fileSystem: await openFileSystem(cacheBlocks(source)), source };
}

export async function findIn(image: Buffer, name: string): Promise<FileNode> {
  const node = await findPath((await openImage(image)).fileSystem, Buffer.from(name));
  if (node === undefined) throw new Error(`${name} is not there`);
  return node;
}

export async function readFrom(image: Buffer, name: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await findIn(image, name)).read()));
}

export const content = (attribute: Partial<MadeAttribute>): MadeAttribute => ({ type: 0x80, ...attribute });
