import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  attributeAt,
  attributeList,
  changeMended,
  type MadeAttribute,
  recordAt,
  writeRecord,
} from '../support/ntfs-records.ts';
import { text } from './everything.ts';
import {
  clusterBytes,
  content,
  damaged,
  findIn,
  freeCluster,
  openImage,
  readFrom,
  unpackSmallImage,
  type SmallImage,
} from './small-image.ts';

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
const other = (): number => record('many/file number 1');
const open = async () => openImage(image);
const find = async (name: string) => findIn(image, name);
const read = async (name: string) => readFrom(image, name);

describe('records', () => {
  test('that were not written as a whole are damaged, and named', async () => {
    image.writeUInt16LE(0xdead, recordAt(image, record('a/tiny')) + 510);

    await expect(find('a/tiny')).rejects.toMatchObject(damaged);
    await expect(find('a/tiny')).rejects.toThrow(`record ${record('a/tiny')} was not written as a whole`);
    expect((await find('a/text')).kind).toBe('file');
  });

  test('that were used again since they were named are not taken for what they were', async () => {
    changeMended(image, recordAt(image, record('a/tiny')), (bytes) => bytes.writeUInt16LE(99, 0x10));

    await expect(find('a/tiny')).rejects.toThrow('has been used again: 99');
  });

  test('with attributes that cannot be are damaged', async () => {
    const lengths = [0, 7, 0x1000, 0xfffffff8];
    for (const length of lengths) {
      changeMended(image, recordAt(image, record('a/tiny')), (bytes) =>
        bytes.writeUInt32LE(length, attributeAt(bytes, 0x10) + 4),
      );
      await expect(find('a/tiny')).rejects.toMatchObject(damaged);
    }
  });
});

describe('runs', () => {
  test.each<[string, Partial<MadeAttribute>, string]>([
    ['outside of the file system', { runs: [[5, 99_999]] }, 'clusters at 99999'],
    ['of no clusters', { runs: [[0, 10]], bytes: 1 }, 'clusters'],
    ['before the beginning', { runs: [[5, -3]] }, 'clusters at -3'],
    ['that end too early', { runs: [[2, 10]], bytes: 9000 }, 'expected'],
    [
      'that share clusters until there are too many',
      { runs: Array.from({ length: 60 }, () => [1000, 10]) },
      'overlap',
    ],
    [
      'of compressed content that share clusters',
      { flags: 1, unit: 4, runs: Array.from({ length: 60 }, () => [1008, 10]) },
      'overlap',
    ],
    ['in units that are too large', { flags: 1, unit: 30, runs: [[8, 10]] }, 'units of'],
    ['that begin after the beginning', { first: 4, runs: [[8, 10]] }, 'does not have its beginning'],
  ])('%s are damaged', async (_, attribute, complaint) => {
    writeRecord(image, record('a/tiny'), [content(attribute)]);
    const node = await find('a/tiny').catch((error: unknown) => error as Error);

    const attempt = node instanceof Error ? Promise.reject(node) : Array.fromAsync(node.runs());
    await expect(attempt).rejects.toMatchObject(damaged);
    await expect(attempt).rejects.toThrow(complaint);
  });

  test('that say of petabytes of holes cost nothing to list', async () => {
    writeRecord(image, record('a/tiny'), [
      content({ runs: [[2 ** 31 - 1]], bytes: 2 ** 40, flags: 1, unit: 4 }),
    ]);

    const runs = await Array.fromAsync((await find('a/tiny')).runs());

    expect(runs).toEqual([{ kind: 'hole', reserved: false, offset: 0, bytes: 2 ** 40 }]);
  });
});

test('content that was never written is zeros, whatever is in its clusters', async () => {
  image.fill('x', freeCluster * clusterBytes, (freeCluster + 4) * clusterBytes);
  writeRecord(image, record('a/tiny'), [
    content({ runs: [[4, freeCluster]], bytes: 4000, validBytes: 1500 }),
  ]);
  const node = await find('a/tiny');

  expect((await read('a/tiny')).equals(Buffer.concat([Buffer.alloc(1500, 'x'), Buffer.alloc(2500)]))).toBe(
    true,
  );
  expect(await Array.fromAsync(node.runs())).toMatchObject([
    { kind: 'stored', bytes: 1500 },
    { kind: 'hole', reserved: true, offset: 1500, bytes: 2500 },
  ]);
});

test('compressed content may end within a unit', async () => {
  image.fill('x', freeCluster * clusterBytes, (freeCluster + 5) * clusterBytes);
  writeRecord(image, tiny(), [content({ flags: 1, unit: 4, runs: [[5, freeCluster]], bytes: 5000 })]);

  expect((await read('a/tiny')).equals(Buffer.alloc(5000, 'x'))).toBe(true);
});

test('content that is encrypted is refused by its name, and what is beside it is not', async () => {
  writeRecord(image, record('a/tiny'), [content({ flags: 0x4000, runs: [[1, freeCluster]] })]);

  await expect(read('a/tiny')).rejects.toMatchObject({
    name: 'DiskUnsupportedError',
    found: 'content encrypted by Windows (EFS)',
  });
  expect((await read('a/text')).equals(text(5000))).toBe(true);
});

