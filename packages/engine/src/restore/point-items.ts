import { fromUtf8 } from '../bytes.ts';
import { StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { entryKey, isEntryKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { FetchItem, RemainingUses } from './chunk-fetcher.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { frameKey } from './plan-runs.ts';
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

interface PointItemsOptions {
  readonly signal?: AbortSignal | undefined;
  /** The file in whose content the range begins; the rest of that comes first. */
  readonly within?: { readonly path: Uint8Array; readonly offset: number };
}

/**
 * The files of a range of keys in order, each followed by its chunks.
 * @throws {@link StoredBytesDamagedError} a page is damaged, or content is missing between two extents.
 */
export async function* pointItems(
  reader: PointReader,
  range: KeyRange,
  options: PointItemsOptions = {},
): AsyncGenerator<FetchItem<PointItem>> {
  for await (const items of pointPortions(reader, range, options)) yield* items;
}

/** The same, page by page: for callers that do little with each. */
export async function* pointPortions(
  reader: PointReader,
  range: KeyRange,
  { signal, within }: PointItemsOptions = {},
): AsyncGenerator<readonly FetchItem<PointItem>[]> {
  const files = new FilesInOrder(reader.name);
  if (within !== undefined) {
    const entry = await reader.manifest.find(entryKey(within.path), signal);
    if (entry === undefined) throw new StoredBytesDamagedError(reader.name, 'content lies between two files');
    files.goOn(decodeFileEntry(entry, reader.name), within.offset);
  }
  for await (const entries of reader.manifest.portions(range, { signal })) {
    const items: FetchItem<PointItem>[] = [];
    for (const entry of entries) files.add(entry, items);
    yield items;
  }
  files.end();
}

/** Makes items of a manifest's entries, and sees to it that no content is missing. */
class FilesInOrder {
  readonly #name: string;
  #file: FileEntry | undefined;
  #at = 0;

  constructor(name: string) {
    this.#name = name;
  }

  goOn(file: FileEntry, at: number): void {
    this.#file = file;
    this.#at = at;
  }

  add(entry: Entry, items: FetchItem<PointItem>[]): void {
    if (isEntryKey(entry.key)) {
      this.end();
      this.#file = decodeFileEntry(entry, this.#name);
      this.#at = 0;
      items.push({ tag: { begins: this.#file } });
      return;
    }
    const { offset, chunks } = decodeExtent(entry, this.#name);
    const chunkOf = this.#file;
    if (chunkOf === undefined || offset !== this.#at)
      throw new StoredBytesDamagedError(this.#name, 'content lies between two files');
    for (const [at, reference] of chunks.entries()) {
      items.push({ tag: { chunkOf, stretch: entry.key, at, offset: this.#at }, reference });
      this.#at += reference.plainBytes;
    }
  }

  /** @throws {@link StoredBytesDamagedError} the last file's content is not all there. */
  end(): void {
    const entry = this.#file?.entry;
    if (entry === undefined || entry.kind === 'directory' || entry.kind === 'symlink') return;
    if (this.#at === entry.size) return;
    const path = JSON.stringify(fromUtf8(entry.path));
    throw new StoredBytesDamagedError(this.#name, `it has ${this.#at} of the ${entry.size} bytes of ${path}`);
  }
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
  return onlyRepeated(uses);
}

/** Counts the uses of each frame in items. */
export function usesOfFrames(portions: readonly (readonly FetchItem<unknown>[])[]): RemainingUses {
  const uses: RemainingUses = new Map();
  for (const items of portions) {
    for (const { reference } of items) {
      if (reference === undefined) continue;
      const key = frameKey(reference.location);
      uses.set(key, (uses.get(key) ?? 0) + 1);
    }
  }
  return onlyRepeated(uses);
}

function onlyRepeated(uses: RemainingUses): RemainingUses {
  for (const [key, count] of uses) if (count === 1) uses.delete(key);
  return uses;
}
