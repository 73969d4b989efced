import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ByteSource } from '@holdfast/disk';
import {
  bytesSource,
  dataAt,
  gptPlace,
  groupText,
  makeExtImage,
  makeScratch,
  makeSystemHive,
  mbrPlace,
  physicalIds,
  unpackNtfsImage,
  volumeText,
  writeGpt,
  writeMbr,
  writePhysicalVolume,
} from '@holdfast/disk/testing';
import type { VolumeSnapshot } from '@holdfast/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PointImage } from '../src/point-image.ts';

const mebibyte = 2 ** 20;
const extent = 65_536;
const scratch = makeScratch();
afterAll(scratch.remove);

const fstab = `
LABEL=root                                 /          ext4  defaults 0 1
UUID=11111111-2222-3333-4444-555555555555  /data      ext4  defaults
/dev/mapper/vg--0-log                      /var/log   ext4  defaults
PARTUUID=00000000-0000-0000-0000-000000000002 /efi    vfat  defaults
/dev/nvme3n1                               /scratch   ext4  nofail
/dev/xvdz                                  /lost      ext4  nofail
tmpfs                                      /tmp       tmpfs size=1G
`;

/** Devices and contents of the machine's volumes. */
const disks: Record<string, Buffer> = {};

/** Makes an ext4 of 2 MiB with files by their paths; a target begins with `->`. */
function makeFiles(
  name: string,
  files: Record<string, string | Buffer>,
  ...options: readonly string[]
): Buffer {
  const tree = path.join(scratch.path, `${name}-tree`);
  mkdirSync(tree);
  for (const [file, content] of Object.entries(files)) {
    const at = path.join(tree, file);
    mkdirSync(file.endsWith('/') ? at : path.dirname(at), { recursive: true });
    if (typeof content === 'string' && content.startsWith('->')) symlinkSync(content.slice(2), at);
    else if (!file.endsWith('/')) writeFileSync(at, content);
  }
  const image = path.join(scratch.path, name);
  const features = '^has_journal';
  return readFileSync(makeExtImage(image, { size: '2M', tree, features, options: ['-L', name, ...options] }));
}

beforeAll(() => {
  const root = makeFiles('root', {
    'etc/fstab': fstab,
    'etc/passwd': 'root',
    'data/hidden': 'under a mount',
    'var/log/': '',
    'efi/': '',
    'scratch/': '',
    'lost/': '',
    'tmp/': '',
    srv: '->/data/www',
    'Windows/win.ini': 'not really',
  });
  const uuid = '11111111-2222-3333-4444-555555555555';
  const data = makeFiles('data', { 'www/index': 'of data', 'www/up': '->../../etc/passwd' }, '-U', uuid);
  const log = makeFiles('log', { messages: 'of log', long: 'x'.repeat(1_300_000) });

  const first = Buffer.alloc(4 * mebibyte);
  writeGpt(first, [
    { first: 2048, last: 6143 },
    { first: 6144, last: 7167, name: 'EFI' },
  ]);
  root.copy(first, mebibyte);
  first.write('FAT16   ', 3 * mebibyte + 54);
  first.writeUInt16LE(0xaa55, 3 * mebibyte + 510);
  disks['/dev/sda1'] = first;
  disks['/dev/sdf'] = data;
  disks['/dev/sdz'] = first;
  const windows = Buffer.alloc(4 * mebibyte);
  writeGpt(windows, [{ first: 2048, last: 6143 }]);
  unpackNtfsImage('small').copy(windows, mebibyte);
  disks['/dev/sdn'] = windows;

  const text = groupText(
    volumeText('log', [
      { start: 20, count: 12, stripes: '"pv1", 3' },
      { start: 0, count: 20, stripes: '"pv0", 5' },
    ]),
    3,
    'vg-0',
  );
  const physical = physicalIds.map((id) => {
    const disk = Buffer.alloc(3 * mebibyte);
    writePhysicalVolume(disk, id, text);
    return disk;
  });
  log.copy(physical[0] ?? log, dataAt + 5 * extent, 0, 20 * extent);
  log.copy(physical[1] ?? log, dataAt + 3 * extent, 20 * extent);
  [disks['/dev/sdg'], disks['/dev/sdh']] = physical as [Buffer, Buffer];
});

function btrfsDisk(): Buffer {
  const disk = Buffer.alloc(mebibyte);
  disk.write('_BHRfS_M', 65_600);
  return disk;
}

