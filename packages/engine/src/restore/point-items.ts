import { StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import { isEntryKey } from '../manifest/tuple-key.ts';
import type { FetchItem, RemainingUses } from './chunk-fetcher.ts';
import { frameKey } from './plan-runs.ts';
import type { PointReader } from './point-reader.ts';

/** A file begins, or goes on with its next chunk. */
export type PointItem = { readonly begins: FileEntry } | { readonly chunkOf: FileEntry };

/** Frames that are counted at most; beyond, a repetition may be read twice. */
const countedFramesLimit = 1_000_000;

/**
 * The files of a range of keys in order, each followed by its chunks.
 * @throws {@link StoredBytesDamagedError} a page is damaged, or content is missing between two extents.
 */
export async function* pointItems(
  reader: PointReader,
  range: KeyRange,
  signal?: AbortSignal,
): AsyncGenerator<FetchItem<PointItem>> {
  const origin = `point ${reader.root.point}`;
  let file: FileEntry | undefined;
  let at = 0;
  const endFile = (): void => {
    if (
      file !== undefined &&
      file.entry.kind !== 'directory' &&
      file.entry.kind !== 'symlink' &&
      at !== file.entry.size
    ) {
      const path = JSON.stringify(Buffer.from(file.entry.path).toString('utf8'));
      throw new StoredBytesDamagedError(origin, `it has ${at} of the ${file.entry.size} bytes of ${path}`);
    }
  };
  for await (const entry of reader.manifest.range(range, signal === undefined ? {} : { signal })) {
    if (isEntryKey(entry.key)) {
      endFile();
      file = decodeFileEntry(entry, origin);
      at = 0;
      yield { tag: { begins: file } };
      continue;
    }
    const { offset, chunks } = decodeExtent(entry, origin);
    if (file === undefined || offset !== at)
      throw new StoredBytesDamagedError(origin, 'content lies between two files');
    for (const chunk of chunks) {
      at += chunk.plainBytes;
      yield { tag: { chunkOf: file }, reference: chunk };
    }
  }
  endFile();
}

/** How often each frame is needed in a range, for those needed more than once. Reads pages only. */
export async function countUses(
  reader: PointReader,
  range: KeyRange,
  signal?: AbortSignal,
): Promise<RemainingUses> {
  const origin = `point ${reader.root.point}`;
  const uses: RemainingUses = new Map();
  for await (const entries of reader.manifest.portions(range, signal === undefined ? {} : { signal })) {
    for (const entry of entries) {
      if (isEntryKey(entry.key)) continue;
      for (const { location } of decodeExtent(entry, origin).chunks) {
        const key = frameKey(location);
        uses.set(key, (uses.get(key) ?? 0) + 1);
      }
    }
    if (uses.size >= countedFramesLimit) break;
  }
  for (const [key, count] of uses) if (count === 1) uses.delete(key);
  return uses;
}
