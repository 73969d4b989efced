import { BackupError, StoredBytesDamagedError } from '../errors.ts';
import { decodeFileKey, extentKey, pathKeys } from '../manifest/tuple-key.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { releaseBytes } from '../packs/release-bytes.ts';
import { ChunkFetcher, type FetchItem, type FetchPolicy } from './chunk-fetcher.ts';
import { frameKey } from './plan-runs.ts';
import { countUses, pointItems, type PointItem } from './point-items.ts';
import type { PointReader } from './point-reader.ts';

/** A part of a file's content, from the beginning of a chunk to the end of one. Can be copied to another thread. */
export interface ContentStretch {
  readonly from: number;
  readonly to: number;
  /** Offset of the manifest's stretch of content that its first chunk is in. */
  readonly extent: number;
}

/** Bytes of a file, and where they belong in it. */
export interface PlacedBytes {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Cuts a file's content into parts that are read by themselves, each the first whole chunks that have so many bytes.
 * Reads pages only.
 * @throws {@link StoredBytesDamagedError} a page is damaged, or content is missing.
 */
export async function cutContent(
  reader: PointReader,
  path: Uint8Array,
  stretchBytes: number,
  signal?: AbortSignal,
): Promise<readonly ContentStretch[]> {
  const stretches: ContentStretch[] = [];
  let begun: Omit<ContentStretch, 'to'> | undefined;
  let end = 0;
  for await (const { tag, reference } of pointItems(reader, pathKeys(path), { signal })) {
    if (!('chunkOf' in tag) || reference === undefined) continue;
    begun ??= { from: tag.offset, extent: decodeFileKey(tag.stretch, reader.name).offset ?? 0 };
    end = tag.offset + reference.plainBytes;
    if (end - begun.from < stretchBytes) continue;
    stretches.push({ ...begun, to: end });
    begun = undefined;
  }
  if (begun !== undefined) stretches.push({ ...begun, to: end });
  return stretches;
}

/**
 * Reads a part of a file. Every chunk is verified by its id; of the bytes, a piece stays as it is until the next one is
 * asked for. Memory: the fetcher's.
 * @throws {@link StoredBytesDamagedError} a page is damaged, or the part is not there.
 * @throws {@link BackupError} of a chunk that cannot be had.
 */
export async function* readContentStretch(
  reader: PointReader,
  path: Uint8Array,
  stretch: ContentStretch,
  policy?: FetchPolicy,
  signal?: AbortSignal,
): AsyncGenerator<PlacedBytes, void, undefined> {
  const { extent, from, to } = stretch;
  const begin = extentKey(path, extent);
  const remaining = await countUses(reader, { from: begin, to: extentKey(path, to) }, frameKeyOf, signal);
  const fetcher = new ChunkFetcher({
    readRun: reader.readRun,
    keys: reader.keys,
    remaining,
    policy,
    takeBack: releaseBytes,
  });
  const items = pointItems(
    reader,
    { from: begin, to: pathKeys(path).to },
    { signal, within: { path, offset: extent } },
  );
  let at = from;
  for await (const { tag: offset, chunk, release } of fetcher.fetch(chunksOf(stretch, items), signal)) {
    if (chunk instanceof BackupError) throw chunk;
    if (chunk === undefined || offset !== at) break;
    yield { offset, bytes: chunk };
    at += chunk.length;
    release?.();
  }
  if (at !== to) throw new StoredBytesDamagedError(reader.name, `content from byte ${from} on ends at ${at}`);
}

function frameKeyOf({ location }: ChunkReference): string {
  return frameKey(location);
}

/** The chunks of a part, by their offsets. Ends with the last one: what follows is of no concern. */
async function* chunksOf(
  { from, to }: ContentStretch,
  items: AsyncIterable<FetchItem<PointItem>>,
): AsyncGenerator<FetchItem<number>> {
  for await (const { tag, reference } of items) {
    if (!('chunkOf' in tag) || reference === undefined) return;
    if (tag.offset >= from) yield { tag: tag.offset, reference };
    if (tag.offset + reference.plainBytes >= to) return;
  }
}
