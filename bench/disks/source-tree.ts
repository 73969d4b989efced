import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numbers } from '../seeded-bytes.ts';

const filesInDirectory = 100;
export const crowdFiles = 10_000;

/** The path of a file below the tree's directory. */
export function pathOf(file: number): string {
  return join(`d${Math.floor(file / filesInDirectory)}`, `file-${file}.bin`);
}

/** Content of a file on a day: a stretch of Node's own executable, 200 bytes to 50 kB long, as many below 3 kB as above. */
export function contentOf(program: Buffer, file: number, day = 0): Buffer {
  const next = numbers(`${file} ${day}`);
  const bytes = Math.floor(200 * 2 ** (next(1000) / 125));
  const begin = next(program.length - bytes);
  return program.subarray(begin, begin + bytes);
}

export function readProgram(): Buffer {
  return readFileSync(process.execPath);
}

/** Makes `tree`, many files in many directories, and `crowd`, many in one. */
export function makeSourceTree(directory: string, files: number): number {
  const program = readProgram();
  let bytes = 0;
  mkdirSync(join(directory, 'crowd'), { recursive: true });
  for (let file = 0; file < crowdFiles; file += 1)
    writeFileSync(join(directory, 'crowd', `name-${file}`), `${file}\n`);
  for (let file = 0; file < files; file += 1) {
    const path = join(directory, 'tree', pathOf(file));
    if (file % filesInDirectory === 0) mkdirSync(join(path, '..'), { recursive: true });
    const content = contentOf(program, file);
    writeFileSync(path, content, { mode: file % 7 === 0 ? 0o600 : 0o644 });
    // Every other time is of a whole second, as those of installed packages are.
    utimesSync(path, 1_600_000_000, 1_600_000_000 + file * 1.5);
    bytes += content.length;
  }
  return bytes;
}
