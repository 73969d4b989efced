// npm run bench:disks [-- --files=50000] [--points=30] [--gibibytes=100] [--publish]
// npm run bench:disks -- --large=100 [--publish]: one dense file of so many GB alone, of which nothing is on a disk.
// Measures files out of images: see docs/image-files.md.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { debugfs } from '@holdfast/disk/testing';
import { runMeasured } from '../child.ts';
import { putFigures } from '../figures.ts';
import { scratchDirectory } from '../programs.ts';
import { compareCopies } from './compare-copies.ts';
import {
  type FileSystemName,
  fileSystems,
  makeFileSystem,
  whileMounted,
  whyNotMounted,
} from './disk-image.ts';
import { countBlocks, device, DiskVault } from './disk-vault.ts';
import { makeDenseImage } from './dense-volume.ts';
import { FileVolume } from './file-volume.ts';
import {
  type DiskFigures,
  figuresOf,
  type FoundFigures,
  figuresOfLarge,
  type SkippedDisk,
} from './report-disks.ts';
import { contentOf, makeSourceTree, pathOf, readProgram } from './source-tree.ts';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '50000' },
    points: { type: 'string', default: '30' },
    changes: { type: 'string', default: '300' },
    gibibytes: { type: 'string', default: '100' },
    large: { type: 'string' },
    publish: { type: 'boolean', default: false },
  },
});
const [files, points, changedFiles, gibibytes] = [
  values.files,
  values.points,
  values.changes,
  values.gibibytes,
].map(Number) as [number, number, number, number];
/** A file that changes from each point to the next. */
const marked = 4711 % files;
const imageBytes = gibibytes * 2 ** 30;
const scratch = join(scratchDirectory, `disks-${process.pid}`);
const source = join(scratch, 'source');
const program = readProgram();
const arn = 'arn:aws:ec2:us-east-1:111122223333:volume/vol-1';

const log = (text: string): void => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);

interface Disk {
  readonly name: FileSystemName;
  readonly directory: string;
  readonly volume: FileVolume;
  readonly vault: DiskVault;
}

async function makeDisk(name: FileSystemName): Promise<Disk> {
  const directory = join(scratch, name);
  mkdirSync(directory);
  const file = join(directory, 'disk.img');
  makeFileSystem(name, file, imageBytes);
  whileMounted(name, file, (mounted) => execFileSync('cp', ['-a', `${source}/.`, mounted]));
  log(`${name}: the image is made`);
  const volume = new FileVolume(file);
  return { name, directory, volume, vault: await DiskVault.make(directory, volume) };
}

async function measureDisk({ name, directory, volume, vault }: Disk): Promise<DiskFigures> {
  const { point } = await vault.backUp('full', 'snap-0');
  log(`${name}: it is in the vault`);
  const path = `${device}/tree/${pathOf(Math.floor(files / 2))}`;
  const firstByte = {
    blocks: await countBlocks(volume, 'snap-0', async (image) => {
      const place = await image.getPlace(path);
      if (place.kind !== 'node') throw new Error(`${path} is no file`);
      for await (const _ of place.node.read({ from: 0, to: 1 })) break;
    }),
    ...(await runMeasured(vault.command('cat', `${point}:${path}`))),
  };
  const listing = {
    blocks: await countBlocks(volume, 'snap-0', async (image) => {
      const place = await image.getPlace(`${device}/crowd`);
      if (place.kind !== 'node') throw new Error('the crowd is no directory');
      for (const { id } of await Array.fromAsync(place.node.list())) await place.fileSystem.node(id);
    }),
    ...(await runMeasured(vault.command('ls', `${point}:${device}/crowd`))),
  };
  const restoredTo = join(directory, 'restored');
  const { usage: restored } = await runMeasured(
    vault.extract(point, '--path', `${device}/tree/`, '--to', restoredTo),
  );
  log(`${name}: restored in ${restored.seconds.toFixed(1)} s, ${restored.cpuSeconds.toFixed(1)} s CPU`);
  compareCopies(join(source, 'tree'), join(restoredTo, device, 'tree'), name);
  const diskImage = (await runMeasured(vault.extract(point, '--to', join(directory, 'image')))).usage;
  const copied = await measureCopy(name, join(directory, 'image', 'vol-1.raw'), join(directory, 'copied'));
  log(`${name}: copied in ${copied.seconds.toFixed(1)} s`);
  return { name, firstByte, listing, restored, copied, diskImage };
}

