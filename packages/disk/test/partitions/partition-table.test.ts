import { describe, expect, test } from 'vitest';
import { type PartitionTable, readPartitionTable } from '../../src/index.ts';
import { writeGpt, writeMbr } from '../support/partition-tables.ts';
import { bytesSource } from '../support/sources.ts';

const mebibyte = 2 ** 20;
const makeDisk = (mebibytes = 8): Buffer => Buffer.alloc(mebibytes * mebibyte);
const read = async (disk: Buffer): Promise<PartitionTable | undefined> =>
  readPartitionTable(bytesSource(disk));
const swapAt = (disk: Buffer, at: number): number => disk.write('SWAPSPACE2', at + 4086);
/** The superblock of an ext2 of 8 MiB, as far as it is looked at. */
function writeExt(disk: Buffer, at = 0): void {
  const superblock = disk.subarray(at + 1024, at + 2048);
  const words = [
    [0, 1024],
    [4, 8192],
    [0x14, 1],
    [0x20, 8192],
    [0x24, 8192],
    [0x28, 1024],
  ];
  for (const [place = 0, value = 0] of words) superblock.writeUInt32LE(value, place);
  superblock.writeUInt16LE(0xef53, 0x38);
}

describe('a GPT', () => {
  test.each([512, 4096])('of sectors of %i bytes is read', async (sectorBytes) => {
    const disk = makeDisk();
    const perMebibyte = mebibyte / sectorBytes;
    writeGpt(
      disk,
      [
        { first: perMebibyte, last: 2 * perMebibyte - 1, name: 'Größe' },
        { first: 3 * perMebibyte, last: 3 * perMebibyte, type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b' },
      ],
      sectorBytes,
    );

    expect(await read(disk)).toEqual({
      scheme: 'gpt',
      sectorBytes,
      notices: [],
      partitions: [
        {
          number: 1,
          offset: mebibyte,
          bytes: mebibyte,
          type: '0fc63daf-8483-4772-8e79-3d69d8477de4',
          name: 'Größe',
          uuid: '00000000-0000-0000-0000-000000000001',
        },
        expect.objectContaining({
          number: 2,
          offset: 3 * mebibyte,
          bytes: sectorBytes,
          type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
        }),
      ],
    });
  });

  test.each([
    ['header', 1, 60],
    ['table', 2, 40],
    ["header's signature", 1, 0],
  ])('whose first %s is damaged is read by its copy', async (_, sector, at) => {
    for (const sectorBytes of [512, 4096]) {
      const disk = makeDisk();
      writeGpt(disk, [{ first: 1000, last: 1099 }], sectorBytes);
      const place = sector * sectorBytes + at;
      disk.writeUInt8(disk.readUInt8(place) ^ 0xff, place);

      const table = await read(disk);

      expect(table?.partitions).toMatchObject([{ offset: 1000 * sectorBytes, bytes: 100 * sectorBytes }]);
      expect(table?.notices).toEqual([expect.stringContaining('its copy in sector')]);
    }
  });

  test('whose first table is damaged is read by its copy where the disk ended before it was made larger', async () => {
    const small = makeDisk(4);
    writeGpt(small, [{ first: 1000, last: 1099 }]);
    const disk = Buffer.concat([small, makeDisk(4)]);
    disk.writeUInt8(0, 1024);

    expect((await read(disk))?.partitions).toHaveLength(1);
  });

  test('of which no copy is whole is damaged', async () => {
    const disk = makeDisk();
    writeGpt(disk, [{ first: 1000, last: 1099 }]);
    disk.fill(0xff, 1024, 1100);
    disk.fill(0xff, disk.length - 512 - 16_384, disk.length - 512 - 16_000);

    await expect(read(disk)).rejects.toMatchObject({ name: 'DiskDamagedError' });
    disk.fill(0, 512, 1024);
    disk.fill(0, disk.length - 512);
    await expect(read(disk)).rejects.toThrow('neither of its headers is there');
  });

  test('that names what is beyond the disk is cut, and that is told of', async () => {
    const disk = makeDisk();
    writeGpt(disk, [
      { first: 16_000, last: 20_000 },
      { first: 17_000, last: 18_000 },
      { first: 50, last: 40 },
    ]);

    const table = await read(disk);

    expect(table?.partitions).toMatchObject([{ number: 1, bytes: 384 * 512 }]);
    expect(table?.notices).toHaveLength(3);
  });

  test('beside other entries of the MBR wins', async () => {
    const disk = makeDisk();
    writeGpt(disk, [{ first: 1000, last: 1099 }]);
    writeMbr(disk, [
      { type: 0xee, start: 1, sectors: 999 },
      { type: 0x83, start: 2000, sectors: 10 },
    ]);

    expect(await read(disk)).toMatchObject({ scheme: 'gpt', partitions: [{ offset: 512_000 }] });
  });

  test('that the first sector does not speak of is older than what that has', async () => {
    const disk = makeDisk();
    writeGpt(disk, [{ first: 1000, last: 1099 }]);
    writeMbr(disk, [{ type: 0x83, start: 2048, sectors: 2048 }]);
    expect(await read(disk)).toMatchObject({ scheme: 'mbr', partitions: [{ offset: mebibyte }] });

    const whole = makeDisk();
    writeGpt(whole, [{ first: 1000, last: 1099 }]);
    whole.fill(0, 0, 512);
    writeExt(whole);
    expect(await read(whole)).toBeUndefined();
  });

  test('is found where only the first sector was lost', async () => {
    const disk = makeDisk();
    writeGpt(disk, [{ first: 1000, last: 1099 }]);
    disk.fill(0, 0, 512);

    expect(await read(disk)).toMatchObject({
      scheme: 'gpt',
      notices: [expect.stringContaining('first sector')],
    });
  });
});

describe('an MBR', () => {
  test('with an extended partition has logical ones from 5 on', async () => {
    const disk = makeDisk();
    writeMbr(disk, [
      { type: 0x83, start: 2048, sectors: 1000 },
      { type: 0x05, start: 4096, sectors: 8192 },
    ]);
    writeMbr(
      disk,
      [
        { type: 0x83, start: 63, sectors: 100 },
        { type: 0x05, start: 1000, sectors: 500 },
      ],
      4096 * 512,
    );
    writeMbr(disk, [{ type: 0x82, start: 10, sectors: 200 }], 5096 * 512);
    disk.writeUInt32LE(0x0a2b3c4d, 440);

    expect(await read(disk)).toMatchObject({
      scheme: 'mbr',
      notices: [],
      partitions: [
        { number: 1, type: '83', offset: 2048 * 512, bytes: 512_000, uuid: '0a2b3c4d-01' },
        { number: 5, type: '83', offset: 4159 * 512, bytes: 51_200, uuid: '0a2b3c4d-05' },
        { number: 6, type: '82', offset: 5106 * 512, bytes: 102_400 },
      ],
    });
  });

  test.each([
    ['comes back', 0, /comes back to sector 4096/],
    ['leaves the extended partition', 9000, /leaves the extended partition/],
    ['leads to where nothing is', 3000, /has no table/],
  ])('whose chain of logical partitions %s ends there, and that is told of', async (_, next, notice) => {
    const disk = makeDisk();
    writeMbr(disk, [{ type: 0x0f, start: 4096, sectors: 8192 }]);
    writeMbr(
      disk,
      [
        { type: 0x83, start: 63, sectors: 100 },
        { type: 0x05, start: next, sectors: 500 },
      ],
      4096 * 512,
    );

    const table = await read(disk);

    expect(table?.partitions).toMatchObject([{ number: 5 }]);
    expect(table?.notices).toEqual([expect.stringMatching(notice)]);
  });

  test('of 200 MB of logical partitions without end names so many as Linux counts', async () => {
    const disk = makeDisk();
    writeMbr(disk, [{ type: 0x05, start: 100, sectors: 10_000 }]);
    for (let index = 0; index < 400; index += 1) {
      const chain = { type: 0x05, start: (index + 1) * 2, sectors: 2 };
      writeMbr(disk, [{ type: 0x83, start: 1, sectors: 1 }, chain], (100 + index * 2) * 512);
    }

    const table = await read(disk);

    expect(table?.partitions.at(-1)?.number).toBe(255);
    expect(table?.notices).toEqual([expect.stringContaining('there can be no more')]);
  });

  test('of sectors of 4,096 bytes is known by what is at its partitions', async () => {
    const disk = makeDisk();
    writeMbr(disk, [{ type: 0x82, start: 256, sectors: 256 }]);
    expect(await read(disk)).toMatchObject({ sectorBytes: 512 });

    swapAt(disk, mebibyte);
    expect(await read(disk)).toMatchObject({
      sectorBytes: 4096,
      partitions: [{ offset: mebibyte, bytes: mebibyte }],
    });
  });

  test('is younger than a superblock behind it', async () => {
    const disk = makeDisk();
    writeExt(disk);
    writeMbr(disk, [{ type: 0x83, start: 2048, sectors: 2048 }]);

    expect(await read(disk)).toMatchObject({ scheme: 'mbr', partitions: [{ offset: mebibyte }] });
  });
});

describe('no table', () => {
  test('is on a disk that is all one file system, with boot code or without', async () => {
    const ext = makeDisk();
    writeExt(ext);
    expect(await read(ext)).toBeUndefined();

    writeMbr(ext, []);
    expect(await read(ext)).toBeUndefined();

    const ntfs = makeDisk();
    writeMbr(ntfs, []);
    ntfs.write('NTFS    ', 3);
    ntfs.write('A disk read error occurred', 446);
    expect(await read(ntfs)).toBeUndefined();
  });

  test('is on a disk that is empty, or too small for any', async () => {
    expect(await read(makeDisk())).toBeUndefined();
    expect(await read(Buffer.alloc(100))).toBeUndefined();
    expect(await read(Buffer.alloc(0))).toBeUndefined();
  });
});
