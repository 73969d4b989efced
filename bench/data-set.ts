import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { logText, noise, numbers } from './seeded-bytes.ts';

export interface DataSet {
  readonly directory: string;
  /** File that marks the data as complete; it is absent while they are changed. */
  readonly stamp: string;
  readonly files: number;
  readonly bytes: number;
}

/** Raised whenever the recipe changes, so that no old data set is measured. */
const recipe = 4;
/** Number of parts that trees of packages are cut into; later slices hold the same parts, every file altered. */
const moduleParts = 5;
const smallFiles = 1000;
const smallBytesMost = 16_000;
const textFiles = 4;
const textBytes = 12_000_000;
const noiseFiles = 2;
const noiseBytes = 10_000_000;
/** A change touches one file in this many. */
const changedEvery = 100;

/**
 * Makes the data set once and keeps it in `directory/<slices>`: slices of about 200 MB, each the same mixture. A slice
 * holds small files of real programs (a fifth of the installed packages, the second time round each with a mark in it,
 * so that it is new), small texts, logs, noise, a copy of a log with a paragraph put in, and an exact copy of noise.
 * The same packages and slices give the same bytes.
 */
export function prepareDataSet(
  directory: string,
  packages: string,
  slices: number,
  log: (line: string) => void,
): DataSet {
  const root = join(directory, `data-${slices}`);
  const stamp = `${root}.json`;
  const listed = existsSync(stamp)
    ? (JSON.parse(readFileSync(stamp, 'utf8')) as { recipe: number })
    : undefined;
  if (listed?.recipe !== recipe) {
    log(`making the data set in ${root}`);
    rmSync(root, { recursive: true, force: true });
    const modules = listFiles(packages, [
      '.bin',
      '.cache',
      '.vite',
      '.vite-temp',
      '.vitest-cache',
      '.types',
      '@holdfast',
    ]);
    for (let slice = 0; slice < slices; slice++)
      makeSlice(join(root, `slice-${slice}`), slice, packages, modules);
    writeFileSync(stamp, JSON.stringify({ recipe }));
  }
  return { directory: root, stamp, ...measureTree(root) };
}

export function sliceOf({ directory, stamp }: DataSet, slice: number): DataSet {
  const path = join(directory, `slice-${slice}`);
  return { directory: path, stamp, ...measureTree(path) };
}

/** Links the first slices into a new directory, as a data set of their own. */
export function linkSlices({ directory, stamp }: DataSet, slices: number, target: string): DataSet {
  for (let slice = 0; slice < slices; slice++) {
    const name = `slice-${slice}`;
    for (const path of listFiles(join(directory, name))) {
      const linked = join(target, name, path);
      mkdirSync(dirname(linked), { recursive: true });
      linkSync(join(directory, name, path), linked);
    }
  }
  return { directory: target, stamp, ...measureTree(target) };
}

export function measureTree(directory: string): { readonly files: number; readonly bytes: number } {
  const files = listFiles(directory);
  const bytes = files.reduce((sum, path) => sum + lstatSync(join(directory, path)).size, 0);
  return { files: files.length, bytes };
}

/**
 * Changes one file in a hundred while `work` runs, then puts all of them back. A data set whose change was interrupted
 * is made anew the next time.
 */
export async function whileChanged<Result>(
  { directory, stamp }: DataSet,
  work: () => Promise<Result>,
): Promise<Result> {
  const next = numbers('change');
  const files = listFiles(directory).filter((_, index) => index % changedEvery === 7);
  const originals = new Map<string, Buffer>();
  rmSync(stamp);
  for (const path of files) {
    const content = readFileSync(join(directory, path));
    originals.set(path, content);
    writeFileSync(join(directory, path), marked(content, `changed ${path}`, next));
  }
  try {
    return await work();
  } finally {
    for (const [path, content] of originals) writeFileSync(join(directory, path), content);
    writeFileSync(stamp, JSON.stringify({ recipe }));
  }
}

/** Regular files below a directory, as relative paths in the same order on every machine. */
export function listFiles(directory: string, without: readonly string[] = []): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((child) => child.isFile())
    .map((child) => join(child.parentPath, child.name).slice(directory.length + 1))
    .filter((path) => !without.some((name) => path.startsWith(`${name}/`)))
    .sort();
}

function makeSlice(root: string, slice: number, packages: string, modules: readonly string[]): void {
  const part = slice % moduleParts;
  const next = numbers(`slice ${slice}`);
  modules.forEach((path, index) => {
    if (Math.floor((index * moduleParts) / modules.length) !== part) return;
    const target = join(root, 'packages', path);
    mkdirSync(dirname(target), { recursive: true });
    if (slice < moduleParts) cpSync(join(packages, path), target);
    else writeFileSync(target, marked(readFileSync(join(packages, path)), `slice ${slice} ${path}`, next));
  });
  for (const name of ['small', 'logs', 'noise', 'twins']) mkdirSync(join(root, name), { recursive: true });
  const prose = logText(`${slice} small`, smallFiles * smallBytesMost);
  for (let at = 0; at < smallFiles; at++) {
    const content = prose.subarray(at * smallBytesMost, at * smallBytesMost + next(smallBytesMost));
    writeFileSync(join(root, 'small', `${at}.txt`), content);
  }
  for (let at = 0; at < textFiles; at++)
    writeFileSync(join(root, 'logs', `${at}.log`), logText(`${slice} ${at}`, textBytes));
  for (let at = 0; at < noiseFiles; at++)
    writeFileSync(join(root, 'noise', `${at}.bin`), noise(`${slice} ${at}`, noiseBytes));
  writeFileSync(join(root, 'twins', 'same.bin'), noise(`${slice} 0`, noiseBytes));
  writeFileSync(
    join(root, 'twins', 'edited.log'),
    marked(logText(`${slice} 0`, textBytes), `twin ${slice}`, next),
  );
}

function marked(content: Buffer, text: string, next: (below: number) => number): Buffer {
  const at = next(content.length + 1);
  return Buffer.concat([content.subarray(0, at), Buffer.from(`/* ${text} */\n`), content.subarray(at)]);
}
