import { utf8 } from '../bytes.ts';
import { BackupError, concernsOne, isDamage, VolumeDamagedError } from '../errors.ts';
import type { ChunkId } from '../ids.ts';
import { decodeExtent, type Extent } from '../manifest/extent.ts';
import { extentKey, type KeyRange } from '../manifest/tuple-key.ts';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import { checkVolumeExtent, volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { BoundedCache } from '../packs/bounded-cache.ts';
import { ChunkFetcher, type FetchItem, type FetchPolicy } from './chunk-fetcher.ts';
import { countUses } from './point-items.ts';
import type { PointReader } from './point-reader.ts';
import { frameKey } from './plan-runs.ts';
import { RefusalSparer } from './spare-refused.ts';

/** A block of a volume that is not zeros. What lies between two of them is. */
export interface VolumeBlock {
  /** In bytes. */
  readonly offset: number;
  readonly plainBytes: number;
  readonly id: ChunkId;
}

/** A stretch of a volume. Both ends are multiples of its blocks, but for the volume's own end; `to` is exclusive. */
export interface VolumeRange {
  /** @default 0 */
  readonly from?: number;
  /** @default the volume's end */
  readonly to?: number;
}

export interface ReadBlocksOptions {
  /** @default all of the volume */
  readonly range?: VolumeRange;
  /** Asked about every block before it is read; one that is not wanted costs nothing. @default all are wanted */
  readonly isWanted?: (block: VolumeBlock) => boolean | Promise<boolean>;
  /** Told of a block that cannot be read, which is passed over then. @default the first one ends the reading */
  readonly onDamage?: ((block: VolumeBlock, error: BackupError) => void) | undefined;
  readonly fetch?: FetchPolicy | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads blocks of a volume in their order, each verified by its id: neighbours together, in runs, and every frame once.
 * Memory: the fetcher's windows, whatever the size of the volume.
 * @throws {@link VolumeDamagedError} a block, or a page that names blocks, is damaged.
 */
export async function* readBlocks(
  reader: PointReader,
  volume: VolumeEntry,
  { range = {}, isWanted, onDamage, fetch, signal }: ReadBlocksOptions = {},
): AsyncGenerator<{ readonly block: VolumeBlock; readonly bytes: Uint8Array }> {
  const { from = 0, to = volume.bytes } = range;
  const remaining = await withoutDamage(
    countUses(reader, keysOf(volume, from, to), ({ location }) => frameKey(location), signal),
  );
  const readRun = onDamage === undefined ? reader.readRun : new RefusalSparer().sparing(reader.readRun);
  const fetcher = new ChunkFetcher({ readRun, keys: reader.keys, remaining, policy: fetch });
  const items = blockItems(reader, volume, { from, to }, isWanted, signal);
  for await (const { tag: block, chunk } of fetcher.fetch(items, signal)) {
    if (chunk instanceof Uint8Array) yield { block, bytes: chunk };
    else if (chunk === undefined) throw new TypeError('a block comes with its chunk');
    else if (onDamage === undefined || !concernsOne(chunk)) throw named(reader, volume, block.offset, chunk);
    else onDamage(block, chunk);
  }
}

/** Spans of 64 blocks whose places are kept: 8 GiB of a volume in blocks of 512 KiB, some 10 MB. */
const keptSpans = 256;

/**
 * Reads blocks of a volume here and there, for who reads a file system: where blocks are is kept for the spans used last,
 * so that a read costs little more than its block.
 */
export class VolumeBlocks {
  readonly #reader: PointReader;
  readonly #volume: VolumeEntry;
  readonly #spans = new BoundedCache<number, readonly FetchItem<VolumeBlock>[]>(keptSpans);

  constructor(reader: PointReader, volume: VolumeEntry) {
    this.#reader = reader;
    this.#volume = volume;
  }

  /**
   * Reads blocks in their order, each verified by its id.
   * @throws {@link VolumeDamagedError} a block, or a page that names blocks, is damaged.
   */
  async *read(
    range: Required<VolumeRange>,
    isWanted: (block: VolumeBlock) => boolean = () => true,
    signal?: AbortSignal,
  ): AsyncGenerator<{ readonly block: VolumeBlock; readonly bytes: Uint8Array }> {
    const { readRun, keys } = this.#reader;
    const fetcher = new ChunkFetcher({ readRun, keys });
    for await (const { tag: block, chunk } of fetcher.fetch(this.#items(range, isWanted), signal)) {
      if (chunk instanceof Uint8Array) yield { block, bytes: chunk };
      else if (chunk !== undefined) throw named(this.#reader, this.#volume, block.offset, chunk);
    }
  }

  async *#items(
    { from, to }: Required<VolumeRange>,
    isWanted: (block: VolumeBlock) => boolean,
  ): AsyncGenerator<FetchItem<VolumeBlock>> {
    const spanBytes = volumeExtentBlocks * this.#volume.blockBytes;
    for (let start = from - (from % spanBytes); start < to; start += spanBytes) {
      const range = { from: Math.max(from, start), to: Math.min(to, start + spanBytes) };
      const span = await this.#span(start, Math.min(this.#volume.bytes, start + spanBytes));
      // Of a span that has a damaged page, what is asked for may be on another one.
      for await (const item of span ?? blockItems(this.#reader, this.#volume, range, undefined, undefined))
        if (item.tag.offset >= range.from && item.tag.offset < range.to && isWanted(item.tag)) yield item;
    }
  }

  /** `undefined` where a page is damaged. */
  async #span(from: number, to: number): Promise<readonly FetchItem<VolumeBlock>[] | undefined> {
    const known = this.#spans.get(from);
    if (known !== undefined) return known;
    const items = await withoutDamage(
      Array.fromAsync(blockItems(this.#reader, this.#volume, { from, to }, undefined, undefined)),
    );
    if (items !== undefined) this.#spans.set(from, items, 1);
    return items;
  }
}

/**
 * Lists the blocks of a volume that are not zeros, in their order, from pages alone.
 * @throws {@link VolumeDamagedError} a page is damaged.
 */
export async function* listVolumeBlocks(
  reader: PointReader,
  volume: VolumeEntry,
  { from = 0, to = volume.bytes }: VolumeRange = {},
  signal?: AbortSignal,
): AsyncGenerator<VolumeBlock> {
  for await (const { tag } of blockItems(reader, volume, { from, to }, undefined, signal)) yield tag;
}

/** `undefined` where a page is damaged: the reading comes upon it itself, and then knows where. */
async function withoutDamage<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

async function* blockItems(
  reader: PointReader,
  volume: VolumeEntry,
  { from, to }: Required<VolumeRange>,
  isWanted: ReadBlocksOptions['isWanted'],
  signal: AbortSignal | undefined,
): AsyncGenerator<FetchItem<VolumeBlock>> {
  let at = from;
  const extents = listExtents(reader, volume, from, to, signal);
  for (;;) {
    const next = await namingVolume(reader, volume, at, async () => extents.next());
    if (next.done === true) return;
    let offset = next.value.offset;
    for (const reference of next.value.chunks) {
      const block = { offset, plainBytes: reference.plainBytes, id: reference.id };
      offset += volume.blockBytes;
      if (block.offset < from || block.offset >= to) continue;
      if (isWanted === undefined || (await isWanted(block))) yield { tag: block, reference };
    }
    at = Math.max(at, offset);
  }
}

/** Extents that have a block between two offsets. */
async function* listExtents(
  { manifest, root }: PointReader,
  volume: VolumeEntry,
  from: number,
  to: number,
  signal?: AbortSignal,
): AsyncGenerator<Extent> {
  const origin = `point ${root.point}`;
  let end = 0;
  for await (const entry of manifest.range(keysOf(volume, from, to), { signal })) {
    const extent = decodeExtent(entry, origin);
    end = checkVolumeExtent(volume, extent, end, origin);
    if (end > from) yield extent;
  }
}

/** Keys of all extents that may have a block between two offsets. */
function keysOf({ volume, blockBytes }: VolumeEntry, from: number, to: number): KeyRange {
  const path = utf8(volume);
  return {
    from: extentKey(path, from - (from % (volumeExtentBlocks * blockBytes))),
    to: extentKey(path, to),
  };
}

/** Says which volume a damaged page belongs to. */
async function namingVolume<Result>(
  reader: PointReader,
  volume: VolumeEntry,
  offset: number,
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof BackupError ? named(reader, volume, offset, error) : error;
  }
}

function named(
  { root }: PointReader,
  { volume }: VolumeEntry,
  offset: number,
  error: BackupError,
): BackupError {
  return isDamage(error) ? new VolumeDamagedError(volume, root.point, offset, error) : error;
}
