import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { debugfs, makeExtImage, makeScratch } from '@holdfast/disk/testing';
import { openVault, parseGlob, PointReader, type Root } from '@holdfast/engine';
import { FakeClock, makeMemoryServices, putImagePoint, SeededRandom } from '@holdfast/engine/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { diffImages } from '../src/diff-images.ts';
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
  for (let day = 1; day <= days; day++) {
    // Two changes may come within one second of the file system's clock.
    writeFileSync(change, 'x'.repeat(10 + day));
    debugfs(data, ['cd d3', ...(day > 1 ? ['rm daily.log'] : []), `write ${change} daily.log`]);
    if (day === 3) debugfs(data, ['rm d7/f7.txt']);
    if (day === 4) debugfs(root, ['cd etc', 'rm hosts', `write ${change} hosts`]);
    roots.unshift(await putPoint(root, data));
  }
  const keys = await openVault(services);
  points = roots.map((one) => new PointReader(services.store, keys, one));
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

async function diff(before: PointReader | undefined, after: PointReader | undefined): Promise<string[]> {
  const lines: string[] = [];
  if (before === undefined || after === undefined) throw new Error('there is no such point');
  for await (const { path: where, change } of diffImages(before, after))
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
