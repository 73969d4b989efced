import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { largeFiles, packages, smallFiles } from '../data-sets.ts';

/** Objects of a source bucket, by key. */
export type Objects = ReadonlyMap<string, Buffer>;

export const objectSetNames = ['small', 'large'] as const;
export type ObjectSetName = (typeof objectSetNames)[number];

const smallObjectBytes = 64 * 1024;

/**
 * `small`: 64 KiB each, the size that docs/scale.md reckons with, out of the packages' small files in a row. `large`: the
 * packages' large files, programs and libraries, as they are. The same packages give the same bytes.
 */
export function makeObjects(name: ObjectSetName, quick: boolean): Objects {
  return name === 'small' ? piecesOfFiles(quick ? 200 : Infinity) : wholeFiles(quick ? 10e6 : 800e6);
}

function piecesOfFiles(count: number): Objects {
  const objects = new Map<string, Buffer>();
  let waiting = Buffer.alloc(0);
  for (const path of smallFiles(1)) {
    waiting = Buffer.concat([waiting, readFileSync(join(packages, path))]);
    while (waiting.length >= smallObjectBytes) {
      const key = `documents/${String(objects.size).padStart(6, '0')}`;
      // A copy: the rest of what it was cut from is not kept with it.
      objects.set(key, Buffer.from(waiting.subarray(0, smallObjectBytes)));
      if (objects.size === count) return objects;
      waiting = waiting.subarray(smallObjectBytes);
    }
  }
  return objects;
}

function wholeFiles(bytes: number): Objects {
  const objects = new Map<string, Buffer>();
  let total = 0;
  for (const path of largeFiles(1)) {
    const content = readFileSync(join(packages, path));
    objects.set(path, content);
    total += content.length;
    if (total >= bytes) break;
  }
  return objects;
}
