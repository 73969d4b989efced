import { compareBytes, fromBase64 } from '../bytes.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import { decodeFileKey, entryKey } from '../manifest/tuple-key.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import { keysOfRestoreShard, type RestoreShard } from './plan-restore.ts';
import type { PointReader } from './point-reader.ts';
import { isInRange } from './tree-places.ts';

const slash = 0x2f;

/** Directories that several workers write into. */
export interface SplitDirectories {
  /** Those that are restored themselves, in the order of paths. */
  readonly restored: readonly SourceEntry[];
  /** All of them, without the `/` at their end. */
  readonly paths: readonly Uint8Array[];
}

/**
 * Finds the directories that a cut between two shards runs through. Several workers write into them, the last one after
 * their own facts were set: these have to be set when all shards are done. Reads a few pages for each cut.
 */
export async function splitDirectories(
  reader: PointReader,
  shards: readonly RestoreShard[],
  signal?: AbortSignal,
): Promise<SplitDirectories> {
  const ranges = shards.map(keysOfRestoreShard);
  const above = new Map<string, { readonly path: Uint8Array; readonly isRestored: boolean }>();
  for (const [at, { from }] of shards.entries()) {
    // The start of a selected range is not a cut.
    if (from === undefined || from !== shards[at - 1]?.to) continue;
    const { path } = decodeFileKey(fromBase64(from), reader.name);
    for (let end = path.indexOf(slash); end >= 0; end = path.indexOf(slash, end + 1)) {
      const directory = path.subarray(0, end + 1);
      const isRestored = ranges.some((range) => isInRange(entryKey(directory), range));
      above.set(Buffer.from(directory).toString('latin1'), { path: directory, isRestored });
    }
  }
  const sorted = [...above.values()].sort((a, b) => compareBytes(a.path, b.path));
  const restored: SourceEntry[] = [];
  for (const { path, isRestored } of sorted) {
    const entry = isRestored ? await reader.manifest.find(entryKey(path), signal) : undefined;
    if (entry !== undefined) restored.push(decodeFileEntry(entry, reader.name).entry);
  }
  return {
    restored: restored.filter(({ kind }) => kind === 'directory'),
    paths: sorted.map(({ path }) => path.subarray(0, -1)),
  };
}