test('a stream that is too large for an attribute is refused as one, and read by its path', async () => {
  const runs = [[100, freeCluster]] as const;
  writeRecord(image, record('a/tiny'), [
    content({ value: Buffer.from('x') }),
    content({ name: 'big', runs }),
  ]);

  await expect((await find('a/tiny')).attributes()).rejects.toThrow(/a stream of 102400 bytes.*"big"/);
  expect(await read('a/tiny:BIG')).toHaveLength(102_400);
});

describe('attribute lists', () => {
  test('lead to attributes in other records', async () => {
    image.fill('x', freeCluster * clusterBytes, (freeCluster + 1) * clusterBytes);
    image.fill('y', (freeCluster + 1) * clusterBytes, (freeCluster + 2) * clusterBytes);
    writeRecord(image, other(), [content({ id: 5, first: 1, runs: [[1, freeCluster + 1]] })], {
      base: tiny(),
    });
    writeRecord(image, tiny(), [
      attributeList(image, [
        { type: 0x10, record: tiny() },
        { type: 0x80, record: tiny(), id: 3 },
        { type: 0x80, first: 1, record: other(), id: 5 },
      ]),
      { ...content({ id: 3, runs: [[1, freeCluster]], bytes: 2048 }) },
    ]);
    // The room of all parts is what the first one says.
    changeMended(image, recordAt(image, tiny()), (bytes) =>
      bytes.writeBigInt64LE(2048n, attributeAt(bytes, 0x80) + 0x28),
    );

    expect((await read('a/tiny')).toString()).toBe('x'.repeat(1024) + 'y'.repeat(1024));
    const later = await Array.fromAsync((await find('a/tiny')).read({ from: 1500, to: 1502 }));
    expect(Buffer.concat(later).toString()).toBe('yy');
  });

  test('that refer to each other are damaged', async () => {
    const list = (to: number): MadeAttribute =>
      attributeList(image, [
        { type: 0x10, record: to },
        { type: 0x80, record: to },
      ]);
    writeRecord(image, tiny(), [list(other())]);
    writeRecord(image, other(), [list(tiny())]);

    await expect(find('a/tiny')).rejects.toThrow('continues it, which it does not');
  });

  test.each<[string, (list: Buffer) => void]>([
    ['entries of no length', (list) => list.writeUInt16LE(0, 4)],
    ['names beyond their end', (list) => list.writeUInt8(255, list.length - 32 + 6)],
    ['records that are not there', (list) => list.writeUInt32LE(0xffffff, 16)],
    ['attributes that are not there', (list) => list.writeUInt16LE(77, 24)],
  ])('with %s are damaged', async (_, change) => {
    const list = attributeList(image, [{ type: 0x10, record: tiny() }]);
    change(list.value ?? Buffer.alloc(0));
    writeRecord(image, tiny(), [list]);

    await expect(find('a/tiny')).rejects.toMatchObject(damaged);
  });

  test('that repeat a part, or are too long, are damaged', async () => {
    const entries = Array.from({ length: 20 }, () => ({ type: 0x80, record: tiny(), id: 3 }));
    writeRecord(image, tiny(), [
      attributeList(image, [{ type: 0x10, record: tiny() }, ...entries]),
      content({ id: 3, runs: [[1, freeCluster]], bytes: 20 * clusterBytes }),
    ]);
    await expect(find('a/tiny').then(async (node) => Array.fromAsync(node.runs()))).rejects.toThrow(
      'has 1 clusters, where 20 are expected',
    );

    writeRecord(image, tiny(), [{ type: 0x20, runs: [[1024, 100]], bytes: 300 * 1024 }]);
    await expect(find('a/tiny')).rejects.toMatchObject(damaged);
  });
});

describe('the master file table', () => {
  test('is read where parts of it are named by its own records', async () => {
    const at = recordAt(image, 0);
    const bytes = Number(image.readBigInt64LE(at + attributeAt(image.subarray(at), 0x80) + 0x30));
    const clusters = bytes / clusterBytes;
    const first = at / clusterBytes;
    const half = record('many/file number 2') + 1;
    const bitmap = image.subarray(at, at + 1024);
    const kept = bitmap.subarray(attributeAt(bitmap, 0xb0));
    const bitmapRuns = [[1, kept.readUInt8(kept.readUInt16LE(0x20) + 2)]] as const;
    writeRecord(image, 0, [
      attributeList(image, [
        { type: 0x10, record: 0 },
        { type: 0x80, record: 0, id: 1 },
        { type: 0x80, first: half, record: 15, id: 2 },
        { type: 0xb0, record: 0, id: 3 },
      ]),
      content({ id: 1, runs: [[half, first]], bytes }),
      { type: 0xb0, id: 3, runs: bitmapRuns },
    ]);
    changeMended(image, at, (table) => table.writeBigInt64LE(BigInt(bytes), attributeAt(table, 0x80) + 0x28));
    writeRecord(image, 15, [content({ id: 2, first: half, runs: [[clusters - half, first + half]] })]);
    changeMended(image, recordAt(image, 15), (part) => part.writeUInt16LE(1, 0x26));

    expect((await read('packed/text')).length).toBe(17_000);
    expect((await read('a/text')).equals(text(5000))).toBe(true);
  });

  test('has a copy of its first record, which takes its place', async () => {
    image.writeUInt16LE(0xdead, recordAt(image, 0) + 510);
    const { fileSystem } = await open();

    expect(fileSystem.notices).toEqual([expect.stringContaining('its copy was used')]);
    expect(fileSystem.facts.isClean).toBe(false);
    expect((await read('a/text')).equals(text(5000))).toBe(true);
  });
});