/** Mounts, copies and unmounts: what somebody does who has no reader. */
async function measureCopy(name: FileSystemName, image: string, to: string) {
  const how = join(import.meta.dirname, 'copy-mounted.ts');
  return (await runMeasured({ args: [process.execPath, how, name, image, to] })).usage;
}

/** Adds points to the one that there is, and looks for files in all of them. */
async function measureFind({ directory, volume, vault }: Disk): Promise<FoundFigures[]> {
  for (let day = 1; day < points; day += 1) {
    changeFiles(volume.file, directory, day);
    await vault.backUp('incremental', `snap-${day}`);
    log(`point ${day + 1} of ${points}`);
  }
  const found: FoundFigures[] = [];
  for (const glob of [basename(pathOf(marked)), '**', `${device}/tree/${pathOf(marked)}`])
    for (const name of [`${arn}@latest`, arn]) {
      const { usage, output } = await runMeasured(vault.command('find', name, glob, '--versions', '--json'));
      const versions = output
        .split('\n')
        .filter((line) => line !== '')
        .reduce(
          (sum, line) => sum + ((JSON.parse(line) as { versions?: unknown[] }).versions?.length ?? 1),
          0,
        );
      found.push({ glob, points: name === arn ? points : 1, versions, usage });
      log(`find ${glob}: ${usage.seconds.toFixed(1)} s`);
    }
  return found;
}

/** A day's work: some files all over the tree, and one that is always the same. */
function changeFiles(image: string, directory: string, day: number): void {
  const content = join(directory, 'content');
  mkdirSync(content);
  const changed = Array.from({ length: changedFiles }, (_, at) => (day * 7919 + at * 104_729) % files);
  const commands = [...new Set([...changed, marked])].flatMap((file) => {
    const path = pathOf(file);
    writeFileSync(join(content, `${file}`), contentOf(program, file, day));
    return [
      `cd /tree/${dirname(path)}`,
      `rm ${basename(path)}`,
      `write ${join(content, `${file}`)} ${basename(path)}`,
    ];
  });
  debugfs(image, commands);
  rmSync(content, { recursive: true });
}

async function measureAll(): Promise<void> {
  const bytes = makeSourceTree(source, files);
  log('the tree is made');
  const disks: (DiskFigures | SkippedDisk)[] = [];
  const found: FoundFigures[] = [];
  for (const name of fileSystems) {
    const skipped = whyNotMounted(name, scratch);
    if (skipped !== undefined) {
      disks.push({ name, skipped });
      continue;
    }
    const disk = await makeDisk(name);
    disks.push(await measureDisk(disk));
    if (name === 'ext4') found.push(...(await measureFind(disk)));
  }
  print('figures', figuresOf({ disks, found, files, bytes, imageBytes, changedFiles }));
}

async function measureLarge(bytes: number): Promise<void> {
  const image = join(scratch, 'dense.img');
  makeDenseImage(image, bytes);
  const restore = join(import.meta.dirname, 'restore-dense.ts');
  const { usage, output } = await runMeasured({ args: [process.execPath, restore, image, `${bytes}`] });
  print('large file', figuresOfLarge({ bytes, blocks: Number(output), usage }));
}

function print(place: string, figures: string): void {
  console.log(figures);
  if (values.publish)
    putFigures('image-files.md', { begin: `<!-- ${place} -->`, end: `<!-- end of ${place} -->` }, figures);
}

mkdirSync(scratch, { recursive: true });
try {
  if (values.large === undefined) await measureAll();
  else await measureLarge(Number(values.large) * 1e9);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
