import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  dataAt,
  debugfs,
  groupText,
  makeExtImage,
  makeScratch,
  physicalIds,
  volumeText,
  writePhysicalVolume,
} from '@holdfast/disk/testing';
import { openVault, parseGlob, PointReader, type Root } from '@holdfast/engine';
import {
  FakeClock,
  makeMemoryServices,
  MemoryBlockSource,
  putImagePoint,
  putSnapshotPoint,
  SeededRandom,
  writeBlocks,
} from '@holdfast/engine/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diffImages, type DiffImagesOptions } from '../src/diff-images.ts';
import { findInImages, type FindInImagesOptions } from '../src/find-in-images.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

const services = makeMemoryServices(
  new FakeClock('2026-11-23T02:00:00.000Z'),
  new SeededRandom('find in images'),
);
const fstab = 'LABEL=root / ext4 defaults\nLABEL=data /var/data ext4 defaults\n';
const days = 5;
/** Smaller than those of EBS, so that file systems of a few mebibytes have many. */
const blockBytes = 16_384;
/** Points of a machine with a root and a data volume, the newest first. */
let points: PointReader[];
/** The same, in snapshots alone. */
let inSnapshots: PointReader[];
const ebs = new MemoryBlockSource(services.clock, { blockBytes });
const openSnapshots = async () => ebs;
const were = new Map<string, Buffer>();

/** Makes an ext4 with many small files in many directories, far enough apart to be in blocks of their own. */
function makeTree(name: string, files: Record<string, string>): string {
  const tree = path.join(scratch.path, `${name}-tree`);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(tree, file)), { recursive: true });
    writeFileSync(path.join(tree, file), content);
  }
  const image = path.join(scratch.path, name);
  return makeExtImage(image, {
    size: '4M',
    tree,
    features: '^has_journal,^flex_bg',
    options: ['-L', name, '-b', '1024', '-g', '1024'],
  });
}

async function putPoint(root: string, data: string): Promise<Root> {
  services.clock.advance(86_400_000);
  return putImagePoint(services, {
    volumes: [
      { volume: 'vol-0a', content: readFileSync(root), blockBytes, record: { device: '/dev/xvda' } },
      { volume: 'vol-0b', content: readFileSync(data), blockBytes, record: { device: '/dev/xvdb' } },
    ],
    machine: { rootDeviceName: '/dev/xvda' },
  });
}

async function putSnapshots(root: string, data: string): Promise<Root> {
  services.clock.advance(3_600_000);
  const snapshots = [
    { volume: 'vol-0a', file: root, device: '/dev/xvda' },
    { volume: 'vol-0b', file: data, device: '/dev/xvdb' },
  ].map(({ volume, file, device }) => {
    const content = readFileSync(file);
    if (!were.has(volume)) ebs.makeVolume(content.length, volume, blockBytes);
    writeBlocks(ebs, { volume, content, blockBytes }, were.get(volume));
    were.set(volume, content);
    return { volume, device, snapshot: ebs.takeSnapshot(volume) };
  });
  return putSnapshotPoint(services, { snapshots, machine: { rootDeviceName: '/dev/xvda' } });
}

beforeAll(async () => {
  const root = makeTree('root', {
    'etc/fstab': fstab,
    'etc/hosts': 'first',
    'var/data/hidden.txt': 'below a mount',
  });
  const data = makeTree(
    'data',
    Object.fromEntries(
      Array.from({ length: 60 }, (_, at) => [`d${at % 12}/f${at}.txt`, `file ${at} `.repeat(500)]),
    ),
  );
  const change = path.join(scratch.path, 'change');
  const roots: Root[] = [];
  const snapshotRoots: Root[] = [];
  for (let day = 1; day <= days; day++) {
    // Two changes may come within one second of the file system's clock.
    writeFileSync(change, 'x'.repeat(10 + day));
    debugfs(data, ['cd d3', ...(day > 1 ? ['rm daily.log'] : []), `write ${change} daily.log`]);
    if (day === 3) debugfs(data, ['rm d7/f7.txt']);
    if (day === 4) debugfs(root, ['cd etc', 'rm hosts', `write ${change} hosts`]);
    roots.unshift(await putPoint(root, data));
    snapshotRoots.unshift(await putSnapshots(root, data));
  }
  const keys = await openVault(services);
  points = roots.map((one) => new PointReader(services.store, keys, one));
  inSnapshots = snapshotRoots.map((one) => new PointReader(services.store, keys, one));
});

