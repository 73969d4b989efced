import { utf8 } from '../bytes.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { diffTrees } from '../manifest/tree-diff.ts';
import { decodeFileKey, pathKeys, prefixKeys, type KeyRange } from '../manifest/tuple-key.ts';
import type { PageSource } from '../manifest/page-store.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { PointReader } from './point-reader.ts';

/** One line of a listing: an entry, or a directory that paths imply. */
export type ListedEntry = { readonly file: FileEntry } | { readonly directory: string };

/**
 * Lists a point like a directory: the entries directly below a path that ends in `/` (or `''` for the top), and names of
 * directories once each. Any other path lists that entry. Skips what lies below a directory without reading it.
 * @param recursive - every entry below, and no directory lines.
 */
export async function* listEntries(
  reader: PointReader,
  path: string,
  recursive = false,
  signal?: AbortSignal,
): AsyncGenerator<ListedEntry> {
  const origin = `point ${reader.root.point}`;
  const below = path === '' || path.endsWith('/');
  const range: KeyRange = path === "" ? {} : below ? prefixKeys(utf8(path)) : pathKeys(utf8(path));
  let from = range.from;
  for (;;) {
    let skipTo: Uint8Array | undefined;
    const part = { ...(from && { from }), ...(range.to && { to: range.to }) };
    for await (const entry of reader.manifest.range(part, signal === undefined ? {} : { signal })) {
      const key = decodeFileKey(entry.key, origin);
      if (key.offset !== undefined) continue;
      const name = Buffer.from(key.path).toString('utf8');
      const slash = name.indexOf('/', path.length);
      if (below && !recursive && slash >= 0 && slash < name.length - 1) {
        const directory = name.slice(0, slash + 1);
        yield { directory };
        skipTo = prefixKeys(utf8(directory)).to;
        break;
      }
      yield { file: decodeFileEntry(entry, origin) };
    }
    if (skipTo === undefined) return;
    from = skipTo;
  }
}

/** How an entry differs between two points. */
export interface PointDifference {
  readonly path: Uint8Array;
  readonly change: 'added' | 'removed' | 'changed';
  readonly before?: FileEntry;
  readonly after?: FileEntry;
}

/**
 * Entries in which two points of a vault differ, in the order of paths. Reads pages in proportion to the differences
 * where one point was derived from the other. Content that changed shows as its entry, whose change token changed.
 */
export async function* diffPoints(before: PointReader, after: PointReader, signal?: AbortSignal): AsyncGenerator<PointDifference> {
  const own = new Set(before.root.pagePacks.map(({ pack }) => pack));
  const source: PageSource = {
    read: async (ref, readSignal) => (own.has(ref.location.pack.packId) ? before : after).pages.read(ref, readSignal),
  };
  const roots = [before, after].map(({ root }) => findPageRef(root.manifest, root.point));
  for await (const difference of diffTrees(source, roots[0], roots[1], signal === undefined ? {} : { signal })) {
    const key = decodeFileKey(difference.key, 'a manifest');
    if (key.offset !== undefined) continue;
    const old = difference.before && decodeFileEntry(difference.before, `point ${before.root.point}`);
    const current = difference.after && decodeFileEntry(difference.after, `point ${after.root.point}`);
    yield {
      path: key.path,
      change: old === undefined ? 'added' : current === undefined ? 'removed' : 'changed',
      ...(old && { before: old }),
      ...(current && { after: current }),
    };
  }
}
