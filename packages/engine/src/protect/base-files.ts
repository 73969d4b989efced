import { decodeExtent, extentPacks, type Extent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { PackId } from '../ids.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { comparePathToKey, decodeFileKey, hasSamePath } from '../manifest/tuple-key.ts';

/** What the base has of one path, within a shard's keys. Most files of most runs are never looked at more closely. */
export class BaseFile {
  /** All entries of the path in the range, its own and its content's, by key; at least one. */
  readonly entries: readonly [Entry, ...Entry[]];
  readonly #origin: string;
  #file: FileEntry | undefined;

  /** @param origin - what errors call the manifest. */
  constructor(entries: readonly [Entry, ...Entry[]], origin: string) {
    this.entries = entries;
    this.#origin = origin;
  }

  get path(): Uint8Array {
    return decodeFileKey(this.entries[0].key, this.#origin).path;
  }

  /** The path's own entry. Absent in a shard of a stretch, whose keys begin behind it. */
  get file(): FileEntry | undefined {
    const [first] = this.entries;
    if (this.#file === undefined && decodeFileKey(first.key, this.#origin).offset === undefined)
      this.#file = decodeFileEntry(first, this.#origin);
    return this.#file;
  }

  /** Whether the path sorts before another one (negative), is the same (0), or sorts after it (positive). */
  compareTo(path: Uint8Array): number {
    return -comparePathToKey(path, this.entries[0].key);
  }
}

/**
 * Groups the entries of a file manifest by path, page by page. Memory: a page, and the entries of one path within the
 * range that is read, which in a shard is one for every GiB of content.
 * @param pages - entries in the order of keys, in portions of any size.
 * @param origin - what errors call the manifest.
 */
export async function* groupByPath(
  pages: AsyncIterable<readonly Entry[]>,
  origin: string,
): AsyncGenerator<readonly BaseFile[], void, undefined> {
  let open: [Entry, ...Entry[]] | undefined;
  for await (const page of pages) {
    const files: BaseFile[] = [];
    for (const entry of page) {
      if (open !== undefined && hasSamePath(open[0].key, entry.key)) {
        open.push(entry);
      } else {
        if (open !== undefined) files.push(new BaseFile(open, origin));
        open = [entry];
      }
    }
    // The last path of a page may go on in the next one.
    if (files.length > 0) yield files;
  }
  if (open !== undefined) yield [new BaseFile(open, origin)];
}

/** The stretches of content among a path's entries. */
export function* extentsOf({ entries }: BaseFile, origin: string): Generator<Extent> {
  for (const entry of entries) {
    if (decodeFileKey(entry.key, origin).offset !== undefined) yield decodeExtent(entry, origin);
  }
}

/** Whether any of a path's content lies in one of these packs. */
export function usesPacks(file: BaseFile, packs: ReadonlySet<PackId>, origin: string): boolean {
  if (packs.size === 0) return false;
  return file.entries.some(
    (entry) =>
      decodeFileKey(entry.key, origin).offset !== undefined &&
      extentPacks(entry, origin).some((packId) => packs.has(packId)),
  );
}
