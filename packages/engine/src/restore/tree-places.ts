import { compareBytes } from '../bytes.ts';
import { entryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { RestoreSource } from './restore-source.ts';

const slash = 0x2f;

/** An entry that was passed, and its place in a tree: its path without a `/` at the end. */
interface Place {
  readonly path: Uint8Array;
  readonly place: Uint8Array;
  readonly isDirectory: boolean;
}

/**
 * Finds entries that have no place of their own in a tree of files, because an earlier entry of the point is there:
 * `a/` and `a/b` where `a` is a file or link. Names alone decide, so that all workers of a restore, and every
 * repetition of it, come to the same: the first in the order of paths has the place, whatever became of it.
 */
export class TreePlaces {
  /** Passed entries that the present path begins with, each the beginning of the next. */
  readonly #open: Place[] = [];

  /**
   * For a restore of all of `selection`, of which one worker begins with `first`. Looks up the entries on the way there
   * that another worker may restore.
   */
  static async before(
    source: RestoreSource,
    first: Uint8Array,
    selection: readonly KeyRange[],
    signal?: AbortSignal,
  ): Promise<TreePlaces> {
    const places = new TreePlaces();
    for (const [length, next] of first.entries()) {
      // Paths below a place come after all others that go on with less than a slash.
      if (length === 0 || next > slash) continue;
      const path = first.subarray(0, length);
      if (!selection.some((selected) => isInRange(entryKey(path), selected))) continue;
      const found = await source.find(path, signal);
      if (found !== undefined) places.findTaker(found);
    }
    return places;
  }

  /** The path of the entry that has the place of this one; each entry is asked about once, in order. */
  findTaker(entry: SourceEntry): Uint8Array | undefined {
    const { path } = entry;
    const endsInSlash = path.at(-1) === slash;
    const place = endsInSlash ? path.subarray(0, -1) : path;
    for (let last = this.#open.at(-1); last !== undefined; last = this.#open.at(-1)) {
      if (beginsWith(path, last.place)) break;
      this.#open.pop();
    }
    const taker = this.#open.find((passed) => takesPlace(passed, place));
    if (taker === undefined)
      this.#open.push({ path, place, isDirectory: endsInSlash || entry.kind === 'directory' });
    return taker?.path;
  }
}

/** The places begin alike: they are one, or the first is a file where the second needs a directory. */
function takesPlace(passed: Place, place: Uint8Array): boolean {
  return (
    passed.place.length === place.length || (!passed.isDirectory && place[passed.place.length] === slash)
  );
}

/** Neighbours differ at their ends. */
function beginsWith(path: Uint8Array, start: Uint8Array): boolean {
  if (path.length < start.length) return false;
  for (let at = start.length - 1; at >= 0; at -= 1) if (path[at] !== start[at]) return false;
  return true;
}

export function isInRange(key: Uint8Array, { from, to }: KeyRange): boolean {
  return (
    (from === undefined || compareBytes(from, key) <= 0) && (to === undefined || compareBytes(key, to) < 0)
  );
}