/** A physical volume with a logical one that is not read. */
function thinDisk(): Buffer {
  const disk = Buffer.alloc(2 * mebibyte);
  const thin = volumeText('thin', [{ start: 0, count: 1, stripes: '', type: 'thin' }]);
  writePhysicalVolume(disk, physicalIds[0] ?? '', groupText(thin, 1, 'pool'));
  return disk;
}

interface Opened {
  readonly image: PointImage;
  readonly notices: string[];
  /** Reads of volumes so far. */
  readonly reads: () => number;
}

function open(
  devices: readonly string[] = ['/dev/sda1', '/dev/sdf', '/dev/sdg', '/dev/sdh'],
  rootDevice = '/dev/sda1',
): Opened {
  const notices: string[] = [];
  let reads = 0;
  const counted = (source: ByteSource): ByteSource => ({
    ...source,
    read: async (...range) => {
      reads += 1;
      return source.read(...range);
    },
  });
  const volumes = devices.map((device, index) => ({ volume: `vol-0${index}`, device }) as VolumeSnapshot);
  const image = new PointImage(
    volumes,
    async ({ device = '' }) => counted(bytesSource(disks[device] ?? Buffer.alloc(0))),
    rootDevice,
    { onNotice: (text) => notices.push(text) },
  );
  return { image, notices, reads: () => reads };
}

async function textAt(image: PointImage, where: string): Promise<[part: string, path: string, text: string]> {
  const place = await image.getPlace(where, { followLast: true });
  if (place.kind !== 'node') throw new Error(`${where} is ${place.kind}`);
  const pieces = await Array.fromAsync(place.node.read());
  return [place.part.path, place.path, Buffer.concat(pieces).toString()];
}

test.each([
  ['/etc/passwd', '/dev/sda1p1', '/etc/passwd', 'root'],
  ['//etc/../etc/./passwd', '/dev/sda1p1', '/etc/passwd', 'root'],
  ['/data/www/index', '/dev/sdf', '/data/www/index', 'of data'],
  ['/srv/index', '/dev/sdf', '/data/www/index', 'of data'],
  ['/srv/up', '/dev/sda1p1', '/etc/passwd', 'root'],
  ['/var/log/messages', '/dev/vg-0/log', '/var/log/messages', 'of log'],
])('%s is found as the machine has it, on %s', async (where, ...found) => {
  expect(await textAt(open().image, where)).toEqual(found);
});

test.each([
  ['/dev/sda1p1/data/hidden', '/dev/sda1p1', 'under a mount'],
  ['/dev/xvda1/etc/passwd', '/dev/xvda1', 'root'],
  ['/dev/sdf/www/index', '/dev/sdf', 'of data'],
  ['/dev/xvdf/www/index', '/dev/xvdf', 'of data'],
  ['vol-01/www/index', 'vol-01', 'of data'],
  ['/dev/vg-0/log/messages', '/dev/vg-0/log', 'of log'],
  ['/dev/mapper/vg--0-log/messages', '/dev/vg-0/log', 'of log'],
  ['C:\\Windows\\win.ini', '/dev/sda1p1', 'not really'],
  ['/c:/Windows/win.ini', '/dev/sda1p1', 'not really'],
])('%s is found where its volume is named', async (where, part, text) => {
  const [on, , content] = await textAt(open().image, where);

  expect([on, content]).toEqual([part, text]);
});

test.each([
  ['C:\\windows\\WIN.INI', '; for 16-bit app support'],
  ['C:\\a\\text:note', 'a stream'],
  ['/c:/A/te~1:NOTE', 'a stream'],
  ['/dev/sdn/a/text:note', 'a stream'],
])('%s is found on a volume of Windows, in any case', async (where, text) => {
  const [, , content] = await textAt(open(['/dev/sdn'], '/dev/sdn').image, where);

  expect(content).toBe(text);
});

