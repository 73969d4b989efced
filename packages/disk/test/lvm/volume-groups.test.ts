import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import {
  type ByteSource,
  detectContent,
  findPath,
  type FoundGroups,
  openFileSystem,
  readVolumeGroups,
  type VolumeGroup,
} from '../../src/index.ts';
import { makeExtImage } from '../support/e2fsprogs.ts';
import { makeScratch } from '../support/scratch.ts';
import { bytesSource } from '../support/sources.ts';
import { dataAt, groupText, physicalIds, volumeText, writePhysicalVolume } from '../support/volume-groups.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

const mebibyte = 2 ** 20;
const makeDisks = (): [Buffer, Buffer] => [Buffer.alloc(3 * mebibyte), Buffer.alloc(3 * mebibyte)];
const read = async (...disks: readonly Buffer[]): Promise<FoundGroups> =>
  readVolumeGroups(disks.map((disk) => bytesSource(disk)));
async function volumesOf(text: string): Promise<VolumeGroup['volumes']> {
  const disks = makeDisks();
  for (const [index, disk] of disks.entries()) writePhysicalVolume(disk, physicalIds[index] ?? '', text);
  return (await read(...disks)).groups[0]?.volumes ?? [];
}
const all = async (source: ByteSource): Promise<Buffer> => Buffer.from(await source.read(0, source.bytes));

const spread = volumeText('root', [
  { start: 20, count: 12, stripes: '"pv1", 3' },
  { start: 0, count: 20, stripes: '"pv0", 5' },
]);

test('a logical volume that lies on two disks in pieces is one source, and its file system is read', async () => {
  const tree = path.join(scratch.path, 'tree');
  mkdirSync(tree);
  writeFileSync(path.join(tree, 'file'), Buffer.alloc(1_500_000, 'over both disks '));
  const image = readFileSync(
    makeExtImage(path.join(scratch.path, 'image'), { size: '2M', tree, features: '^has_journal' }),
  );
  const disks = makeDisks();
  for (const [index, disk] of disks.entries())
    writePhysicalVolume(disk, physicalIds[index] ?? '', groupText(spread));
  image.copy(disks[0], dataAt + 5 * 65_536, 0, 20 * 65_536);
  image.copy(disks[1], dataAt + 3 * 65_536, 20 * 65_536);

  const { groups, notices } = await read(disks[1], Buffer.alloc(mebibyte), disks[0]);
  const [group] = groups;
  const source = group?.volumes[0]?.open();

  expect(notices).toEqual([]);
  expect(group).toMatchObject({
    name: 'vg-data.1',
    uuid: 'gggggg-gggg-gggg-gggg-gggg-gggg-gggggg',
  });
  expect(group?.volumes).toMatchObject([{ name: 'root', uuid: 'rootll-llll-llll-llll-llll-llll-llllll' }]);
  if (source === undefined) throw new Error('no volume');
  expect((await all(source)).equals(image)).toBe(true);
  expect(
    Buffer.from(await source.read(20 * 65_536 - 10, 20)).equals(
      image.subarray(20 * 65_536 - 10, 20 * 65_536 + 10),
    ),
  ).toBe(true);
  const fileSystem = await openFileSystem(source, { verifyChecksums: true });
  expect((await findPath(fileSystem, Buffer.from('file')))?.bytes).toBe(1_500_000);
  expect(await detectContent(bytesSource(disks[0]))).toMatchObject({ kind: 'lvm' });
});

test('a group that LVM itself wrote is read', async () => {
  const file = path.join(import.meta.dirname, 'written-by-lvm.json');
  const written = JSON.parse(readFileSync(file, 'utf8')) as { readonly disks: readonly string[] };
  const disks = written.disks.map((disk) =>
    Buffer.concat([gunzipSync(Buffer.from(disk, 'base64')), Buffer.alloc(7 * mebibyte)]),
  );
  // The group has disk 0 with 112 extents of 64 KiB, all of them of root, whose last eight follow those of swap.
  disks[0]?.write('begins', mebibyte);
  disks[1]?.write('goes on', mebibyte + 20 * 65_536);

  const { groups, notices } = await read(...disks);
  const [group] = groups;
  const opened = (group?.volumes ?? []).map(({ name, open }) => ({ name, source: open() }));

  expect(notices).toEqual([]);
  expect(opened).toMatchObject([
    { name: 'root', source: { bytes: 120 * 65_536 } },
    { name: 'swap', source: { bytes: 20 * 65_536 } },
  ]);
  expect(Buffer.from((await opened[0]?.source.read(0, 6)) ?? []).toString()).toBe('begins');
  expect(Buffer.from((await opened[0]?.source.read(112 * 65_536, 7)) ?? []).toString()).toBe('goes on');
});

