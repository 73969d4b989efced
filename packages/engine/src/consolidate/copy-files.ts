import { BackupError } from '../errors.ts';
import type { ChunkId } from '../ids.ts';
import { decodeFileKey, entryKey } from '../manifest/tuple-key.ts';
import { storedShareOf, type ChunkReference } from '../packs/chunk-location.ts';
import type { StoredChunk } from '../packs/chunk-store.ts';
import type { ContainerWriter } from '../packs/container-writer.ts';
import { ChunkFetcher, type FetchItem } from '../restore/chunk-fetcher.ts';
import { countUses, pointItems, type PointItem } from '../restore/point-items.ts';
import type { PointReader } from '../restore/point-reader.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import { CopiedEntries } from './copied-entries.ts';
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
  const repeated = await countUses(base, range, ({ id }) => id, signal);
  const fetcher = new ChunkFetcher(base);
  const moved = new Map<ChunkId, StoredChunk>();
  const counts = { ...from.counts };
  const entries = new CopiedEntries(
    scratch,
    from.next,
    (chunk) => void (counts.liveBytes += storedShareOf(chunk)),
  );
  const settle = async (): Promise<void> => {
    await writer.settle();
    await entries.settle();
  };
  const left = after(
    from.next?.skip ?? 0,
    pointItems(base, range, signal, from.next && placeOf(from.next.key)),
  );
  let isFirst = true;
  for await (const { tag, chunk } of fetcher.fetch(withReferences(left), signal)) {
    const { item, reference } = tag;
    if (!isFirst && shouldStop()) {
      // A file that begins ends the one before it.
      if ('begins' in item) await entries.endExtent();
      await settle();
      return { counts, next: { ...positionOf(item), ...entries.open } };
    }
    isFirst = false;
    if ('begins' in item) {
      await entries.beginFile(item.begins);
      counts.files += 1;
      const { files, bytes } = counts;
      onProgress?.({ step: 'consolidate', files, bytes, filesTotal: base.root.counts.files });
      continue;
    }
    if (reference === undefined || chunk === undefined) throw new TypeError('a chunk has no place');
    if (chunk instanceof BackupError) throw chunk;
    const { id } = reference;
    const copy = moved.get(id) ?? (await writer.addChunk(id, chunk));
    if (repeated.has(id)) moved.set(id, copy);
    await entries.addChunk(item.chunkOf.entry.path, copy);
    counts.references += 1;
    counts.bytes += chunk.length;
  }
  await entries.endExtent();
  await settle();
  return { counts };
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