async function find(
  some: readonly PointReader[],
  glob: string,
  options?: FindInImagesOptions,
): Promise<string[]> {
  const found = await findInImages(some, [parseGlob(glob)], options);
  return found.map(
    ({ path: where, versions, newest }) =>
      `${Buffer.from(where).toString()} (${newest}): ` +
      versions.map(({ facts, points: having }) => `${facts.bytes} B in ${having.join()}`).join(' | '),
  );
}

test('finds files by the paths that the machine has, in every version, with the points that have them', async () => {
  expect(await find(points, 'hosts')).toEqual(['/etc/hosts (there): 14 B in 0,1 | 5 B in 2,3,4']);
  expect(await find(points, '/var/data/d7/f*.txt')).toContain('/var/data/d7/f7.txt (gone): 3500 B in 3,4');
  expect(await find(points, 'daily.log')).toEqual([
    `/var/data/d3/daily.log (there): ${points.map((_, at) => `${10 + days - at} B in ${at}`).join(' | ')}`,
  ]);
});

test('finds files by their device, and names so what a mount hides', async () => {
  expect(await find(points, '/dev/xvda/etc/hosts')).toEqual(await find(points, '/etc/hosts'));
  expect(await find(points, 'hidden.txt')).toEqual([
    '/dev/xvda/var/data/hidden.txt (there): 13 B in 0,1,2,3,4',
  ]);
});

test('many points cost little more than one', async () => {
  const reads: number[] = [];
  const onPoint = (_: number, blocks: number): unknown => reads.push(blocks);

  await find(points, '*.txt', { onPoint });

  const [first = 0, ...later] = reads;
  expect(reads).toHaveLength(days);
  expect(first).toBeGreaterThan(20);
  expect((later.at(-1) ?? 0) - first).toBeLessThan(first);
});

async function diff(
  before: PointReader | undefined,
  after: PointReader | undefined,
  options?: DiffImagesOptions,
): Promise<string[]> {
  const lines: string[] = [];
  if (before === undefined || after === undefined) throw new Error('there is no such point');
  for await (const { path: where, change } of diffImages(before, after, options))
    lines.push(`${change} ${Buffer.from(where).toString()}`);
  return lines.sort();
}

test('a comparison names the files that differ, by the paths that the machine has', async () => {
  expect(await diff(points[2], points[1])).toEqual(['changed /etc/hosts', 'changed /var/data/d3/daily.log']);
  expect(await diff(points[3], points[2])).toEqual([
    'changed /var/data/d3/daily.log',
    'removed /var/data/d7/f7.txt',
  ]);
  expect(await diff(points[0], points[0])).toEqual([]);
});

test('a comparison reads of the second point only what lies in blocks that differ', async () => {
  const [before, after] = [points[1] as PointReader, points[0] as PointReader];
  let [ofBoth, ofOne] = [0, 0];
  await findInImages([before], [parseGlob('*')], { onPoint: (_, blocks) => (ofOne = blocks) });

  await Array.fromAsync(diffImages(before, after, { onDirectory: (_, blocks) => (ofBoth = blocks) }));

  expect(ofBoth).toBeGreaterThan(0);
  expect(ofBoth).toBeLessThanOrEqual(ofOne + 12);
});

test('points in snapshots alone are searched as those in the vault are, and mixed with them', async () => {
  const mixed = points.map((point, at) => (at < 2 ? (inSnapshots[at] as PointReader) : point));

  const wanted = await find(points, 'daily.log');

  expect(await find(inSnapshots, 'daily.log', { openSnapshots })).toEqual(wanted);
  expect(await find(mixed, 'daily.log', { openSnapshots })).toEqual(wanted);
  await expect(find(inSnapshots, 'hosts')).rejects.toThrow('whose blocks are not in the vault');
});

test('blocks that snapshots share are read once, by what EBS says of their differences', async () => {
  const before = { ...ebs.counts };

  await find(inSnapshots.slice(0, 1), '*.txt', { openSnapshots });
  const one = ebs.counts.read - before.read;
  await find(inSnapshots, '*.txt', { openSnapshots });
  const all = ebs.counts.read - before.read - one;

  expect(one).toBeGreaterThan(20);
  expect(all).toBeLessThan(2 * one);
});

test('snapshots are compared by the blocks that EBS lists, whichever is the older one', async () => {
  const volumes: unknown[] = [];
  const onVolumes = async (changed: readonly unknown[]) => void volumes.push(...changed);
  const [one, other] = [inSnapshots[2], inSnapshots[1]];
  const changes = ['changed /etc/hosts', 'changed /var/data/d3/daily.log'];

  expect(await diff(one, other, { openSnapshots, onVolumes })).toEqual(changes);
  expect(await diff(other, one, { openSnapshots })).toEqual(changes);
  expect(await diff(points[2], other, { openSnapshots })).toEqual(changes);
  expect(await diff(one, one, { openSnapshots })).toEqual([]);
  expect(volumes).toMatchObject([{ volume: 'vol-0a' }, { volume: 'vol-0b', blocks: expect.any(Number) }]);
});