test.each([
  ['/tmp/x', 'NotSupportedError', '/tmp is tmpfs, which is on no volume'],
  ['/efi/x', 'NotSupportedError', 'FAT16 is not supported'],
  ['/lost/x', 'UnknownNameError', '/lost is a mount of /dev/xvdz, which is not in this image'],
  ['/scratch/x', 'UnknownNameError', '/dev/nvme3n1 may be any volume of this image'],
  ['/etc/shadow', 'UnknownNameError', 'there is nothing at "/etc/shadow"'],
  ['/dev/vg-0/other/x', 'UnknownNameError', '/dev/sdg, /dev/sdh, /dev/vg-0/log'],
  ['/dev/sdg/x', 'UnknownNameError', 'holds logical volumes of LVM; name one of /dev/vg-0/log'],
  [
    'D:\\x',
    'UnknownNameError',
    'letter D: is known to the registry of Windows alone, which cannot be read: /dev/sda1p1 has no /Windows/System32/config/SYSTEM',
  ],
  ['etc/passwd', 'UnknownNameError', 'begin with a "/", or with one of'],
])('%s is refused with what is there', async (where, name, message) => {
  const looked = open().image.getPlace(where);

  await expect(looked).rejects.toMatchObject({ name });
  await expect(looked).rejects.toThrow(message);
});

test('a long file of a logical volume comes from both of its disks', async () => {
  const [, , text] = await textAt(open().image, '/var/log/long');

  expect(text).toBe('x'.repeat(1_300_000));
});

test.each([
  ['/dev', ['/dev/sda1p1 ext4', '/dev/sda1p2 FAT16', '/dev/sdf ext4', '/dev/vg-0/log ext4']],
  ['/dev/sda1', ['/dev/sda1p1 ext4', '/dev/sda1p2 FAT16']],
  ['/dev/vg-0', ['/dev/vg-0/log ext4']],
  ['/dev/mapper/', ['/dev/vg-0/log ext4']],
])('%s is all that is there', async (where, parts) => {
  const place = await open().image.getPlace(where);

  expect(place.kind === 'parts' && place.parts.map((part) => `${part.path} ${part.content?.name}`)).toEqual(
    parts,
  );
});

test('a physical volume that is missing is named, and what does not need it is read', async () => {
  const { image, notices } = open(['/dev/sda1', '/dev/sdf', '/dev/sdg']);

  expect(await textAt(image, '/data/www/index')).toEqual(['/dev/sdf', '/data/www/index', 'of data']);
  await expect(image.getPlace('/var/log/messages')).rejects.toThrow(
    `physical volume ${physicalIds[1]} (pv1)`,
  );
  await expect(image.getPlace('/dev/vg-0/log/messages')).rejects.toMatchObject({ name: 'FileSystemError' });
  expect((await image.listParts()).map((part) => part.path)).not.toContain('/dev/vg-0/log');
  expect(notices).toEqual([expect.stringContaining('/dev/vg-0/log cannot be read: physical volume')]);
});

test('the root is found without the record of a machine, and refused where there are two', async () => {
  expect((await textAt(open(['/dev/sda1'], 'unknown').image, '/etc/passwd'))[2]).toBe('root');

  const both = ['/dev/sda1', '/dev/sdz'];
  expect((await textAt(open(both).image, '/etc/passwd'))[0]).toBe('/dev/sda1p1');
  await expect(open(both, 'unknown').image.getPlace('/etc/passwd')).rejects.toThrow(
    'several file systems of this image have an /etc/fstab; begin the path with one of /dev/sda1p1 (ext4), /dev/sdz1',
  );
});

test.each<[string, number, string]>([
  ['a file system', mebibyte, '("/dev/xvdr1": '],
  ['partitions', 512, '(/dev/xvdr: '],
])('another system is not taken for one of which %s cannot be read', async (_, from, message) => {
  disks['/dev/xvdr'] = Buffer.from(disks['/dev/sda1'] ?? '').fill(0xff, from + 1024 + 64);
  disks['/dev/xvdr'].fill(0xff, from, from + 1024);
  const { image } = open(['/dev/xvdr', '/dev/sda1'], '/dev/xvdr');

  for (const where of ['/etc/passwd', 'C:\\Windows'])
    await expect(image.getPlace(where)).rejects.toThrow(
      `the machine starts from /dev/xvdr, of which not all can be read ${message}`,
    );
  expect((await textAt(image, '/dev/sda1p1/etc/passwd'))[2]).toBe('root');
});

test.each<[string, () => Buffer, string]>([
  ['a file system that is not read', btrfsDisk, '(/dev/xvdr: Btrfs is not supported)'],
  [
    'a logical volume that is not read',
    thinDisk,
    '(/dev/pool/thin: LVM segment of type thin is not supported)',
  ],
])('another system is not taken for one in %s', async (_, makeDisk, message) => {
  disks['/dev/xvdr'] = makeDisk();
  const { image } = open(['/dev/xvdr', '/dev/sda1'], '/dev/xvdr');

  for (const where of ['/etc/passwd', 'C:\\Windows'])
    await expect(image.getPlace(where)).rejects.toThrow(
      `the machine starts from /dev/xvdr, of which not all can be read ${message}`,
    );
});

