import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import { extentBoundaryBytes } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { extentKey, pathKeys, type KeyRange } from '../manifest/tuple-key.ts';
import type { ChunkFetcher, FetchedItem, FetchItem } from './chunk-fetcher.ts';
import { pointItems, type PointItem } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import type { ReadContent, RestoredFiles } from './restore-source.ts';
import type { RefusalSparer } from './spare-refused.ts';

/** Content read in vain before a file that follows it; stopping and beginning anew would take as long. Bytes. */
const readInVainBytes = 32 * 2 ** 20;

type Fetched = IteratorResult<FetchedItem<PointItem>, void>;

/** The files of a range in order, whose content may be taken or not. Little is read of a large one nobody takes. */
export class PointFiles implements RestoredFiles {
  readonly #reader: PointReader;
  readonly #range: KeyRange;
  readonly #fetcher: ChunkFetcher;
  readonly #sparer: RefusalSparer;
  readonly #signal: AbortSignal | undefined;
  #stream: AsyncGenerator<FetchedItem<PointItem>, void>;
  #file: FileEntry['entry'] | undefined;
  #read = 0;
  /** The item behind the open file, when it is known. */
  #after: Fetched | undefined;

  constructor(
    reader: PointReader,
    range: KeyRange,
    fetcher: ChunkFetcher,
    sparer: RefusalSparer,
    signal?: AbortSignal,
  ) {
    this.#reader = reader;
    this.#range = range;
    this.#fetcher = fetcher;
    this.#sparer = sparer;
    this.#signal = signal;
    this.#stream = fetcher.fetch(pointItems(reader, range, signal), signal);
  }

  /** The file behind the one that is open. */
  async next(): Promise<FileEntry | undefined> {
    const item = await this.#passOver();
    this.#after = undefined;
    if (item.done === true) return undefined;
    const { tag } = item.value;
    if (!('begins' in tag)) throw new TypeError('a chunk comes before its file');
    this.#file = tag.begins.entry;
    this.#read = 0;
    return tag.begins;
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
    const items = pointItems(this.#reader, { ...this.#range, from: extentKey(path, offset) }, this.#signal, {
      path,
      offset,
    });
    this.#stream = this.#fetcher.fetch(behind(from, items), this.#signal);
    this.#file = file.entry;
    this.#read = from;
    return file;
  }

  /** The open file's content that has not been read. Every chunk is verified by its id; the first error ends it. */
  content(): ReadContent {
    let used: (() => void)[] = [];
    return {
      [Symbol.asyncIterator]: () => this.#pieces((release) => used.push(release)),
      release: () => {
        for (const release of used) release();
        used = [];
      },
    };
  }

  async *#pieces(note: (release: () => void) => void): AsyncGenerator<Uint8Array, void, undefined> {
    for (let item = await this.#chunk(); item !== undefined; item = await this.#chunk()) {
      const { chunk, release } = item;
      if (chunk instanceof BackupError) throw chunk;
      if (release !== undefined) note(release);
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

  async #passOver(): Promise<Fetched> {
    if (this.#file !== undefined && this.#file.size - this.#read > readInVainBytes) {
      const { to: from } = pathKeys(this.#file.path);
      await this.#stream.return();
      const items = pointItems(this.#reader, { ...this.#range, from }, this.#signal);
      this.#stream = this.#fetcher.fetch(items, this.#signal);
      this.#after = undefined;
    } else if (this.#file !== undefined) {
      for (let item = await this.#chunk(); item !== undefined; item = await this.#chunk()) item.release?.();
    }
    return this.#after ?? this.#stream.next();
  }

  async #chunk(): Promise<Pick<FetchedItem<PointItem>, 'chunk' | 'release'> | undefined> {
    if (this.#after !== undefined) return undefined;
    const item = await this.#stream.next();
    if (item.done === true || !('chunkOf' in item.value.tag)) {
      this.#after = item;
      return undefined;
    }
    const { chunk, tag, release } = item.value;
    if (!(chunk instanceof Uint8Array)) return { chunk };
    const wanted = chunk.subarray(Math.max(0, this.#read - tag.offset));
    this.#read = tag.offset + chunk.length;
    return { chunk: wanted, release };
  }
}

/** Skips the first file's chunks that end before a byte of it. */
async function* behind(
  from: number,
  items: AsyncIterable<FetchItem<PointItem>>,
): AsyncGenerator<FetchItem<PointItem>> {
  let isBehind = false;
  for await (const item of items) {
    const { tag, reference } = item;
    isBehind ||= !('chunkOf' in tag) || tag.offset + (reference?.plainBytes ?? 0) > from;
    if (isBehind) yield item;
  }
}
