import { BackupError } from '../errors.ts';
import type { ChunkId } from '../ids.ts';
import { storedShareOf, type ChunkReference } from '../packs/chunk-location.ts';
import type { StoredChunk } from '../packs/chunk-store.ts';
import type { ContainerWriter } from '../packs/container-writer.ts';
import { ChunkFetcher, type FetchItem } from '../restore/chunk-fetcher.ts';
import { countUses } from '../restore/point-items.ts';
import type { PointReader } from '../restore/point-reader.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import { CopiedEntries } from './copied-entries.ts';
import { entriesToCopy, type ItemToCopy } from './entries-to-copy.ts';
import type { ScratchEntries } from './scratch-entries.ts';

/** Sums over all calls. */
export interface CopiedCounts {
  readonly references: number;
  readonly liveBytes: number;
  readonly files: number;
  readonly bytes: number;
}

/** The place at which copying goes on: an entry, or one of the chunks of an extent. */
export interface CopyPosition {
  /** A key of the base's manifest. */
  readonly key: Uint8Array;
  /** The chunks of that extent that have been copied. */
  readonly chunks: readonly ChunkReference[];
}

/** `next` is absent once all has been copied. */
export interface Copied {
  readonly counts: CopiedCounts;
  readonly next?: CopyPosition;
}

/**
 * Copies the files or volumes of a point into a container, in restore order, from where the last call stopped: at least
 * one entry or chunk a call, and from any chunk on. A chunk that is needed several times is copied once a call.
 * @throws {@link BackupError} a chunk of the point is damaged: a container is made of a whole point or not at all.
 */
export async function copyEntries(
  base: PointReader,
  writer: ContainerWriter,
  scratch: ScratchEntries,
  from: Copied,
  { shouldStop, onProgress, signal }: ConsolidateOptions,
): Promise<Copied> {
  const begin = from.next?.key;
  const repeated = await countUses(base, begin === undefined ? {} : { from: begin }, ({ id }) => id, signal);
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
  const left = after(from.next?.chunks.length ?? 0, entriesToCopy(base, begin, signal));
  let isFirst = true;
  for await (const { tag, chunk } of fetcher.fetch(withReferences(left), signal)) {
    const { item, reference } = tag;
    if (!isFirst && shouldStop()) {
      // What begins ends what was before it.
      if ('entry' in item || item.at === 0) await entries.endExtent();
      await settle();
      const key = 'entry' in item ? item.entry.key : item.extent;
      return { counts, next: { key, chunks: entries.openChunks } };
    }
    isFirst = false;
    if ('entry' in item) {
      await entries.add(item.entry);
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
    await entries.addChunk(item.extent, copy);
    counts.references += 1;
    counts.bytes += chunk.length;
  }
  await entries.endExtent();
  await settle();
  return { counts };
}

async function* after<Item>(skip: number, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  let left = skip;
  for await (const item of items) {
    if (left > 0) left -= 1;
    else yield item;
  }
}

type TaggedItem = { readonly item: ItemToCopy; readonly reference: ChunkReference | undefined };

async function* withReferences(
  items: AsyncIterable<FetchItem<ItemToCopy>>,
): AsyncGenerator<FetchItem<TaggedItem>> {
  for await (const { tag, reference } of items) yield { tag: { item: tag, reference }, reference };
}
