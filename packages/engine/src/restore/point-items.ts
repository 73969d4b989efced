import { fromUtf8 } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { entryKey, isEntryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { FetchItem, RemainingUses } from './chunk-fetcher.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import type { PointReader } from './point-reader.ts';

/** The beginning of a file, or its next chunk. */
export type PointItem =
  | { readonly begins: FileEntry }
  | {
      readonly chunkOf: FileEntry;
      /** Key of the stretch of content that has the chunk, and the chunk's index in it. */
      readonly stretch: Uint8Array;
      readonly at: number;
      readonly offset: number;
    };

/** Most references and entries that are counted; beyond, a repetition may be read twice. */
const countedLimit = 1_000_000;

/**
 * The files of a range of keys in order, each followed by its chunks.
 * @param within - the file in whose content the range begins; the rest of that comes first.
 * @throws {@link StoredBytesDamagedError} a page is damaged, or content is missing between two extents.
 */
export async function* pointItems(
  reader: PointReader,
  range: KeyRange,
  signal?: AbortSignal,
  within?: { readonly path: Uint8Array; readonly offset: number },
): AsyncGenerator<FetchItem<PointItem>> {
  let file: FileEntry | undefined;
  let at = 0;
  if (within !== undefined) {
    const entry = await reader.manifest.find(entryKey(within.path), signal);
    if (entry === undefined) throw new StoredBytesDamagedError(reader.name, 'content lies between two files');
    file = decodeFileEntry(entry, reader.name);
    at = within.offset;
  }
  const endFile = (): void => {
    if (
      file !== undefined &&
      file.entry.kind !== 'directory' &&
      file.entry.kind !== 'symlink' &&
      at !== file.entry.size
    ) {
      const path = JSON.stringify(fromUtf8(file.entry.path));
      throw new StoredBytesDamagedError(
        reader.name,
        `it has ${at} of the ${file.entry.size} bytes of ${path}`,
      );
    }
  };
  for await (const entry of reader.manifest.range(range, { signal })) {
    if (isEntryKey(entry.key)) {
      endFile();
      file = decodeFileEntry(entry, reader.name);
      at = 0;
      yield { tag: { begins: file } };
      continue;
    }
    const { offset, chunks } = decodeExtent(entry, reader.name);
    if (file === undefined || offset !== at)
      throw new StoredBytesDamagedError(reader.name, 'content lies between two files');
    for (const [index, chunk] of chunks.entries()) {
      const tag = { chunkOf: file, stretch: entry.key, at: index, offset: at };
      at += chunk.plainBytes;
      yield { tag, reference: chunk };
    }
  }
  endFile();
}

/**
 * Counts the uses of each frame or chunk in a range, for those needed more than once. Reads pages only, and only the first ones
 * of a long range: a caller that is at it for minutes would get to nothing else.
 */
export async function countUses(
  reader: PointReader,
  range: KeyRange,
  keyOf: (chunk: ChunkReference) => string,
  signal?: AbortSignal,
): Promise<RemainingUses> {
  const uses: RemainingUses = new Map();
  let counted = 0;
  for await (const entries of reader.manifest.portions(range, { signal })) {
    counted += entries.length;
    for (const entry of entries) {
      if (isEntryKey(entry.key)) continue;
      const { chunks } = decodeExtent(entry, reader.name);
      counted += chunks.length;
      for (const chunk of chunks) {
        const key = keyOf(chunk);
        uses.set(key, (uses.get(key) ?? 0) + 1);
      }
    }
    if (counted >= countedLimit) break;
  }
  for (const [key, count] of uses) if (count === 1) uses.delete(key);
  return uses;
}
