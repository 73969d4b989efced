import { decodeFileEntry } from '../manifest/file-entry.ts';
import { decodeFileKey, entryKey, isEntryKey, prefixKeys, type KeyRange } from '../manifest/tuple-key.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import { pathAfter } from '../protect/shards.ts';
import type { PointReader } from './point-reader.ts';
import { intersect } from './readable-ranges.ts';

const slash = 0x2f;

export interface SampleOptions {
  /** Most ranges, points at equal distances, and folders that are looked into: so many of each. */
  readonly most: number;
  /** A path whose neighbours are known already: folders beside it, and beside those above it, are looked into first. */
  readonly awayFrom: Uint8Array;
}

/**
 * Picks entries from all over a selection: the first of its ranges, some at equal distances of the whole point, and the
 * first of other folders. Reads a few pages for each.
 */
export async function sampleEntries(
  reader: PointReader,
  selection: readonly KeyRange[],
  { most, awayFrom }: SampleOptions,
  signal?: AbortSignal,
): Promise<readonly SourceEntry[]> {
  const found = new Map<string, SourceEntry>();
  const take = async (from: Uint8Array | undefined): Promise<SourceEntry | undefined> => {
    for (const selected of selection) {
      const range = intersect(from === undefined ? {} : { from }, selected);
      if (range === undefined) continue;
      for await (const stored of reader.manifest.range(range, { signal })) {
        if (!isEntryKey(stored.key)) continue;
        const { entry } = decodeFileEntry(stored, reader.name);
        found.set(Buffer.from(entry.path).toString('latin1'), entry);
        return entry;
      }
    }
    return undefined;
  };
  const step = Math.max(1, selection.length / most);
  for (let at = 0; at < selection.length; at += step) await take(selection[Math.floor(at)]?.from);
  for (const key of await reader.manifest.splitKeys(most, { signal }))
    await take(entryKey(pathAfter(decodeFileKey(key, reader.name).path)));
  for (const folder of foldersAbove(awayFrom).slice(-most)) await take(prefixKeys(folder).to);
  let [top] = foldersAbove(awayFrom);
  for (let folder = 0; folder < most && top !== undefined; folder += 1) {
    const next = await take(prefixKeys(top).to);
    top = next && (foldersAbove(next.path)[0] ?? next.path);
  }
  return [...found.values()];
}

/** The folders that a path lies in, the outermost first, each with its slash. */
function foldersAbove(path: Uint8Array): readonly Uint8Array[] {
  return [...path.entries()].filter(([, byte]) => byte === slash).map(([at]) => path.subarray(0, at + 1));
}