test('of a volume that grew between two snapshots all blocks are taken for changed', async () => {
  const [one, other] = [inSnapshots[2], inSnapshots[1]] as [PointReader, PointReader];
  const snapshots = (one.root.image?.snapshots ?? []).map((record) => ({ ...record, sizeGiB: 7 }));
  const smaller = new PointReader(one.store, one.keys, {
    ...one.root,
    image: { ...one.root.image, snapshots },
  });
  const volumes: unknown[] = [];
  const onVolumes = async (changed: readonly unknown[]) => void volumes.push(...changed);

  const changes = await diff(smaller, other, { openSnapshots, onVolumes });

  expect(changes).toEqual(await diff(one, other, { openSnapshots }));
  expect(volumes).toEqual(['vol-0a', 'vol-0b'].map((volume) => ({ volume, blocks: undefined, bytes: 0 })));
});

test('snapshots of another lineage are compared file by file, and one that is gone leaves the search unclear', async () => {
  const [newest, next] = inSnapshots as [PointReader, PointReader];
  const copied = 'vol-0c';
  const content = readFileSync(path.join(scratch.path, 'data'));
  ebs.makeVolume(content.length, copied, blockBytes);
  writeBlocks(ebs, { volume: copied, content, blockBytes });
  const snapshots = (newest.root.image?.snapshots ?? []).map((one) =>
    one.volume === 'vol-0b'
      ? { ...one, snapshot: ebs.takeSnapshot(copied) }
      : { ...one, snapshot: 'snap-gone' },
  );
  const other = new PointReader(newest.store, newest.keys, {
    ...newest.root,
    image: { ...newest.root.image, snapshots },
  });
  const notices: string[] = [];
  const options = { openSnapshots, onNotice: (text: string) => void notices.push(text) };

  expect(await find([other, next], 'hosts', options)).toEqual(['/etc/hosts (unclear): 14 B in 1']);
  expect(await diff(next, other, options)).toEqual(['changed /dev/xvdb/d3/daily.log']);
  expect(notices.join()).toContain('snapshot snap-gone does not exist any more');
});

test('of a disk that is there twice, what the one has is not taken for what the other has', async () => {
  const one = makeTree('one', { 'one.txt': 'x' });
  const other = path.join(scratch.path, 'other');
  copyFileSync(one, other);
  debugfs(other, ['ln one.txt other.txt', 'rm one.txt']);
  const text = groupText(volumeText('files', [{ start: 0, count: 64, stripes: '"pv0", 0' }]), 3, 'vg');
  const volumes = [one, other].map((file, index) => {
    const content = Buffer.alloc(6 * 2 ** 20);
    writePhysicalVolume(content, physicalIds[0] ?? '', text);
    readFileSync(file).copy(content, dataAt);
    return { volume: `vol-1${index}`, content, blockBytes, record: { device: `/dev/sd${'fg'[index]}` } };
  });
  const before = await putImagePoint(services, { volumes });
  const after = await putImagePoint(services, { volumes: volumes.toReversed() });
  const keys = await openVault(services);

  const found = await find(
    [after, before].map((root) => new PointReader(services.store, keys, root)),
    'o*.txt',
  );

  expect(found.map((line) => line.replace(/:.*/, ''))).toEqual([
    '/dev/vg/files/one.txt (gone)',
    '/dev/vg/files/other.txt (there)',
  ]);
});

test('where the newest point cannot say which names files have, those of earlier points are not called gone', async () => {
  const damaged = path.join(scratch.path, 'damaged');
  copyFileSync(path.join(scratch.path, 'root'), damaged);
  debugfs(damaged, ['sif /etc/fstab block[0] 0']);
  const root = await putPoint(damaged, path.join(scratch.path, 'data'));
  const newest = new PointReader(services.store, await openVault(services), root);
  const notices: string[] = [];

  const found = await find([newest, points[0] as PointReader], 'hosts', {
    onNotice: (text) => void notices.push(text),
  });

  expect(found).toEqual(['/dev/xvda/etc/hosts (there): 14 B in 0', '/etc/hosts (unclear): 14 B in 1']);
  expect(notices.join()).toContain(
    'files may have other names than those of the machine: of this image not all can be read ("/dev/xvda/etc/fstab": ',
  );
});