test('text that goes on at the beginning of its area is read', async () => {
  const disks = makeDisks();
  writePhysicalVolume(disks[0], physicalIds[0] ?? '', groupText(spread), dataAt - 4096 - 100);

  expect((await read(disks[0])).groups[0]?.volumes).toHaveLength(1);
});

test('of what disks say of their group, the newest counts', async () => {
  const disks = makeDisks();
  writePhysicalVolume(disks[0], physicalIds[0] ?? '', groupText(volumeText('old', []), 9));
  writePhysicalVolume(disks[1], physicalIds[1] ?? '', groupText(volumeText('new', []), 10));

  for (const order of [disks, disks.toReversed()])
    expect((await read(...order)).groups[0]?.volumes).toMatchObject([{ name: 'new' }]);
});

test('a damaged copy is told of, and the other disk has the group', async () => {
  const disks = makeDisks();
  for (const [index, disk] of disks.entries())
    writePhysicalVolume(disk, physicalIds[index] ?? '', groupText(spread));
  disks[0].writeUInt8(0, 4096 + 700);

  const {
    groups: [group],
    notices,
  } = await read(...disks);

  expect(notices).toEqual([expect.stringMatching(/physical volume a{32} cannot be read.*checksum/)]);
  expect(group?.volumes[0]?.open().bytes).toBe(2 * mebibyte);
});

test('a disk with a damaged label, or that is there twice, is told of', async () => {
  const disks = makeDisks();
  for (const [index, disk] of disks.entries())
    writePhysicalVolume(disk, physicalIds[index] ?? '', groupText(spread));
  disks[1].writeUInt8(1, 1000);

  const { groups, notices } = await read(disks[0], disks[1], disks[0]);

  expect(groups).toHaveLength(1);
  expect(notices).toEqual([
    'source 1 cannot be used: LVM label in sector 1 does not have its checksum',
    expect.stringMatching(/a{32} is there twice/),
  ]);
});

test('a disk that is not there is named', async () => {
  const [disk] = makeDisks();
  writePhysicalVolume(disk, physicalIds[0] ?? '', groupText(spread));

  const [group] = (await read(disk)).groups;

  expect(() => group?.volumes[0]?.open()).toThrow(/bbbbbb-.* \(pv1\) is not among the disks/);
});

test.each([
  ['thin', 'LVM segment of type thin is not supported'],
  ['raid1', 'LVM segment of type raid1 is not supported'],
  ['cache', 'LVM segment of type cache is not supported'],
])('a volume of type %s is refused by its name', async (type, message) => {
  const [volume] = await volumesOf(
    groupText(volumeText('x', [{ start: 0, count: 1, stripes: '"pv0", 0', type }])),
  );

  expect(() => volume?.open()).toThrow(message);
});

test('stripes over several disks are refused, and what LVM keeps for itself is left out', async () => {
  const volumes = await volumesOf(
    groupText(
      volumeText('fast', [{ start: 0, count: 2, stripes: '"pv0", 0,\n"pv1", 0' }]) +
        volumeText('pool_tmeta', [{ start: 0, count: 1, stripes: '"pv0", 4' }], '"READ", "WRITE"'),
    ),
  );

  expect(volumes).toHaveLength(1);
  expect(() => volumes[0]?.open()).toThrow('LVM volume striped over 2 disks is not supported');
});

test.each([
  ['a gap', [{ start: 1, count: 1, stripes: '"pv0", 0' }]],
  [
    'an overlap',
    [
      { start: 0, count: 2, stripes: '"pv0", 0' },
      { start: 1, count: 1, stripes: '"pv0", 4' },
    ],
  ],
  ['extents beyond their disk', [{ start: 0, count: 40, stripes: '"pv0", 0' }]],
  ['a disk of no name', [{ start: 0, count: 1, stripes: '"pv7", 0' }]],
  ['no place', [{ start: 0, count: 1, stripes: '' }]],
])('a volume with %s is damaged', async (_, segments) => {
  const [volume] = await volumesOf(groupText(volumeText('x', segments)));

  expect(() => volume?.open()).toThrow(expect.objectContaining({ name: 'DiskDamagedError' }));
});

test.each([
  ['that ends early', 'vg {'],
  ['of sections without end', 'a {'.repeat(10_000)],
  ['with signs out of place', 'vg = { }'],
  ['with letters of no text', 'vg = ;'],
  ['of a list without commas', 'vg = [1 2]'],
])('text %s is damage, and told of', async (_, text) => {
  const [disk] = makeDisks();
  writePhysicalVolume(disk, physicalIds[0] ?? '', text);

  expect(await read(disk)).toEqual({
    groups: [],
    sources: [0],
    notices: [expect.stringMatching(/LVM metadata has/)],
  });
});
