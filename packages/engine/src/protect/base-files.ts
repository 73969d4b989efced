import { equalBytes } from '../bytes.ts';
import { decodeExtent, type Extent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { PackId } from '../ids.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import type { BaseFile } from './detect-changes.ts';

/**
 * Groups the entries of a file manifest by path. Memory: the entries of one path within the range that is read, which
 * in a shard is one for every GiB of content.
 * @param origin - what errors call the manifest.
 */
export async function* groupByPath(
  entries: AsyncIterable<Entry>,
  origin: string,
): AsyncGenerator<BaseFile, void, undefined> {
  let path: Uint8Array | undefined;
  let group: Entry[] = [];
  for await (const entry of entries) {
    const key = decodeFileKey(entry.key, origin);
    if (path !== undefined && !equalBytes(path, key.path)) {
      yield baseFileOf(path, group, origin);
      group = [];
    }
    path = key.path;
    group.push(entry);
  }
  if (path !== undefined) yield baseFileOf(path, group, origin);
}

function baseFileOf(path: Uint8Array, entries: readonly Entry[], origin: string): BaseFile {
  const [first] = entries;
  const own = first !== undefined && decodeFileKey(first.key, origin).offset === undefined;
  let file: FileEntry | undefined;
  return {
    path,
    entries,
    get file() {
      if (own) file ??= decodeFileEntry(first, origin);
      return file;
    },
  };
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
  for (const { chunks } of extentsOf(file, origin)) {
    if (chunks.some(({ location }) => packs.has(location.packId))) return true;
  }
  return false;
}
