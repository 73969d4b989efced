import { createHash } from 'node:crypto';
import { forEachConcurrent, mapConcurrent } from '../map-concurrent.ts';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import { BlockReader } from '../images/block-reader.ts';
import type { BlockSource, SnapshotBlock } from '../ports/block-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { SnapshotWriter } from '../ports/snapshot-writer.ts';
import type { FetchPolicy } from './chunk-fetcher.ts';
import type { PointReader } from './point-reader.ts';
import { restoreVolume } from './restore-volume.ts';
import { listVolumeBlocks, type VolumeRange } from './volume-blocks.ts';

const blocksAtOnce = 16;

/** Blocks of a parent that are compared before what differs is written. */
const defaultComparedBlocks = 512;

export interface WriteSnapshotOptions {
  readonly writer: Pick<SnapshotWriter, 'write'>;
  readonly snapshot: string;
  readonly range: VolumeRange;
  /** The snapshot's parent: blocks that it has already are not written. @default none */
  readonly parent?:
    | {
        readonly snapshot: string;
        /** Size of its volume; nothing is asked for behind it. */
        readonly bytes: number;
        readonly source: BlockSource;
      }
    | undefined;
  /**
   * Asked between blocks. When true, the call ends with those that are being read, and another goes on. What is compared
   * with a parent is gone through in stretches, which are ended.
   */
  readonly shouldStop?: (() => boolean) | undefined;
  /** Blocks of the parent in a stretch. @default 512 */
  readonly comparedBlocks?: number | undefined;
  readonly fetch?: FetchPolicy | undefined;
  /** Called after each block that was written; blocks that the parent has count from the end of their stretch. */
  readonly onProgress?: ReportProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WrittenRange {
  /** SHA-256 of each block that was written, one behind the other, in the order of their indexes. */
  readonly checksums: Uint8Array;
  readonly blocks: number;
  /** Blocks that the parent had. */
  readonly sameBlocks: number;
  /** Offset that another call has to go on with. */
  readonly next?: number | undefined;
}

/**
 * Writes a stretch of a volume into a snapshot. Every block is verified by its id before, and by its SHA-256 where it
 * arrives. Repeatable. Memory: the fetcher's windows, and {@link blocksAtOnce} blocks.
 * @throws {@link VolumeDamagedError} a block is damaged.
 */
export async function writeSnapshotRange(
  reader: PointReader,
  volume: VolumeEntry,
  options: WriteSnapshotOptions,
): Promise<WrittenRange> {
  const { writer, snapshot, range, shouldStop = () => false, signal } = options;
  const { from: begin = 0, to = volume.bytes } = range;
  const checksums = new Map<number, Uint8Array>();
  let sameBlocks = 0;
  const write = async (offset: number, bytes: Uint8Array): Promise<void> => {
    const index = offset / volume.blockBytes;
    const sha256 = createHash('sha256').update(bytes).digest();
    await writer.write(snapshot, { index, bytes, sha256 }, signal);
    checksums.set(index, sha256);
    const blocks = checksums.size + sameBlocks;
    options.onProgress?.({ step: 'restore', files: 0, bytes: blocks * volume.blockBytes });
  };
  let next: number | undefined;
  for await (const stretch of stretchesOf(volume, { from: begin, to }, options)) {
    if (stretch.from > begin && shouldStop()) {
      next = stretch.from;
      break;
    }
    const did = await writeStretch(reader, volume, options, stretch, write);
    sameBlocks += did.sameBlocks;
    ({ next } = did);
    if (next !== undefined) break;
  }
  return {
    checksums: Buffer.concat([...checksums].sort(([a], [b]) => a - b).map(([, sha256]) => sha256)),
    blocks: checksums.size,
    sameBlocks,
    next,
  };
}

type StretchOutcome = Pick<WrittenRange, 'sameBlocks' | 'next'>;

interface Stretch extends Required<VolumeRange> {
  readonly ofParent: readonly SnapshotBlock[];
}

/** Cuts a range into stretches that lie one behind the other, none with more blocks of a parent than may be. */
async function* stretchesOf(
  volume: VolumeEntry,
  range: Required<VolumeRange>,
  { parent, comparedBlocks = defaultComparedBlocks, signal }: WriteSnapshotOptions,
): AsyncGenerator<Stretch> {
  let { from } = range;
  let ofParent: SnapshotBlock[] = [];
  for await (const block of parent ? parentBlocks(volume, range, parent, signal) : []) {
    ofParent.push(block);
    if (ofParent.length < comparedBlocks) continue;
    const to = Math.min((block.index + 1) * volume.blockBytes, range.to);
    yield { from, to, ofParent };
    [from, ofParent] = [to, []];
  }
  if (from < range.to) yield { from, to: range.to, ofParent };
}

/** Writes a stretch, and zeros where only the parent has content. Where it has to stop, both end at one offset. */
async function writeStretch(
  reader: PointReader,
  volume: VolumeEntry,
  { parent, shouldStop, fetch, signal }: WriteSnapshotOptions,
  stretch: Stretch,
  write: (offset: number, bytes: Uint8Array) => Promise<void>,
): Promise<StretchOutcome> {
  const known = parent && (await compareParent(reader, volume, stretch, parent, signal));
  const { sameBlocks, next } = await restoreVolume(reader, volume, {
    range: stretch,
    target: {
      has: async ({ offset }) => Promise.resolve(known?.same.has(offset) === true),
      write,
    },
    writesAtOnce: blocksAtOnce,
    shouldStop,
    fetch,
    signal,
  });
  const zeros = new Uint8Array(volume.blockBytes);
  const strays = (known?.strays ?? []).filter((offset) => next === undefined || offset < next);
  await forEachConcurrent(strays, blocksAtOnce, async (offset) => write(offset, zeros));
  return { sameBlocks, next };
}

/** Offsets of blocks that a parent has as the volume has them, and of those where it has content, and the volume zeros. */
interface KnownBlocks {
  readonly same: ReadonlySet<number>;
  readonly strays: readonly number[];
}

/**
 * Compares a stretch of a volume with a snapshot, whose blocks are read: that costs half of writing them, and none is
 * read from the vault. Memory: a few bytes for each block of the stretch.
 */
async function compareParent(
  reader: PointReader,
  volume: VolumeEntry,
  { from, to, ofParent }: Stretch,
  parent: NonNullable<WriteSnapshotOptions['parent']>,
  signal: AbortSignal | undefined,
): Promise<KnownBlocks> {
  const ids = new Map<number, string>();
  for await (const { offset, id } of listVolumeBlocks(reader, volume, { from, to }, signal))
    ids.set(offset, id);
  const zeros = reader.keys.chunkId(new Uint8Array(volume.blockBytes));
  const blocks = new BlockReader(parent.source, parent.snapshot, { signal });
  const read = mapConcurrent(ofParent, blocksAtOnce, async (block) => ({
    offset: block.index * volume.blockBytes,
    content: await blocks.read(block),
  }));
  const same = new Set<number>();
  const strays: number[] = [];
  for await (const { offset, content } of read) {
    const [id, wanted] = [reader.keys.chunkIdOfHash(content.sha256), ids.get(offset)];
    if (id === wanted) same.add(offset);
    else if (wanted === undefined && id !== zeros) strays.push(offset);
  }
  return { same, strays };
}

async function* parentBlocks(
  { blockBytes }: VolumeEntry,
  { from, to }: Required<VolumeRange>,
  { snapshot, bytes, source }: NonNullable<WriteSnapshotOptions['parent']>,
  signal: AbortSignal | undefined,
): AsyncGenerator<SnapshotBlock> {
  if (from >= bytes) return;
  for await (const page of source.list(snapshot, from / blockBytes, signal)) {
    for (const block of page.blocks) {
      if (block.index * blockBytes >= to) return;
      yield block;
    }
  }
}

/** Adds up what the ranges of a volume came to, in their order, to what its snapshot is sealed with. */
export class WrittenSum {
  readonly #hash = createHash('sha256');
  #blocks = 0;

  add({ checksums, blocks }: Pick<WrittenRange, 'checksums' | 'blocks'>): void {
    this.#hash.update(checksums);
    this.#blocks += blocks;
  }

  total(): { readonly blocks: number; readonly sha256: Uint8Array } {
    return { blocks: this.#blocks, sha256: this.#hash.copy().digest() };
  }
}
