import { equalBytes, utf8, fromUtf8 } from '../bytes.ts';
import { decodeFileEntry, encodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { Difference } from '../manifest/tree-diff.ts';
import { decodeFileKey, entryKey, pathKeys, prefixKeys, type KeyRange } from '../manifest/tuple-key.ts';
import { MissingPaths } from '../points/missing-paths.ts';
import { diffManifests } from './diff-manifests.ts';
import type { PointReader } from './point-reader.ts';

/** One line of a listing: an entry, or a directory that paths imply. */
export type ListedEntry = { readonly file: FileEntry } | { readonly directory: string };

/**
 * Lists a point like a directory: the entries directly below a path that ends in `/` (or `''` for the top), and names
 * of directories once each. Any other path lists that entry. Entries below a directory are skipped without being read.
 * @param recursive - every entry below, and no directory lines.
 */
export async function* listEntries(
  reader: PointReader,
  path: string,
  recursive = false,
  signal?: AbortSignal,
): AsyncGenerator<ListedEntry> {
  const below = path === '' || path.endsWith('/');
  const prefix = utf8(path);
  const range: KeyRange = path === '' ? {} : below ? prefixKeys(prefix) : pathKeys(prefix);
  let from = range.from;
  for (;;) {
    let skipTo: Uint8Array | undefined;
    const part = { from, to: range.to };
    for await (const entry of reader.manifest.range(part, { signal })) {
      const key = decodeFileKey(entry.key, reader.name);
      if (key.offset !== undefined) continue;
      // In bytes: a path need not be UTF-8, and text that it is shown as leads elsewhere.
      const slash = key.path.indexOf(0x2f, prefix.length);
      if (below && !recursive && slash >= 0 && slash < key.path.length - 1) {
        const directory = key.path.subarray(0, slash + 1);
        yield { directory: fromUtf8(directory) };
        skipTo = prefixKeys(directory).to;
        break;
      }
      yield { file: decodeFileEntry(entry, reader.name) };
    }
    if (skipTo === undefined) return;
    from = skipTo;
  }
}

/**
 * An entry's difference between two points. `unread`: one of the points could not read it, so nothing can be said of
 * its source. `unclear`: it was removed or added, or could not be read; the root does not name all that it lacks.
 */
export interface PointDifference {
  readonly path: Uint8Array;
  readonly change: 'added' | 'removed' | 'changed' | 'unread' | 'unclear';
  /** The point that could not read it, or may not have. */
  readonly unreadIn?: 'before' | 'after';
  readonly before?: FileEntry;
  readonly after?: FileEntry;
}

/**
 * Lists entries in which two points of a vault differ, in facts or content, and those that only one of them could read,
 * in the order of paths. A note that an entry is to be read again is no difference. Reads pages in proportion to the
 * differences where one point was derived from the other.
 */
export async function* diffPoints(
  before: PointReader,
  after: PointReader,
  signal?: AbortSignal,
): AsyncGenerator<PointDifference> {
  const sides: Sides = {
    before,
    after,
    missing: { before: new MissingPaths(before.root), after: new MissingPaths(after.root) },
  };
  let path: Uint8Array | undefined;
  let ofPath: Difference[] = [];
  for await (const difference of diffManifests(before, after, signal)) {
    const key = decodeFileKey(difference.key, 'a manifest');
    if (path !== undefined && !equalBytes(path, key.path)) {
      yield* differenceOf(path, ofPath, sides, signal);
      ofPath = [];
    }
    path = key.path;
    // One stretch of content that differs says as much as all of them.
    if (ofPath.length < 2) ofPath.push(difference);
  }
  if (path !== undefined) yield* differenceOf(path, ofPath, sides, signal);
}

interface Sides {
  readonly before: PointReader;
  readonly after: PointReader;
  readonly missing: { readonly before: MissingPaths; readonly after: MissingPaths };
}

/** Sums up the differences below one path; if its own entry differs, that is the first of them. */
async function* differenceOf(
  path: Uint8Array,
  differences: readonly Difference[],
  { before, after, missing }: Sides,
  signal: AbortSignal | undefined,
): AsyncGenerator<PointDifference> {
  const key = entryKey(path);
  const [first] = differences;
  if (first === undefined || !equalBytes(first.key, key)) {
    // The entry is the same in both: a file that was written twice within one tick of its time stamp.
    const found = await before.manifest.find(key, signal);
    const file = found && decodeFileEntry(found, before.name);
    if (file !== undefined) yield { path, change: 'changed', before: file, after: file };
    return;
  }
  const old = first.before && decodeFileEntry(first.before, before.name);
  const current = first.after && decodeFileEntry(first.after, after.name);
  if (old !== undefined && current !== undefined) {
    const contentDiffers = differences.length > 1;
    if (contentDiffers || !sameFacts(old, current))
      yield { path, change: 'changed', before: old, after: current };
    else if (current.carriedFrom !== undefined && current.carriedFrom !== old.carriedFrom)
      yield { path, change: 'unread', unreadIn: 'after', before: old, after: current };
    return;
  }
  if (old !== undefined)
    yield { path, ...onOneSide('removed', 'after', missing.after.has(path)), before: old };
  if (current !== undefined)
    yield { path, ...onOneSide('added', 'before', missing.before.has(path)), after: current };
}

function onOneSide(
  change: 'added' | 'removed',
  lackingIn: 'before' | 'after',
  isUnread: boolean | 'unknown',
): Pick<PointDifference, 'change' | 'unreadIn'> {
  if (isUnread === false) return { change };
  return { change: isUnread === true ? 'unread' : 'unclear', unreadIn: lackingIn };
}

function sameFacts(a: FileEntry, b: FileEntry): boolean {
  const [left, right] = [a, b].map(({ entry }) => encodeFileEntry({ entry, mustRead: false }).logical);
  return left !== undefined && right !== undefined && equalBytes(left, right);
}
