import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findPath, walkTree } from '../../src/index.ts';
import {
  indexRoot,
  type MadeAttribute,
  recordAt,
  writeIndexBlock,
  writeRecord,
} from '../support/ntfs-records.ts';
import { damaged, findIn, freeCluster, openImage, unpackSmallImage, type SmallImage } from './small-image.ts';

let small: SmallImage;
let image: Buffer;

beforeAll(async () => {
  small = await unpackSmallImage();
});
beforeEach(() => {
  image = Buffer.from(small.original);
});

const record = (name: keyof SmallImage['records']): number => small.records[name];
const tiny = (): number => record('a/tiny');
const folder = (): number => record('a');
const open = async () => openImage(image);
const find = async (name: string) => findIn(image, name);

describe('indexes', () => {
  const blocks: MadeAttribute = { type: 0xa0, name: '$I30', runs: [[80, freeCluster]] };
  const allUsed: MadeAttribute = { type: 0xb0, name: '$I30', value: Buffer.alloc(8, 0xff) };

  test('of a block that names itself are read without it', async () => {
    for (let block = 0; block < 20; block += 1)
      writeIndexBlock(image, freeCluster + 4 * block, 4 * block, [{}]);
    writeIndexBlock(image, freeCluster, 0, [{ name: 'm', record: tiny(), child: 0 }, { child: 0 }]);
    const root = indexRoot(image, [{ child: 0 }]);
    writeRecord(image, folder(), [root, blocks, allUsed], { directory: true });
    const { fileSystem, source } = await open();
    const node = await findPath(fileSystem, Buffer.from('a'));
    source.reads = 0;

    expect((await node?.find(Buffer.from('m')))?.kind).toBe('file');
    expect(await node?.find(Buffer.from('other'))).toBeUndefined();
    expect(source.reads).toBeLessThan(10);
  });

  test('of great depth are read without them', async () => {
    for (let block = 0; block < 20; block += 1)
      writeIndexBlock(image, freeCluster + 4 * block, 4 * block, [
        block === 19 ? { name: 'deepest', record: tiny() } : { child: 4 * (block + 1) },
        {},
      ]);
    for (let block = 0; block < 19; block += 1)
      writeIndexBlock(image, freeCluster + 4 * block, 4 * block, [{ child: 4 * (block + 1) }]);
    const root = indexRoot(image, [{ child: 0 }]);
    writeRecord(image, folder(), [root, blocks, allUsed], { directory: true });

    expect((await find('a/deepest')).kind).toBe('file');
    expect((await find('a/DEEPEST')).kind).toBe('file');
  });

  test('that lead to each block in many ways are followed in none', async () => {
    for (let block = 0; block < 20; block += 1)
      writeIndexBlock(
        image,
        freeCluster + 4 * block,
        4 * block,
        Array.from({ length: 20 }, (_, entry) => ({
          ...(entry < 19 && { name: 'same', record: tiny() }),
          ...(block < 19 && { child: 4 * (block + 1) }),
        })),
      );
    writeRecord(image, folder(), [indexRoot(image, [{ child: 0 }]), blocks, allUsed], { directory: true });
    const { fileSystem, source } = await open();
    const node = await findPath(fileSystem, Buffer.from('a'));
    source.reads = 0;

    expect((await node?.find(Buffer.from('same')))?.kind).toBe('file');
    expect(await node?.find(Buffer.from('SAME'))).toBeDefined();
    expect(source.reads).toBeLessThan(10);
  });

  test('are followed without the table of capital letters, but for names in another case', async () => {
    image.writeUInt16LE(0xdead, recordAt(image, 10) + 510);
    const { fileSystem } = await open();

    expect((await findPath(fileSystem, Buffer.from('many/file number 77')))?.kind).toBe('file');
    expect(await findPath(fileSystem, Buffer.from('MANY/file number 77'))).toBeUndefined();
    expect(fileSystem.notices).toEqual([expect.stringContaining('names are found in their own case alone')]);
  });

  test('that say of petabytes of blocks are damaged', async () => {
    const holes = { type: 0xa0, name: '$I30', runs: [[2 ** 31 - 1]], bytes: 2 ** 50 } as const;
    writeRecord(image, folder(), [indexRoot(image, [{ child: 0 }]), holes, allUsed], { directory: true });

    await expect(Array.fromAsync((await find('a')).list())).rejects.toThrow('more than the file system');
  });

  test('that contain their own directory, or one above, are entered once, and told of', async () => {
    const root = indexRoot(image, [{ name: 'me', record: folder() }, { name: 'top', record: 5 }, {}]);
    writeRecord(image, folder(), [root], { directory: true });
    const { fileSystem } = await open();

    const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));
    const errors = steps.filter(({ error }) => error !== undefined);

    // The root has a first record: it is not listed, wherever it is named.
    expect(errors.map((step) => Buffer.from(step.path).toString())).toEqual(['a/me']);
    expect(errors[0]?.error).toMatchObject(damaged);
  });

  test('with names that no system can have written cost those alone', async () => {
    const root = indexRoot(image, [{ name: '../x', record: tiny() }, { name: 'fine', record: tiny() }, {}]);
    writeRecord(image, folder(), [root], { directory: true });
    const names: string[] = [];
    const list = async (): Promise<void> => {
      for await (const { name } of (await find('a')).list()) names.push(Buffer.from(name).toString());
    };

    await expect(list()).rejects.toMatchObject(damaged);
    expect(names).toEqual(['fine']);
  });

  test.each<[string, (entry: Buffer) => void]>([
    ['entries of no length', (entry) => entry.writeUInt16LE(0, 8)],
    ['entries beyond the end', (entry) => entry.writeUInt16LE(0x400, 8)],
    ['names longer than their entry', (entry) => entry.writeUInt16LE(0x3ff, 10)],
    ['no last entry', (entry) => entry.writeUInt16LE(0, entry.length - 4)],
  ])('with %s are damaged', async (_, change) => {
    const root = indexRoot(image, [{ name: 'x', record: tiny() }, {}]);
    change(root.value?.subarray(32) ?? Buffer.alloc(0));
    writeRecord(image, folder(), [root], { directory: true });

    await expect(Array.fromAsync((await find('a')).list())).rejects.toMatchObject(damaged);
  });

  test('whose blocks were not written as a whole lose those', async () => {
    const at = image.lastIndexOf('INDX');
    image.writeUInt16LE(0xdead, at + 1022);
    const { fileSystem } = await open();

    const steps = await Array.fromAsync(walkTree(fileSystem, await fileSystem.root()));

    const errors = steps.flatMap(({ error }) => error?.message ?? []);
    expect(errors).toEqual([
      expect.stringMatching(/index \$I30 of record \d+, block at byte \d+, was not written/),
    ]);
    expect(steps.length).toBeGreaterThan(20);
  });
});
