import { fromBase64, toBase64 } from '../bytes.ts';
import { BackupError } from '../errors.ts';
import {
  encodeExtent,
  extentBoundaryBytes,
  extentBytes,
  maxExtentChunks,
  type ExtentChunk,
} from '../manifest/extent.ts';
import { encodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { entryKey } from '../manifest/tuple-key.ts';
import type { ChunkLocation } from '../packs/chunk-location.ts';
import type { ContainerWriter } from '../packs/container-writer.ts';
import { pathAfter } from '../protect/shards.ts';
import { ChunkFetcher, type FetchItem } from '../restore/chunk-fetcher.ts';
import { countUses, pointItems, type PointItem } from '../restore/point-items.ts';
import { frameKey, type ChunkReference } from '../restore/plan-runs.ts';
import type { PointReader } from '../restore/point-reader.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import type { Progress } from './progress.ts';
import type { ScratchEntries } from './scratch-entries.ts';

/** What has been copied, over all calls. `next`: first key that has not been; absent once all have. */
export interface Copied extends Omit<Progress, 'parts' | 'next'> {
  readonly next?: string;
}

/**
 * Copies the files of a point into a container, in restore order, from where the last call stopped. A chunk that several
 * files share is copied once a call.
 * @throws {@link BackupError} a chunk of the point is damaged: a container is made of a whole point or not at all.
 */
export async function copyFiles(
  base: PointReader,
  writer: ContainerWriter,
  scratch: ScratchEntries,
  saved: Progress | undefined,
  { shouldStop, onProgress, signal }: ConsolidateOptions,
): Promise<Copied> {
  const range = saved?.next === undefined ? {} : { from: fromBase64(saved.next) };
  const uses = await countUses(base, range, signal);
  const repeated = new Set(uses.keys());
  const fetcher = new ChunkFetcher(base.readRun, uses);
  const moved = new Map<string, ChunkLocation>();
  const counts = { references: 0, liveBytes: 0, files: 0, bytes: 0, ...(saved && pick(saved)) };
  let file: FileEntry | undefined;
  let offset = 0;
  let chunks: ExtentChunk[] = [];
  const endExtent = async (): Promise<void> => {
    if (file === undefined || chunks.length === 0) return;
    await scratch.add(encodeExtent({ path: file.entry.path, offset, chunks }));
    offset += extentBytes(chunks);
    chunks = [];
  };
  const items = fetcher.fetch(withReferences(pointItems(base, range, signal)), signal);
  for await (const { tag, chunk } of items) {
    const { item, reference } = tag;
    if ('begins' in item) {
      await endExtent();
      if (shouldStop() && file !== undefined)
        return { ...counts, next: toBase64(entryKey(pathAfter(file.entry.path))) };
      file = item.begins;
      offset = 0;
      counts.files += 1;
      await scratch.add(encodeFileEntry(file));
      onProgress?.({
        step: 'consolidate',
        files: counts.files,
        bytes: counts.bytes,
        filesTotal: base.root.counts.files,
      });
      continue;
    }
    if (reference === undefined || chunk === undefined) throw new TypeError('a chunk has no place');
    if (chunk instanceof BackupError) throw chunk;
    const key = frameKey(reference.location);
    const location = moved.get(key) ?? (await writer.addChunk(reference.id, chunk));
    if (repeated.has(key)) moved.set(key, location);
    const end = offset + extentBytes(chunks);
    if (chunks.length === maxExtentChunks || (chunks.length > 0 && end % extentBoundaryBytes === 0))
      await endExtent();
    chunks.push({ id: reference.id, plainBytes: reference.plainBytes, location });
    counts.references += 1;
    counts.liveBytes += location.length;
    counts.bytes += chunk.length;
  }
  await endExtent();
  return counts;
}

type TaggedItem = { readonly item: PointItem; readonly reference: ChunkReference | undefined };

async function* withReferences(
  items: AsyncIterable<FetchItem<PointItem>>,
): AsyncGenerator<FetchItem<TaggedItem>> {
  for await (const { tag, reference } of items)
    yield { tag: { item: tag, reference }, ...(reference && { reference }) };
}

function pick({ references, liveBytes, files, bytes }: Progress): Omit<Copied, 'next'> {
  return { references, liveBytes, files, bytes };
}
