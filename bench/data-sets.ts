import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { changeFiles, changePages, variantOf, type Undo } from './changes.ts';
import { logText, noise, numbers } from './seeded-bytes.ts';
import { listFiles, measureTree } from './trees.ts';

export const dataSetNames = [
  'source',
  'programs',
  'media',
  'database',
  'versions',
  'images',
  'bucket',
] as const;
export type DataSetName = (typeof dataSetNames)[number];

export interface DataSet {
  readonly name: DataSetName;
  readonly title: string;
  readonly directory: string;
  readonly files: number;
  readonly bytes: number;
  /** The file that is restored alone, where there are others. */
  readonly oneFile?: string;
  /** Days that pass; without them the data are changed once. */
  readonly days?: number;
  /** Changes one in a hundred (files, pages), and gives the way back. */
  change(): Undo;
}

/** Raised whenever a recipe changes, so that no old data are measured. */
const recipe = 6;
const smallFileBytes = 256 * 1024;
const databasePageBytes = 8 * 1024;
const imageBlockBytes = 4 * 1024;
const randomDatabase = { pageBytes: databasePageBytes, run: 1, share: 0.01, seed: 'database' } as const;
/** Blocks of images change in runs of 64 KiB, as files in them do. */
const inRuns = { pageBytes: imageBlockBytes, run: 16 } as const;

interface Recipe {
  readonly title: string;
  readonly make: (directory: string, quick: boolean) => void;
  readonly days?: number;
  /** @default a line is put into one file in a hundred */
  readonly change?: (directory: string) => Undo;
  /** Programs without which it cannot be made. */
  readonly needs?: string;
}

const project = join(import.meta.dirname, '..');
/** Installed packages, whose files the data are made of. */
export const packages = join(project, 'node_modules');

const recipes: Readonly<Record<DataSetName, Recipe>> = {
  source: {
    title: 'source tree',
    make: (directory, quick) => {
      const every = quick ? 10 : 1;
      for (let variant = 0; variant < (quick ? 1 : 4); variant++)
        copyPackages(smallFiles(every), join(directory, String(variant)), variant);
    },
  },
  programs: {
    title: 'programs and libraries',
    make: (directory, quick) => {
      for (let variant = 0; variant < (quick ? 1 : 2); variant++)
        copyPackages(largeFiles(quick ? 3 : 1), join(directory, String(variant)), 90 * variant);
    },
  },
  media: {
    title: 'media, incompressible',
    make: (directory, quick) => {
      const next = numbers('media');
      for (let at = 0; at < (quick ? 20 : 160); at++) {
        const bytes = 1_000_000 + next(quick ? 1_000_000 : 8_000_000);
        writeIn(directory, join(`album-${at % 8}`, `${at}.jpg`), noise(`photo ${at}`, bytes));
      }
      for (let at = 0; at < (quick ? 1 : 4); at++)
        writeIn(directory, join('films', `${at}.mp4`), noise(`film ${at}`, quick ? 10_000_000 : 100_000_000));
    },
  },
  database: {
    title: 'database file',
    make: (directory, quick) => {
      mkdirSync(directory, { recursive: true });
      writeDatabase(join(directory, 'base.db'), quick ? 8_000 : 375_000);
    },
    change: (directory) => changePages(join(directory, 'base.db'), randomDatabase),
  },
  versions: {
    title: 'growing tree, daily versions',
    days: 30,
    make: (directory, quick) => copyPackages(smallFiles(quick ? 60 : 6), directory, 0),
  },
  images: {
    title: 'disk images',
    needs: 'mkfs.ext4',
    make: (directory, quick) => {
      const tree = `${directory}-tree`;
      copyPackages([...smallFiles(quick ? 80 : 8), ...largeFiles(quick ? 8 : 1)], tree, 0);
      mkdirSync(directory, { recursive: true });
      for (const name of ['machine', 'copy'])
        makeFileSystem(join(directory, `${name}.img`), tree, quick ? '300M' : '1200M');
      changePages(join(directory, 'copy.img'), { ...inRuns, share: 0.05, seed: 'copy' });
    },
    change: (directory) =>
      changePages(join(directory, 'machine.img'), { ...inRuns, share: 0.01, seed: 'image' }),
  },
  bucket: {
    title: 'packages, into a bucket',
    make: (directory, quick) =>
      copyPackages([...smallFiles(quick ? 40 : 2), ...largeFiles(quick ? 20 : 4)], directory, 0),
  },
};

