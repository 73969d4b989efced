import { compareBytes, fromBase64 } from '../bytes.ts';
import { decodeFileEntry } from '../manifest/file-entry.ts';
import { decodeFileKey, entryKey } from '../manifest/tuple-key.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import { keysOfRestoreShard, type RestoreShard } from './plan-restore.ts';
import type { PointReader } from './point-reader.ts';

const slash = 0x2f;

/**
 * The directories among the restored entries that a cut between two shards runs through. Several workers write into
 * them, the last one after their own facts were set: these have to be set again when all shards are done. In the order
 * of paths. Reads a few pages for each cut.
 */
export async function splitDirectories(
  reader: PointReader,
  shards: readonly RestoreShard[],
  signal?: AbortSignal,
): Promise<readonly SourceEntry[]> {
  const origin = `point ${reader.root.point}`;
  const above = new Map<string, Uint8Array>();
  for (const [at, { from }] of shards.entries()) {
    // Where selected ranges begin nothing is cut.
    if (from === undefined || from !== shards[at - 1]?.to) continue;
    const { path } = decodeFileKey(fromBase64(from), origin);
    for (let end = path.indexOf(slash); end >= 0; end = path.indexOf(slash, end + 1)) {
      const directory = path.subarray(0, end + 1);
      above.set(Buffer.from(directory).toString('latin1'), directory);
    }
  }
  const ranges = shards.map(keysOfRestoreShard);
  const found: SourceEntry[] = [];
  for (const path of [...above.values()].sort(compareBytes)) {
    const key = entryKey(path);
    const restored = ranges.some(
      ({ from, to }) =>
        (from === undefined || compareBytes(from, key) <= 0) &&
        (to === undefined || compareBytes(key, to) < 0),
    );
    const entry = restored ? await reader.manifest.find(key, signal) : undefined;
    if (entry !== undefined) found.push(decodeFileEntry(entry, origin).entry);
  }
  return found.filter(({ kind }) => kind === 'directory');
}
