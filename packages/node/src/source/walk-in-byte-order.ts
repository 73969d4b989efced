import { readdirSync } from 'node:fs';

import { errnoOf } from '../errno.ts';
import { pathBytes } from './raw-path.ts';
import type { RawPath } from './raw-path.ts';

/** A half-open range of raw paths: from inclusive, to exclusive; absent = unbounded. */
export interface RawRange {
  readonly from?: string;
  readonly to?: string;
}

/** Tells that some path that starts with `prefix` lies in the range. */
export function overlaps(prefix: string, { from, to }: RawRange): boolean {
  return (
    (to === undefined || prefix < to) && (from === undefined || prefix >= from || from.startsWith(prefix))
  );
}

/**
 * Names in one directory in byte order, a directory's with a `/` at its end.
 * With that `/` the order of names is the order of whole paths: `a-` comes before `a/x` although `a` comes before `a-`.
 */
function namesInByteOrder(directory: string): string[] {
  // Without a compare function strings sort by code units, which are bytes here, and several times faster.
  return readNames(pathBytes(directory)).sort();
}

function readNames(directory: Buffer): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true, encoding: 'latin1' }).map((child) =>
      child.isDirectory() ? `${child.name}/` : child.name,
    );
  } catch (error) {
    if (errnoOf(error) !== 'ERR_INVALID_ARG_TYPE') throw error;
    // Where a file system does not tell the kinds of its names, Node asks itself, and cannot join a Buffer with text.
    return readdirSync(directory, { withFileTypes: true, encoding: 'buffer' }).map((child) => {
      const name = child.name.toString('latin1');
      return child.isDirectory() ? `${name}/` : name;
    });
  }
}

/**
 * Walks a tree in the byte order of whole paths, without following symbolic links and without opening directories that
 * lie wholly outside the range. Paths are relative to `root`; a directory's path ends in `/` and comes right before
 * what is in it. The root itself is left out. Holds the names of the directories on the way, nothing else.
 * @param onUnreadable - told of a directory below the root that cannot be listed; the walk goes on after it.
 * @throws the file system's error when the root itself cannot be listed.
 */
export function* walkInByteOrder(
  root: RawPath,
  range: RawRange,
  onUnreadable: (path: RawPath, error: unknown) => void,
): Generator<RawPath, void, undefined> {
  const stack = [{ prefix: '', names: namesInByteOrder(`${root}/`), next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const name = top.names[top.next];
    top.next += 1;
    if (name === undefined) {
      stack.pop();
      continue;
    }
    const path = (top.prefix + name) as RawPath;
    if (range.to !== undefined && path >= range.to) return;
    if (range.from === undefined || path >= range.from) yield path;
    if (!name.endsWith('/') || !overlaps(path, range)) continue;
    try {
      stack.push({ prefix: path, names: namesInByteOrder(`${root}/${path}`), next: 0 });
    } catch (error) {
      onUnreadable(path, error);
    }
  }
}
