import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import { extentBoundaryBytes } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { extentKey, pathKeys, type KeyRange } from '../manifest/tuple-key.ts';
import type { ChunkFetcher, FetchedItem, FetchItem } from './chunk-fetcher.ts';
import { type PointItem, pointPortions } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import type { ReadContent, RestoredFiles, WholeFile } from './restore-source.ts';
import type { RefusalSparer } from './spare-refused.ts';

/** Content read in vain before a file that follows it; stopping and beginning anew would take as long. Bytes. */
const readInVainBytes = 32 * 2 ** 20;

type Releasable = Pick<FetchedItem<PointItem>, 'release'>;

/** The files of a range in order, whose content may be taken or not. Little is read of a large one nobody takes. */
export class PointFiles implements RestoredFiles {
  readonly #reader: PointReader;
  readonly #range: KeyRange;
  readonly #fetcher: ChunkFetcher;
  readonly #sparer: RefusalSparer;
  readonly #signal: AbortSignal | undefined;
  #stream: AsyncGenerator<readonly FetchedItem<PointItem>[], void>;
  #file: FileEntry['entry'] | undefined;
  #read = 0;
  /** Items that are in memory, and which of them comes next. */
  #items: readonly FetchedItem<PointItem>[] = [];
  #at = 0;

  /** @param items - the range, and its items. */
  constructor(
    reader: PointReader,
    {
      range,
      portions,
    }: { readonly range: KeyRange; readonly portions: AsyncIterable<readonly FetchItem<PointItem>[]> },
    fetcher: ChunkFetcher,
    sparer: RefusalSparer,
    signal?: AbortSignal,
  ) {
    this.#reader = reader;
    this.#range = range;
    this.#fetcher = fetcher;
    this.#sparer = sparer;
    this.#signal = signal;
    this.#stream = fetcher.fetchPortions(portions, signal);
  }

  /** The file behind the one that is open. */
  async next(): Promise<FileEntry | undefined> {
    await this.#passOver();
    const item = await this.#peek();
    if (item === undefined) return undefined;
    if (!('begins' in item.tag)) throw new TypeError('a chunk comes before its file');
    return this.#begin(item.tag.begins);
  }

  nextWhole(mostBytes: number): WholeFile | undefined {
    if (this.#file !== undefined && this.#read < this.#file.size) return undefined;
    const tag = this.#items[this.#at]?.tag;
    if (tag === undefined || !('begins' in tag)) return undefined;
    const { size } = tag.begins.entry;
    if (size > mostBytes) return undefined;
    const content: FetchedItem<PointItem>[] = [];
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for (let at = this.#at + 1; bytes < size; at += 1) {
      const item = this.#items[at];
      // What is behind the window, or cannot be had.
      if (item === undefined || !('chunkOf' in item.tag) || !(item.chunk instanceof Uint8Array))
        return undefined;
      content.push(item);
      pieces.push(item.chunk);
      bytes += item.chunk.length;
    }
    this.#begin(tag.begins);
    this.#at += pieces.length;
    this.#read = bytes;
    return { file: tag.begins, pieces, release: () => releaseAll(content) };
  }

  /**
   * Opens the file that the range begins with at a byte of its content.
   * @throws {@link StoredBytesDamagedError} there is no such file.
   */
  async open(path: Uint8Array, from: number): Promise<FileEntry> {
    const stored = await this.#reader.manifest.find(pathKeys(path).from, this.#signal);
    if (stored === undefined)
      throw new StoredBytesDamagedError(this.#reader.name, 'a file that was begun is not in it');
    const file = decodeFileEntry(stored, this.#reader.name);
    // One stretch of content begins there, whatever the size of the others.
    const offset = from - (from % extentBoundaryBytes);
    await this.#readFrom(extentKey(path, offset), { within: { path, offset }, behind: from });
    this.#file = file.entry;
    this.#read = from;
    return file;
  }

  /** The open file's content that has not been read. Every chunk is verified by its id; the first error ends it. */
  content(): ReadContent {
    let used: Releasable[] = [];
    return {
      [Symbol.asyncIterator]: () => this.#pieces((item) => used.push(item)),
      release: () => {
        releaseAll(used);
        used = [];
      },
    };
  }

  async *#pieces(note: (item: Releasable) => void): AsyncGenerator<Uint8Array, void, undefined> {
    for (let item = await this.#chunk(); item !== undefined; item = await this.#chunk()) {
      const { chunk } = item;
      if (chunk instanceof BackupError) throw chunk;
      note(item);
      if (chunk !== undefined) yield chunk;
    }
  }

  get refusalOfAll(): BackupError | undefined {
    return this.#sparer.refusalOfAll;
  }

  /** Ends reading, also what is under way. */
  async close(): Promise<void> {
    await this.#stream.return();
  }

  #begin(file: FileEntry): FileEntry {
    this.#at += 1;
    this.#file = file.entry;
    this.#read = 0;
    return file;
  }

  /** Goes behind the open file. */
  async #passOver(): Promise<void> {
    if (this.#file === undefined) return;
    if (this.#file.size - this.#read > readInVainBytes)
      return this.#readFrom(pathKeys(this.#file.path).to, {});
    for (let item = await this.#chunk(); item !== undefined; item = await this.#chunk()) item.release?.();
  }

  /** Begins anew at a key, or at a byte of the file in whose content that is. */
  async #readFrom(
    from: Uint8Array,
    { within, behind }: { within?: { path: Uint8Array; offset: number }; behind?: number },
  ): Promise<void> {
    await this.#stream.return();
    const portions = pointPortions(this.#reader, { ...this.#range, from }, { signal: this.#signal, within });
    const wanted = behind === undefined ? portions : itemsBehind(behind, portions);
    this.#stream = this.#fetcher.fetchPortions(wanted, this.#signal);
    this.#items = [];
    this.#at = 0;
  }

  /** The item that comes next, which stays. */
  async #peek(): Promise<FetchedItem<PointItem> | undefined> {
    while (this.#at >= this.#items.length) {
      const next = await this.#stream.next();
      if (next.done === true) return undefined;
      this.#items = next.value;
      this.#at = 0;
    }
    return this.#items[this.#at];
  }

  /** The next chunk of the open file; of the first one after `open`, what is behind the byte that it was opened at. */
  async #chunk(): Promise<Pick<FetchedItem<PointItem>, 'chunk' | 'release'> | undefined> {
    const item = await this.#peek();
    if (item === undefined || !('chunkOf' in item.tag)) return undefined;
    this.#at += 1;
    const { chunk, release } = item;
    const { offset } = item.tag;
    if (!(chunk instanceof Uint8Array)) return { chunk };
    const wanted = chunk.subarray(Math.max(0, this.#read - offset));
    this.#read = offset + chunk.length;
    return { chunk: wanted, release };
  }
}

function releaseAll(items: readonly Releasable[]): void {
  for (const { release } of items) release?.();
}

/** Skips the first file's chunks that end before a byte of it. */
async function* itemsBehind(
  from: number,
  portions: AsyncIterable<readonly FetchItem<PointItem>[]>,
): AsyncGenerator<readonly FetchItem<PointItem>[]> {
  let isBehind = false;
  for await (const items of portions) {
    yield items.filter(({ tag, reference }) => {
      isBehind ||= !('chunkOf' in tag) || tag.offset + (reference?.plainBytes ?? 0) > from;
      return isBehind;
    });
  }
}
