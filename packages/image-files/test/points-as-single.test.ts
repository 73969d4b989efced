import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  copyIntoNtfs,
  debugfs,
  makeExtImage,
  makeScratch,
  makeXfsImage,
  unpackNtfsImage,
  xfsDb,
} from '@holdfast/disk/testing';
import { openVault, parseGlob, PointReader } from '@holdfast/engine';
import { FakeClock, makeMemoryServices, putImagePoint, SeededRandom } from '@holdfast/engine/testing';
import { afterAll, expect, test } from 'vitest';
import { diffImages } from '../src/diff-images.ts';
import { findInImages } from '../src/find-in-images.ts';

const scratch = makeScratch();
afterAll(scratch.remove);

const states = 4;
/** Smaller than those of EBS, so that small file systems have many. */
const blockBytes = 16_384;
/** Series of each kind in the gate; `HOLDFAST_SEEDS` times as many, if that is set. */
const seeds = Array.from(
  { length: Math.ceil(Number(process.env['HOLDFAST_SEEDS'] ?? 1)) },
  (_, seed) => seed,
);

type Next = (below: number) => number;

function numbersOf(seed: string): Next {
  const random = new SeededRandom(seed);
  return (below) => Buffer.from(random.bytes(4)).readUInt32LE() % below;
}

const folders = ['a', 'b', 'c', 'd/e', 'd/f'];
const filesOfFolder = 8;

function makeTree(at: string, next: Next): string {
  for (const folder of folders) {
    mkdirSync(path.join(at, folder), { recursive: true });
    for (let file = 0; file < filesOfFolder; file += 1)
      writeFileSync(path.join(at, folder, `f${file}.txt`), 'x'.repeat(next(3_000)));
  }
  return at;
}

/** Changes that somebody makes in a day. */
function changeExt(file: string, next: Next): void {
  const content = `${file}.new`;
  writeFileSync(content, 'y'.repeat(next(5_000)));
  const some = (): string => `/${folders[next(folders.length)]}/f${next(filesOfFolder)}.txt`;
  const any: readonly (() => string[])[] = [
    () => [`sif ${some()} mtime @${next(2 ** 31)}`],
    () => [`sif ${some()} mode 0100${600 + next(3)}`],
    () => [`write ${content} /${folders[next(folders.length)]}/g${next(2 ** 31)}.txt`],
    () => [`mkdir /d/h${next(2 ** 31)}`],
    () => [`ln ${some()} /a/l${next(2 ** 31)}.txt`],
  ];
  debugfs(file, Array.from({ length: next(4) }, () => any[next(any.length)]?.() ?? []).flat());
  if (next(2) === 0)
    debugfs(file, ['cd b', ...(next(2) === 0 ? [] : [`write ${content} day${next(2 ** 31)}.txt`])]);
}

/** States of an ext4, one after the other; of some, what changed is in the journal alone. */
function statesOfExt(name: string, next: Next): Buffer[] {
  const file = makeExtImage(path.join(scratch.path, name), {
    size: '6M',
    tree: makeTree(path.join(scratch.path, `${name}-tree`), next),
    options: ['-b', '1024', '-g', '2048', '-U', '11111111-2222-4333-8444-555555555555'],
  });
  return Array.from({ length: states }, () => {
    const before = readFileSync(file);
    changeExt(file, next);
    const after = readFileSync(file);
    return next(3) === 0 ? after : inJournal(`${file}.dirty`, before, after);
  });
}

/** A state whose blocks are in the journal in place of where they belong. */
function inJournal(file: string, before: Buffer, after: Buffer): Buffer {
  const bytes = 1024;
  const places = Array.from({ length: before.length / bytes }, (_, block) => block).filter(
    // The superblock is not among them: debugfs writes it itself.
    (block) =>
      block > 1 &&
      !before
        .subarray(block * bytes, (block + 1) * bytes)
        .equals(after.subarray(block * bytes, (block + 1) * bytes)),
  );
  if (places.length === 0) return after;
  writeFileSync(file, before);
  writeFileSync(
    `${file}.blocks`,
    Buffer.concat(places.map((block) => after.subarray(block * bytes, (block + 1) * bytes))),
  );
  debugfs(file, ['jo -c -v 3', `jw -b ${places.join(',')} ${file}.blocks`, 'jc']);
  return readFileSync(file);
}

/** Numbers of the files of a tree, by which they are found also under another name. */
function inodesOfXfs(file: string): string[] {
  const commands = folders.flatMap((folder) =>
    Array.from({ length: filesOfFolder }, (_, at) => [`path /${folder}/f${at}.txt`, 'inode']).flat(),
  );
  return Array.from(
    xfsDb(file, commands).matchAll(/^current inode number is (\d+)/gm),
    ([, number = '']) => number,
  );
}

