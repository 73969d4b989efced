import { expect, test } from 'vitest';
import { detectContent, openFileSystem } from '../../src/index.ts';
import { bytesSource } from '../support/sources.ts';

const size = 4 * 2 ** 20;
type Change = (disk: Buffer) => void;
const text =
  (at: number, value: string): Change =>
  (disk) => {
    disk.write(value, at, 'latin1');
  };
const boot =
  (at: number, value: string): Change =>
  (disk) => {
    disk.write(value, at);
    disk.writeUInt16LE(0xaa55, 510);
  };
const raid =
  (at: number, version: number): Change =>
  (disk) => {
    disk.writeUInt32LE(0xa92b4efc, at);
    disk.writeUInt32LE(version, at + 4);
  };
const zfs =
  (count: number, bytes: readonly number[]): Change =>
  (disk) => {
    for (let index = 0; index < count; index += 1) disk.set(bytes, 131_072 + index * 1024);
  };
const ext: Change = (disk) => {
  for (const [at, value] of [
    [0, 16],
    [4, 4096],
    [0x14, 1],
    [0x20, 8192],
    [0x24, 8192],
    [0x28, 16],
  ] as const)
    disk.writeUInt32LE(value, 1024 + at);
  disk.writeUInt16LE(0xef53, 1024 + 0x38);
};

const found: readonly (readonly [string, Change])[] = [
  ['LUKS 1', text(0, 'LUKS\xba\xbe\0\x01')],
  ['LUKS 2', text(0, 'LUKS\xba\xbe\0\x02')],
  ['BitLocker', boot(3, '-FVE-FS-')],
  ['Linux RAID (mdraid 1)', raid(0, 1)],
  ['Linux RAID (mdraid 1)', raid(4096, 1)],
  ['Linux RAID (mdraid 1)', raid(size - 8192, 1)],
  ['Linux RAID (mdraid 0)', raid(size - 65_536, 0)],
  ['LVM 2 physical volume', (disk) => (text(512, 'LABELONE')(disk), text(536, 'LVM2 001')(disk))],
  ['Btrfs', text(65_600, '_BHRfS_M')],
  ['ZFS', zfs(4, [0x0c, 0xb1, 0xba, 0])],
  ['ZFS', zfs(128, [0, 0, 0, 0, 0, 0xba, 0xb1, 0x0c])],
  ['swap space', text(4086, 'SWAPSPACE2')],
  ['swap space', text(65_526, 'SWAPSPACE2')],
  ['swap space with a hibernated system', text(4086, 'S1SUSPEND')],
  ['XFS version 3', (disk) => (text(0, 'XFSB')(disk), disk.writeUInt16BE(0xb4b3, 100))],
  ['exFAT', boot(3, 'EXFAT   ')],
  ['ReFS', text(3, 'ReFS\0\0\0\0')],
  ['FAT16', boot(54, 'FAT16   ')],
  ['FAT32', boot(82, 'FAT32   ')],
];

test.each(found)('%s is refused by its name', async (name, change) => {
  const disk = Buffer.alloc(size);
  change(disk);

  const opened = openFileSystem(bytesSource(disk));

  await expect(opened).rejects.toMatchObject({ name: 'DiskUnsupportedError', found: name });
  await expect(opened).rejects.toThrow(`${name} is not supported`);
});

const uuid = '01020304-0506-0708-090a-0b0c0d0e0f10';
const uuidBytes = String.fromCodePoint(...Array.from({ length: 16 }, (_, index) => index + 1));

test.each<[string, string, string | undefined, readonly Change[]]>([
  ['ext2', uuid, 'root', [ext, text(1024 + 0x68, uuidBytes), text(1024 + 0x78, 'root')]],
  ['XFS version 0', uuid, 'twelve bytes', [text(0, 'XFSB'), text(32, uuidBytes), text(108, 'twelve bytes')]],
  ['Btrfs', uuid, 'pool', [text(65_600, '_BHRfS_M'), text(65_568, uuidBytes), text(65_835, 'pool')]],
  ['swap space', uuid, 'swap', [text(4086, 'SWAPSPACE2'), text(1036, uuidBytes), text(1052, 'swap')]],
  ['LUKS 2', uuid, undefined, [text(0, 'LUKS\xba\xbe\0\x02'), text(168, uuid)]],
  ['NTFS', '0807060504030201', undefined, [boot(3, 'NTFS    '), text(72, uuidBytes.slice(0, 8))]],
  ['exFAT', '0403-0201', undefined, [boot(3, 'EXFAT   '), text(100, uuidBytes.slice(0, 4))]],
  [
    'FAT16',
    '0403-0201',
    'EFI',
    [boot(54, 'FAT16   '), text(39, uuidBytes.slice(0, 4)), text(43, 'EFI        ')],
  ],
  [
    'FAT32',
    '0403-0201',
    undefined,
    [boot(82, 'FAT32   '), text(67, uuidBytes.slice(0, 4)), text(71, 'NO NAME    ')],
  ],
])('%s is called by its UUID %s and its label', async (name, id, label, changes) => {
  const disk = Buffer.alloc(size);
  for (const change of changes) change(disk);

  const content = await detectContent(bytesSource(disk));

  expect(content).toMatchObject({ name, uuid: id });
  expect(content?.label).toBe(label);
});

test.each([
  ['nothing', Buffer.alloc(size)],
  ['too little', Buffer.alloc(10)],
  ['chance', Buffer.alloc(size, 'any text at all')],
])('%s is refused as what is not known', async (_, disk) => {
  expect(await detectContent(bytesSource(disk))).toBeUndefined();
  await expect(openFileSystem(bytesSource(disk))).rejects.toThrow(
    'content of no known kind is not supported',
  );
});

test('ext is found before labels of ZFS that it left in place, and after what wraps it', async () => {
  const disk = Buffer.alloc(size);
  ext(disk);
  expect(await detectContent(bytesSource(disk))).toEqual({ kind: 'ext', name: 'ext2' });

  zfs(128, [0x0c, 0xb1, 0xba, 0])(disk);
  expect(await detectContent(bytesSource(disk))).toEqual({ kind: 'ext', name: 'ext2' });

  raid(size - 65_536, 0)(disk);
  expect(await detectContent(bytesSource(disk))).toMatchObject({ kind: 'raid' });
});

test('a superblock of ext that cannot be gives way to all else, and is damaged if there is nothing', async () => {
  const disk = Buffer.alloc(size);
  ext(disk);
  disk.writeUInt32LE(0, 1024 + 0x28);
  await expect(openFileSystem(bytesSource(disk))).rejects.toMatchObject({ name: 'DiskDamagedError' });

  text(4086, 'SWAPSPACE2')(disk);
  expect(await detectContent(bytesSource(disk))).toMatchObject({ kind: 'swap' });
});
