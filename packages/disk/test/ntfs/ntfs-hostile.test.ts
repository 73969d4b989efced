import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  cacheBlocks,
  checkFileSystem,
  type FileNode,
  type FileSystem,
  findPath,
  openFileSystem,
  walkTree,
} from '../../src/index.ts';
import {
  attributeAt,
  attributeList,
  changeMended,
  indexRoot,
  type MadeAttribute,
  recordAt,
  writeIndexBlock,
  writeRecord,
} from '../support/ntfs-records.ts';
import { unpackImage } from '../support/ntfsprogs.ts';
import { bytesSource, CountingSource } from '../support/sources.ts';
import { text } from './everything.ts';

const clusterBytes = 1024;
/** Clusters that nothing has, up to the end. */
const freeCluster = 1900;
const damaged = { name: 'DiskDamagedError' };

let original: Buffer;
/** Records of files of the image, by their paths. */
const records: Record<string, number> = {};
let image: Buffer;

beforeAll(async () => {
  original = unpackImage('small');
  const fileSystem = await openFileSystem(bytesSource(original));
  for (const name of [
    'a',
    'a/tiny',
    'many',
    'many/file number 1',
    'many/file number 2',
    'sparse',
    'packed/text',
  ])
    records[name] = ((await findPath(fileSystem, Buffer.from(name)))?.id ?? 0) % 2 ** 32;
});
beforeEach(() => {
  image = Buffer.from(original);
});

const record = (name: string): number => records[name] ?? 0;

const tiny = (): number => record('a/tiny');
const other = (): number => record('many/file number 1');
const folder = (): number => record('a');

async function open(): Promise<{ readonly fileSystem: FileSystem; readonly source: CountingSource }> {
  const source = new CountingSource(bytesSource(image));
  return { fileSystem: await openFileSystem(cacheBlocks(source)), source };
}

async function find(name: string): Promise<FileNode> {
  const node = await findPath((await open()).fileSystem, Buffer.from(name));
  if (node === undefined) throw new Error(`${name} is not there`);
  return node;
}

async function read(name: string): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync((await find(name)).read()));
}

const content = (attribute: Partial<MadeAttribute>): MadeAttribute => ({ type: 0x80, ...attribute });

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

/** Changes what a volume says of its version and state. */
function changeVolume(change: (value: Buffer) => void): void {
  changeMended(image, recordAt(image, 3), (bytes) => {
    const at = attributeAt(bytes, 0x70);
    change(bytes.subarray(at + bytes.readUInt16LE(at + 0x14)));
  });
}

/** Notices of a volume whose log has two restart pages, of which the newer one is open or closed. */
async function noticesOfLog(isOpen: boolean): Promise<readonly string[]> {
  const node = await find('$LogFile');
  const [run] = await Array.fromAsync(node.runs());
  const at = run?.kind === 'stored' ? run.at : 0;
  for (const page of [0, 4096]) {
    const bytes = image.subarray(at + page, at + page + 4096).fill(0);
    bytes.write('RSTR');
    bytes.writeUInt16LE(0x1e, 4);
    bytes.writeUInt16LE(9, 6);
    bytes.writeUInt16LE(0x40, 0x18);
    bytes.writeUInt32LE(page === 0 ? 5 : 9, 0x40);
    bytes.writeUInt16LE(isOpen === page > 0 ? 0 : 0xffff, 0x4c);
    changeMended(image, at + page, () => undefined, 4096);
  }
  return (await open()).fileSystem.notices;
}

describe('a volume', () => {
  test('that Windows wants to check is told of', async () => {
    changeVolume((value) => value.writeUInt16LE(1, 10));
    const { fileSystem } = await open();

    expect(fileSystem.notices).toEqual([expect.stringContaining('chkdsk')]);
    expect(fileSystem.facts.isClean).toBe(false);
  });

  test('whose log was not replayed is told of, and one whose log is closed is not', async () => {
    expect(await noticesOfLog(true)).toEqual([
      expect.stringContaining('the log of this NTFS was not replayed'),
    ]);
    expect(await noticesOfLog(false)).toEqual([]);
  });

  test('of an older version is refused by its name', async () => {
    changeVolume((value) => value.set([1, 2], 8));

    await expect(open()).rejects.toMatchObject({ name: 'DiskUnsupportedError', found: 'NTFS 1.2' });
  });

  test('whose own record is damaged is read, without its label', async () => {
    image.writeUInt16LE(0xdead, recordAt(image, 3) + 510);
    const { fileSystem } = await open();

    expect(fileSystem.facts.label).toBe('');
    expect(fileSystem.notices).toEqual([expect.stringContaining('neither label nor version can be read')]);
    expect((await read('a/text')).equals(text(5000))).toBe(true);
  });

  test('whose boot sector is lost is found by its copy', async () => {
    image.fill(0, 0, 512);
    const { fileSystem } = await open();

    expect(fileSystem.notices).toEqual(['the boot sector is damaged; its copy at the end was used']);
    expect((await read('a/text')).equals(text(5000))).toBe(true);
  });

  test.each<[string, (boot: Buffer) => void]>([
    ['sectors of 77 bytes', (boot) => boot.writeUInt16LE(77, 0x0b)],
    ['clusters of 3 sectors', (boot) => boot.writeUInt8(3, 0x0d)],
    ['clusters of 4 MiB', (boot) => boot.writeUInt8(256 - 13, 0x0d)],
    ['more sectors than the disk', (boot) => boot.writeUInt32LE(1_000_000, 0x28)],
    ['more sectors than any disk', (boot) => boot.writeUInt32LE(0xffffffff, 0x2c)],
    ['its table outside', (boot) => boot.writeUInt32LE(1_000_000, 0x30)],
    ['records of 2^100 bytes', (boot) => boot.writeInt8(-100, 0x40)],
    ['records of 8 bytes', (boot) => boot.writeInt8(-3, 0x40)],
  ])('with %s is damaged', async (_, change) => {
    const boot = image.subarray(0, 512);
    change(boot);
    boot.copy(image, image.length - 512);

    await expect(open()).rejects.toMatchObject(damaged);
  });
});

test('a check finds content in clusters of others, files without a name and wrong counts', async () => {
  const [one, two] = [record('many/file number 1'), record('many/file number 2')];
  const name = Buffer.alloc(0x44);
  name.writeUInt8(1, 0x40);
  const named = { type: 0x30, value: name };
  writeRecord(image, one, [named, content({ runs: [[1, freeCluster]] })]);
  writeRecord(image, two, [named, content({ runs: [[1, freeCluster]] })]);
  writeRecord(image, record('sparse'), [named, content({ runs: [[1, recordAt(image, 0) / clusterBytes]] })]);
  writeRecord(image, record('a'), [named, indexRoot(image, [{}])], { directory: true });
  const source = bytesSource(image);

  const { findings } = await checkFileSystem(source, await openFileSystem(source));

  const kinds = findings.map(({ kind }) => kind).sort();
  expect([...new Set(kinds)]).toEqual(['shared-blocks', 'unattached']);
  expect(kinds.filter((kind) => kind === 'shared-blocks')).toHaveLength(2);
  // The two files of the directory that has lost them.
  expect(kinds.filter((kind) => kind === 'unattached')).toHaveLength(2);
});

test('a check of what ntfs-3g wrote finds nothing', async () => {
  const source = bytesSource(image);

  const { findings, uncompared, files } = await checkFileSystem(source, await openFileSystem(source));

  expect({ findings, uncompared }).toEqual({ findings: [], uncompared: 0 });
  expect(files).toBe(126);
});