/** States of an XFS; in the middle of them it is made anew, so that everything lies elsewhere. */
function statesOfXfs(name: string, next: Next): Buffer[] {
  const tree = makeTree(path.join(scratch.path, `${name}-tree`), next);
  const file = path.join(scratch.path, name);
  const make = () =>
    makeXfsImage(file, { tree, options: ['-m', 'uuid=11111111-2222-4333-8444-555555555555'] });
  make();
  let inodes = inodesOfXfs(file);
  return Array.from({ length: states }, (_, state) => {
    if (state === 2) {
      writeFileSync(path.join(tree, 'a', 'a-first.txt'), 'z');
      make();
      inodes = inodesOfXfs(file);
    }
    const some = (): string => `inode ${inodes[next(folders.length) * filesOfFolder + next(filesOfFolder)]}`;
    if (next(3) > 0)
      xfsDb(file, [some(), `write core.mode 0100${600 + next(3)}`, some(), `write core.size ${next(4_000)}`]);
    // Another name of the same file.
    if (next(2) > 0)
      xfsDb(file, [`path /${folders[next(folders.length)]}`, `write u3.sfdir3.list[0].name "n${state}.txt"`]);
    return readFileSync(file);
  });
}

/** States of an NTFS, to which files are added, and which have other times. */
function statesOfNtfs(name: string, next: Next): Buffer[] {
  const file = path.join(scratch.path, name);
  writeFileSync(file, unpackNtfsImage('small'));
  return Array.from({ length: states }, (_, state) => {
    if (state % 2 === 1) copyIntoNtfs(file, `n${state}3.txt`, Buffer.alloc(next(3_000), 'n'));
    const bytes = readFileSync(file);
    const records = Array.from({ length: 40 }, (__, at) => bytes.indexOf('FILE0', at * 20_000));
    // The times of a record, behind the header of its first attribute.
    for (const at of records.slice(next(4)))
      if (bytes.readUInt32LE(at + bytes.readUInt16LE(at + 20)) === 0x10)
        bytes.writeUInt8(next(256), at + bytes.readUInt16LE(at + 20) + 24 + 8 + 2);
    return bytes;
  });
}

async function pointsOf(images: readonly Buffer[]): Promise<PointReader[]> {
  const services = makeMemoryServices(new FakeClock('2026-11-23T02:00:00.000Z'), new SeededRandom('states'));
  const points: PointReader[] = [];
  for (const content of images) {
    services.clock.advance(86_400_000);
    const root = await putImagePoint(services, {
      volumes: [{ volume: 'vol-0a', content, blockBytes, record: { device: '/dev/xvda' } }],
    });
    points.unshift(new PointReader(services.store, await openVault(services), root));
  }
  return points;
}

/** A line for each file of a point. */
async function found(points: readonly PointReader[], glob: string, remembered?: number): Promise<string[]> {
  const all = await findInImages(points, [parseGlob(glob)], { remembered });
  return all.flatMap((one) =>
    one.versions.flatMap(({ facts, points: having }) =>
      having.map((point) =>
        [point, Buffer.from(one.path).toString('latin1'), ...Object.values(facts)].join('\t'),
      ),
    ),
  );
}

async function foundFiles(point: PointReader): Promise<string[]> {
  return (await found([point], '**')).filter((line) => !line.includes('/\t'));
}

async function foundOneByOne(points: readonly PointReader[], glob: string): Promise<string[]> {
  const all: string[] = [];
  for (const [at, point] of points.entries())
    all.push(...(await found([point], glob)).map((line) => line.replace(/^0\t/, `${at}\t`)));
  return all.sort();
}

test.each(
  seeds.flatMap((seed) => [
    ['ext4, also dirty', seed, statesOfExt] as const,
    ['ext4, also dirty', seed + 1_000, statesOfExt] as const,
    ['XFS', seed, statesOfXfs] as const,
    ['NTFS', seed, statesOfNtfs] as const,
  ]),
)('many points of %s (seed %i) are found as each by itself is', async (kind, seed, make) => {
  const points = await pointsOf(make(`${kind.slice(0, 4)}-${seed}`, numbersOf(`${kind} ${seed}`)));

  for (const glob of ['**', '*3.txt']) {
    const wanted = await foundOneByOne(points, glob);
    expect((await found(points, glob)).sort(), glob).toEqual(wanted);
    if (glob === '**') expect((await found(points, glob, 12)).sort()).toEqual(wanted);
    expect(wanted).not.toHaveLength(0);
  }

  const [newest, next] = points as [PointReader, PointReader];
  const differences = await Array.fromAsync(diffImages(newest, next));
  const names = new Set(differences.map((one) => Buffer.from(one.path).toString('latin1')));
  const [one, other] = [await foundFiles(newest), await foundFiles(next)].map((lines) => new Set(lines)) as [
    Set<string>,
    Set<string>,
  ];
  for (const line of one.symmetricDifference(other)) expect(names).toContain(line.split('\t')[1]);
});