/** Makes a data set once and keeps it in `directory`. The same packages give the same bytes. */
export function prepareDataSet(
  name: DataSetName,
  { directory, quick, log }: { directory: string; quick: boolean; log: (line: string) => void },
): DataSet | undefined {
  const { title, make, change = changeFiles, days, needs } = recipes[name];
  if (needs !== undefined && !isInstalled(needs)) {
    log(`${name}: left out, ${needs} is not installed`);
    return undefined;
  }
  const root = join(directory, quick ? `${name}-quick` : name);
  // Absent while the data are made or changed.
  const stamp = `${root}.json`;
  const made = JSON.stringify({
    recipe,
    packages: hash('sha256', readFileSync(join(project, 'package-lock.json'))),
  });
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== made) {
    log(`${name}: making the data in ${root}`);
    rmSync(root, { recursive: true, force: true });
    make(root, quick);
    writeFileSync(stamp, made);
  }
  const files = listFiles(root);
  return {
    name,
    title,
    directory: root,
    ...measureTree(root),
    days: quick && days !== undefined ? 3 : days,
    oneFile: files.length < 10 ? undefined : middleFile(root, files),
    change: () => {
      rmSync(stamp);
      const undo = change(root);
      return () => {
        undo();
        writeFileSync(stamp, made);
      };
    },
  };
}

/** What npm puts beside packages, and the project's own ones, which it links: they change with every commit. */
const fromNoRegistry = /^(?:\.|@holdfast\/)/;

/** Files of installed packages, each as it is in its registry. */
function packageFiles(fits: (bytes: number) => boolean, every: number): string[] {
  return listFiles(packages)
    .filter((path) => !fromNoRegistry.test(path) && fits(lstatSync(join(packages, path)).size))
    .filter((_, index) => index % every === 0);
}

/** Paths below {@link packages}. */
export function smallFiles(every: number): string[] {
  return packageFiles((bytes) => bytes <= smallFileBytes, every);
}

/** Paths below {@link packages}. */
export function largeFiles(every: number): string[] {
  return packageFiles((bytes) => bytes > smallFileBytes, every);
}

function copyPackages(paths: readonly string[], directory: string, variant: number): void {
  for (const path of paths) writeIn(directory, path, variantOf(readFileSync(join(packages, path)), variant));
}

function writeIn(directory: string, path: string, content: Uint8Array): void {
  const file = join(directory, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  // A day that is the same on every machine, and older than any backup.
  utimesSync(file, 1_700_000_000, 1_700_000_000);
}

/** Pages with a head, rows that compress to a quarter, a part that does not compress, and room that is left. */
function writeDatabase(file: string, pages: number): void {
  const next = numbers('pages');
  const rows = logText('rows', 32_000_000);
  const binary = noise('binary', 16_000_000);
  const pagesAtOnce = 1_000;
  const opened = openSync(file, 'w');
  for (let first = 0; first < pages; first += pagesAtOnce) {
    const batch = Buffer.alloc(pagesAtOnce * databasePageBytes);
    for (let page = 0; page < pagesAtOnce; page++) {
      const at = page * databasePageBytes;
      batch.writeUInt32LE(next(2 ** 31), at);
      batch.writeUInt32LE(first + page, at + 8);
      const rowBytes = 3_000 + next(3_000);
      const binaryBytes = next(2_000);
      const row = next(rows.length - rowBytes);
      const part = next(binary.length - binaryBytes);
      rows.copy(batch, at + 24, row, row + rowBytes);
      binary.copy(batch, at + databasePageBytes - binaryBytes, part, part + binaryBytes);
    }
    writeSync(opened, batch);
  }
  closeSync(opened);
}

/** An ext4 file system with a tree in it, made without mounting it; the same tree gives the same bytes. */
function makeFileSystem(file: string, tree: string, size: string): void {
  const id = '9f2c51b0-7be4-4d1a-8f00-5d2a6b1c3e47';
  const options = `hash_seed=${id},root_owner=0:0,lazy_itable_init=0,nodiscard`;
  execFileSync('mkfs.ext4', ['-q', '-F', '-U', id, '-E', options, '-d', tree, file, size], {
    env: {
      ...process.env,
      PATH: `${process.env['PATH']}:/usr/sbin:/sbin`,
      E2FSPROGS_FAKE_TIME: '1700000000',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function isInstalled(program: string): boolean {
  return `${process.env['PATH']}:/usr/sbin:/sbin`
    .split(':')
    .some((place) => existsSync(join(place, program)));
}

function middleFile(directory: string, files: readonly string[]): string | undefined {
  const sized = files.map((path) => ({ path, bytes: lstatSync(join(directory, path)).size }));
  sized.sort((a, b) => a.bytes - b.bytes);
  return sized[Math.floor(sized.length / 2)]?.path;
}
