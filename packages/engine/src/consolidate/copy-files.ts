import { BackupError } from '../errors.ts';
import {
  encodeExtent,
  type Extent,
  extentBoundaryBytes,
  extentBytes,
  maxExtentChunks,
} from '../manifest/extent.ts';
import { encodeFileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey, entryKey } from '../manifest/tuple-key.ts';
import { storedShareOf, type ChunkReference } from '../packs/chunk-location.ts';
import { isSettled, type StoredChunk } from '../packs/chunk-store.ts';
import type { ContainerWriter } from '../packs/container-writer.ts';
import { ChunkFetcher, type FetchItem } from '../restore/chunk-fetcher.ts';
import { countUses, pointItems, type PointItem } from '../restore/point-items.ts';
import { chunkKey } from '../restore/plan-runs.ts';
import type { PointReader } from '../restore/point-reader.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import type { ScratchEntries } from './scratch-entries.ts';

/** Sums over all calls. */
export interface CopiedCounts {
  readonly references: number;
  readonly liveBytes: number;
  readonly files: number;
  readonly bytes: number;
}

/** The place at which copying goes on: a file, or one of the chunks of a stretch of its content. */
export interface CopyPosition {
  /** A key of the base's manifest. */
  readonly key: Uint8Array;
  /** Chunks of that stretch that have been copied. */
  readonly skip: number;
  /** Start of the open stretch in its file; `chunks` are its content so far. */
  readonly offset: number;
  readonly chunks: readonly ChunkReference[];
}

/** `next` is absent once all has been copied. */
export interface Copied {
  readonly counts: CopiedCounts;
  readonly next?: CopyPosition;
}

/**
 * Copies the files of a point into a container, in restore order, from where the last call stopped: at least one file
 * or chunk a call, and from any chunk on. A chunk that several files share is copied once a call.
 * @throws {@link BackupError} a chunk of the point is damaged: a container is made of a whole point or not at all.
 */
export async function copyFiles(
  base: PointReader,
  writer: ContainerWriter,
  scratch: ScratchEntries,
  from: Copied,
  { shouldStop, onProgress, signal }: ConsolidateOptions,
): Promise<Copied> {
  const range = from.next === undefined ? {} : { from: from.next.key };
  const repeated = await countUses(base, range, chunkKey, signal);
  const fetcher = new ChunkFetcher(base);
  const moved = new Map<string, StoredChunk>();
  const counts = { ...from.counts };
  const entries = new SettlingEntries(scratch, (chunk) => void (counts.liveBytes += storedShareOf(chunk)));
  const skip = from.next?.skip ?? 0;
  let path: Uint8Array | undefined;
  let offset = from.next?.offset ?? 0;
  let chunks: StoredChunk[] = [...(from.next?.chunks ?? [])];
  let filled = extentBytes(chunks);
  let isFirst = true;
  const endExtent = async (): Promise<void> => {
    if (path === undefined || chunks.length === 0) return;
    await entries.add({ path, offset, chunks });
    offset += filled;
    chunks = [];
    filled = 0;
  };
  const left = after(skip, pointItems(base, range, signal, from.next && placeOf(from.next.key)));
  const items = fetcher.fetch(withReferences(left), signal);
  for await (const { tag, chunk } of items) {
    const { item, reference } = tag;
    if (!isFirst && shouldStop()) {
      // A file that begins ends the one before it.
      if ('begins' in item) await endExtent();
      await writer.settle();
      await entries.settle();
      return { counts, next: { ...positionOf(item), offset, chunks: chunks.filter(isSettled) } };
    }
    isFirst = false;
    if ('begins' in item) {
      await endExtent();
      path = item.begins.entry.path;
      offset = 0;
      counts.files += 1;
      await entries.add(encodeFileEntry(item.begins));
      const { files, bytes } = counts;
      onProgress?.({ step: 'consolidate', files, bytes, filesTotal: base.root.counts.files });
      continue;
    }
    if (reference === undefined || chunk === undefined) throw new TypeError('a chunk has no place');
    if (chunk instanceof BackupError) throw chunk;
    path = item.chunkOf.entry.path;
    const key = chunkKey(reference);
    const copy = moved.get(key) ?? (await writer.addChunk(reference.id, chunk));
    if (repeated.has(key)) moved.set(key, copy);
    if (chunks.length === maxExtentChunks || (filled > 0 && (offset + filled) % extentBoundaryBytes === 0))
      await endExtent();
    chunks.push(copy);
    filled += reference.plainBytes;
    counts.references += 1;
    counts.bytes += chunk.length;
  }
  await endExtent();
  await writer.settle();
  await entries.settle();
  return { counts };
}

type WaitingExtent = Omit<Extent, 'chunks'> & { readonly chunks: readonly StoredChunk[] };

/** Hands entries on in their order, each once all of its chunks have a place. Memory: the entries of one frame. */
class SettlingEntries {
  readonly #scratch: ScratchEntries;
  readonly #onPlaced: (chunk: ChunkReference) => void;
  #waiting: (Entry | WaitingExtent)[] = [];

  /** @param onPlaced - told of every chunk of an entry that is handed on. */
  constructor(scratch: ScratchEntries, onPlaced: (chunk: ChunkReference) => void) {
    this.#scratch = scratch;
    this.#onPlaced = onPlaced;
  }

  async add(entry: Entry | WaitingExtent): Promise<void> {
    this.#waiting.push(entry);
    if (this.#waiting.length === 1 || 'chunks' in entry) await this.settle();
  }

  /** Hands on as many as can be. */
  async settle(): Promise<void> {
    let done = 0;
    for (const entry of this.#waiting) {
      if ('key' in entry) {
        await this.#scratch.add(entry);
      } else {
        const { path, offset } = entry;
        const chunks = entry.chunks.filter(isSettled);
        if (chunks.length < entry.chunks.length) break;
        chunks.forEach(this.#onPlaced);
        await this.#scratch.add(encodeExtent({ path, offset, chunks }));
      }
      done += 1;
    }
    this.#waiting = this.#waiting.slice(done);
  }
}

function positionOf(item: PointItem): Pick<CopyPosition, 'key' | 'skip'> {
  return 'begins' in item
    ? { key: entryKey(item.begins.entry.path), skip: 0 }
    : { key: item.stretch, skip: item.at };
}

/** @returns `undefined` for the key of a file itself. */
function placeOf(key: Uint8Array): { path: Uint8Array; offset: number } | undefined {
  const { path, offset } = decodeFileKey(key, 'where a consolidation stands');
  return offset === undefined ? undefined : { path, offset };
}

async function* after<Item>(skip: number, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  let left = skip;
  for await (const item of items) {
    if (left > 0) left -= 1;
    else yield item;
  }
}

type TaggedItem = { readonly item: PointItem; readonly reference: ChunkReference | undefined };

async function* withReferences(
  items: AsyncIterable<FetchItem<PointItem>>,
): AsyncGenerator<FetchItem<TaggedItem>> {
  for await (const { tag, reference } of items) yield { tag: { item: tag, reference }, reference };
}
