import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { noise, numbers } from './seeded-bytes.ts';
import { listFiles } from './trees.ts';

/** Undoes a change, to the byte. */
export type Undo = () => void;

/** A change touches one file in this many. */
const changedEvery = 100;

/** Puts a line into one file in a hundred. */
export function changeFiles(directory: string): Undo {
  const next = numbers('change');
  const originals = new Map<string, Buffer>();
  for (const path of listFiles(directory).filter((_, index) => index % changedEvery === 7)) {
    const file = join(directory, path);
    const content = readFileSync(file);
    originals.set(file, content);
    writeFileSync(file, withLine(content, `changed ${path}`, next));
  }
  return () => originals.forEach((content, file) => writeFileSync(file, content));
}

export interface PageChange {
  readonly pageBytes: number;
  /** Pages that are changed together. */
  readonly run: number;
  /** Share of the pages, those that are nothing but zeros included. */
  readonly share: number;
  readonly seed: string;
}

/** Overwrites 200 bytes in each of some pages of a file; pages that hold nothing stay as they are. */
export function changePages(file: string, { pageBytes, run, share, seed }: PageChange): Undo {
  const next = numbers(seed);
  const pages = Math.floor(statSync(file).size / pageBytes);
  const originals = new Map<number, Buffer>();
  const opened = openSync(file, 'r+');
  for (let left = Math.round(pages * share); left > 0; left -= run) {
    const first = next(pages - run);
    for (let page = first; page < first + run; page++) {
      const content = Buffer.alloc(pageBytes);
      readSync(opened, content, 0, pageBytes, page * pageBytes);
      if (originals.has(page) || content.every((byte) => byte === 0)) continue;
      originals.set(page, Buffer.from(content));
      noise(`${seed} ${page}`, 200).copy(content, next(pageBytes - 200));
      writeSync(opened, content, 0, pageBytes, page * pageBytes);
    }
  }
  closeSync(opened);
  return () => {
    const again = openSync(file, 'r+');
    originals.forEach((content, page) => writeSync(again, content, 0, pageBytes, page * pageBytes));
    closeSync(again);
  };
}

/** One day of a tree that grows: of a hundred files one is edited, of two hundred one is new, of five hundred one goes. */
export function passDay(directory: string, day: number): void {
  const next = numbers(`day ${day}`);
  for (const path of listFiles(directory)) {
    const file = join(directory, path);
    const lot = next(1000);
    if (lot < 10) writeFileSync(file, withLine(readFileSync(file), `day ${day}`, next));
    else if (lot < 15) {
      const target = join(dirname(file), `day-${day}`, path.split('/').at(-1) ?? '');
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, variantOf(readFileSync(file), 1 + (day % 255)));
    } else if (lot < 17) rmSync(file);
  }
}

/** Other bytes of the same compressibility: each is exclusive-or'd with a number. 0 gives the same bytes. */
export function variantOf(content: Buffer, variant: number): Buffer {
  return variant === 0 ? content : Buffer.from(content.map((byte) => byte ^ variant));
}

function withLine(content: Buffer, text: string, next: (below: number) => number): Buffer {
  const at = next(content.length + 1);
  return Buffer.concat([content.subarray(0, at), Buffer.from(`/* ${text} */\n`), content.subarray(at)]);
}