test('a machine without an fstab names what there is', async () => {
  await expect(open(['/dev/sdf']).image.getPlace('/etc/passwd')).rejects.toThrow(
    'no file system of this image has an /etc/fstab; begin the path with one of /dev/sdf (ext4)',
  );
});

test('a journal that was not replayed is told of once for its file system, with what it means', async () => {
  const image = makeExtImage(path.join(scratch.path, 'dirty'), {
    size: '8M',
    commands: ['feature needs_recovery', 'zap_block -f <8> 0'],
  });
  disks['/dev/sdy'] = readFileSync(image);
  const { image: opened, notices } = open(['/dev/sdf', '/dev/sdy']);
  await opened.getPlace('/dev/sdf/www');
  expect(notices).toEqual([]);

  await Promise.all([opened.getPlace('/dev/sdy/'), opened.getPlace('/dev/sdy/lost+found')]);
  for (const part of await opened.listParts()) await opened.openFileSystem(part);

  expect(notices).toEqual([
    expect.stringMatching(
      /^\/dev\/sdy: the journal of this ext4 was not replayed \(.*\): .*A mount of a restored volume/,
    ),
  ]);
});

test.each<[string, number, string]>([
  ['LUKS 2', 0, 'LUKS\xba\xbe\0\x02'],
  ['BitLocker', 3, `-FVE-FS-${'\0'.repeat(499)}\x55\xaa`],
  ['Linux RAID (mdraid 1)', 4096, '\xfc\x4e\x2b\xa9\x01\0\0\0'],
  ['Btrfs', 65_600, '_BHRfS_M'],
  ['ZFS', 131_072, `\x0c\xb1\xba${'\0'.repeat(1021)}`.repeat(4)],
  ['swap space', 4086, 'SWAPSPACE2'],
])('%s is refused by its name, with what to do instead', async (name, at, bytes) => {
  const disk = Buffer.alloc(mebibyte);
  disk.write(bytes, at, 'latin1');
  disks['/dev/sdx'] = disk;

  await expect(open(['/dev/sdx']).image.getPlace('/dev/sdx/etc')).rejects.toMatchObject({
    name: 'NotSupportedError',
    message: `"/dev/sdx": ${name} is not supported; restore the volume with "--to-file" or "--to-volumes"`,
  });
});

test('a thin volume of LVM is refused by its kind, and told of where all parts are listed', async () => {
  disks['/dev/sdw'] = thinDisk();
  const { image, notices } = open(['/dev/sdw']);

  await expect(image.getPlace('/dev/pool/thin/etc')).rejects.toMatchObject({
    name: 'NotSupportedError',
    message: expect.stringContaining('LVM segment of type thin is not supported') as string,
  });
  expect(await image.listParts()).toEqual([]);
  expect(notices).toEqual(['/dev/pool/thin cannot be read: LVM segment of type thin is not supported']);
});

test('many paths of an image are found with the reads of the first', async () => {
  const { image, reads } = open();
  await textAt(image, '/var/log/messages');
  const first = reads();

  await Promise.all(Array.from({ length: 50 }, async () => textAt(image, '/var/log/messages')));

  expect(reads()).toBe(first);
});

/** A disk with an MBR, its signature, and a file system in its only partition. */
function mbrDisk(content: Buffer, signature: number): Buffer {
  const disk = Buffer.alloc(4 * mebibyte);
  writeMbr(disk, [{ type: 7, start: 2048, sectors: 4096 }]);
  disk.writeUInt32LE(signature, 440);
  content.copy(disk, mebibyte);
  return disk;
}

const signature = 0xb2f6b2f6;
const letters = {
  C: gptPlace(Buffer.from('1'.padStart(32, '0'), 'hex')),
  D: mbrPlace(signature, mebibyte),
  E: mbrPlace(signature, 2 * mebibyte),
  F: Buffer.from(String.raw`\??\IDE#CdRom`, 'utf16le'),
  H: gptPlace(Buffer.alloc(16, 9)),
};

