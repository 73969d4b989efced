import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkFileSystem, openFileSystem } from '../../src/index.ts';
import { attributeAt, changeMended, indexRoot, recordAt, writeRecord } from '../support/ntfs-records.ts';
import { bytesSource } from '../support/sources.ts';
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
const open = async () => openImage(image);
const find = async (name: string) => findIn(image, name);
const read = async (name: string) => readFrom(image, name);

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