/** Opens a machine with a Windows on a GPT, whose registry this is, and disks with an MBR. */
function openWindows(hive: Buffer, ...others: readonly string[]): Opened {
  const name = `windows-${Object.keys(disks).length}`;
  const files = { 'Windows/win.ini': 'of Windows', 'Windows/System32/config/SYSTEM': hive };
  const system = Buffer.alloc(4 * mebibyte);
  writeGpt(system, [{ first: 2048, last: 6143 }]);
  makeFiles(name, files).copy(system, mebibyte);
  disks[name] = system;
  disks['xvdf'] ??= mbrDisk(makeFiles('logs', { 'logs/today': 'of D', 'Windows/old': 'a copy' }), signature);
  disks['xvdg'] ??= disks['xvdf'];
  return open([name, ...others], name);
}

test('letters of Windows are those of its registry, on whatever disk of the image they are', async () => {
  const { image, notices } = openWindows(makeSystemHive(letters), 'xvdf');

  expect(await textAt(image, 'D:\\logs\\today')).toEqual(['xvdf1', 'D:/logs/today', 'of D']);
  expect((await textAt(image, '/d:/logs/today'))[2]).toBe('of D');
  expect((await textAt(image, 'C:\\Windows\\win.ini'))[2]).toBe('of Windows');
  expect(notices).toEqual([]);
  expect(
    (await image.listMounts()).mounts.map(({ mountPoint, part }) => `${mountPoint} ${part.path}`),
  ).toEqual([expect.stringMatching(/^\/C: windows-\d+p1$/), '/D: xvdf1']);
});

test.each<[string, string]>([
  [
    'E:\\x',
    `letter E: is the partition at byte ${2 * mebibyte} of the disk with signature b2f6b2f6, which is not in`,
  ],
  [
    'F:\\x',
    'letter F: is a drive that can be pulled out, or for CDs, which is on no volume; of this image are C:',
  ],
  ['H:\\x', 'letter H: is partition 09090909-0909-0909-0909-090909090909, which is not in this image'],
  ['X:\\x', 'letter X: is none that Windows has; of this image are C: (windows'],
])('%s is refused with what the registry has of it', async (where, message) => {
  const { image } = openWindows(makeSystemHive(letters), 'xvdf');

  await expect(image.getPlace(where)).rejects.toMatchObject({ name: 'UnknownNameError' });
  await expect(image.getPlace(where)).rejects.toThrow(message);
  await expect(image.getPlace(where)).rejects.toThrow('D: (xvdf1)');
});

test('a letter of which two disks say that they are it is refused with both', async () => {
  const { image } = openWindows(makeSystemHive(letters), 'xvdf', 'xvdg');

  await expect(image.getPlace('D:\\logs')).rejects.toThrow(
    /^letter D: is the partition .* that may be any of xvdf1 \(ext4\), xvdg1 \(ext4\): one is a copy .* begin the path with one$/,
  );
});

test('a registry that was in use is read, and told of once where it has the word', async () => {
  const { image, notices } = openWindows(makeSystemHive(letters, { isDirty: true }), 'xvdf');
  await textAt(image, 'C:\\Windows\\win.ini');
  expect(notices).toEqual([]);

  await textAt(image, 'D:\\logs\\today');
  await textAt(image, 'D:\\logs\\today');

  expect(notices).toEqual([
    expect.stringMatching(/^the registry of Windows on windows-\d+p1 was in use when/),
  ]);
  await expect(image.getPlace('X:\\x')).rejects.toThrow('changed in the hour before may be as they were');
});

test('C: is the partition with \\Windows where the registry does not say, and only there', async () => {
  const damaged = makeSystemHive(letters).fill(0xff, 40, 44);
  const { image } = openWindows(damaged, 'xvdf');
  expect((await textAt(image, 'C:\\Windows\\win.ini'))[2]).toBe('of Windows');
  await expect(image.getPlace('D:\\logs')).rejects.toThrow('cannot be read: "windows');
  expect((await image.listMounts()).doubts).toEqual([
    expect.stringContaining('/Windows/System32/config/SYSTEM'),
  ]);

  const { D, E, C: system } = letters;
  const asD = openWindows(makeSystemHive({ C: E, D: system }), 'xvdf').image;
  expect((await textAt(asD, 'D:\\Windows\\win.ini'))[2]).toBe('of Windows');
  await expect(asD.getPlace('C:\\Windows')).rejects.toThrow('letter C: is the partition at byte');
  const asC = openWindows(makeSystemHive({ C: D }), 'xvdf').image;
  expect((await textAt(asC, 'C:\\logs\\today'))[2]).toBe('of D');
});
