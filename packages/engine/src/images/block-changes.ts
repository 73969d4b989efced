import { compareBytes, equalBytes, toHex, utf8 } from '../bytes.ts';
import { SourceUnavailableError, StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { decodeExtent, encodeExtent } from '../manifest/extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import type { Change } from '../manifest/tree-merge.ts';
import { entryKey } from '../manifest/tuple-key.ts';
import { encodeVolumeEntry } from '../manifest/volume-entry.ts';
import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { isSettled, type StoredChunk } from '../packs/chunk-store.ts';
import { releaseBytes } from '../packs/release-bytes.ts';
import type { BlockContent, SnapshotBlock } from '../ports/block-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { ShardBench } from '../protect/shard-bench.ts';
import type { ShardResult } from '../protect/shard-result.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { BlockReader } from './block-reader.ts';
import type { BlockShard } from './block-shards.ts';
import type { BlockWindow } from './block-windows.ts';

/** Most windows that wait for their chunks; then the pack that is being filled is ended early. */
const waitingLimit = 1_024;

export interface BlockChangesOptions {
  readonly shard: BlockShard;
  readonly plan: RunPlan;
  readonly keys: Pick<VaultKeys, 'chunkIdOfHash'>;
  readonly bench: ShardBench;
  /** Absent for a volume that the image does not have any more. */
  readonly reader: BlockReader | undefined;
  readonly blocksAtOnce: number;
  readonly onSourceRead?: (() => void) | undefined;
  readonly onProgress?: ReportProgress | undefined;
}

/** A window under way: what it will have at each index, and what the base has there. */
interface OpenWindow {
  readonly blocks: Map<number, StoredChunk>;
  readonly before: ReadonlyMap<number, ChunkReference>;
  /** Chunks of the base that are no block of the volume as it is now. */
  readonly strays: readonly ChunkReference[];
  readonly base: readonly Entry[];
}

/** A block to read; a window ends after its last one. */
type Task = { readonly window: OpenWindow; readonly block?: SnapshotBlock };

/**
 * Reads a shard's blocks, and turns them into changes of the manifest in the order of keys, each once the chunks that it
 * refers to lie in the vault for good. Memory: the blocks that are read at once, and records of at most
 * {@link waitingLimit} windows.
 */
export class BlockChanges {
  readonly #options: BlockChangesOptions;
  readonly #path: Uint8Array;
  readonly #unleased: ReadonlySet<PackId>;
  readonly #zeros: Buffer;
  readonly #counts = { files: 0, filesChanged: 0, filesRemoved: 0, logicalBytes: 0, readBytes: 0 };
  #waiting: OpenWindow[] = [];

  constructor(options: BlockChangesOptions) {
    this.#options = options;
    this.#path = utf8(options.shard.volume);
    this.#unleased = new Set(options.plan.unleasedPacks);
    this.#zeros = Buffer.alloc(options.shard.blockBytes);
  }

  /** Totals of the shard, complete once the changes have been iterated. */
  get counts(): Omit<ShardResult['counts'], 'newBytes' | 'storedBytes'> {
    return this.#counts;
  }

  /** Yields changes; each may be asked for only after the one before it was used. */
  async *from(windows: AsyncIterable<BlockWindow>): AsyncGenerator<Change> {
    const { bench, blocksAtOnce, onSourceRead } = this.#options;
    if (this.#options.shard.hasEntry) yield this.#ownChange();
    const read = mapConcurrent(this.#tasks(windows), blocksAtOnce, async ({ window, block }) => ({
      window,
      found: block && { index: block.index, content: await this.#read(block) },
    }));
    for await (const { window, found } of read) {
      if (found !== undefined) {
        await this.#place(window, found.index, found.content);
        continue;
      }
      await this.#copyMoved(window);
      this.#waiting.push(window);
      yield* this.#settled();
      if (this.#waiting.length >= waitingLimit) {
        await bench.flush();
        yield* this.#settled();
      }
      this.#report();
    }
    onSourceRead?.();
    await bench.flush();
    yield* this.#settled();
  }

  #ownChange(): Change {
    const { volume, snapshot, bytes, blockBytes, fullReason } = this.#options.shard;
    if (snapshot === undefined) {
      this.#counts.filesRemoved += 1;
      return { key: entryKey(this.#path) };
    }
    this.#counts.files += 1;
    this.#counts.filesChanged += 1;
    this.#counts.logicalBytes += bytes;
    const { key, logical, location } = encodeVolumeEntry({ volume, bytes, blockBytes, snapshot, fullReason });
    return { key, value: { logical, location } };
  }

  async *#tasks(windows: AsyncIterable<BlockWindow>): AsyncGenerator<Task> {
    for await (const found of windows) {
      const { window, toRead } = this.#open(found);
      for (const block of toRead) yield { window, block };
      yield { window };
    }
  }

  /** Decides what becomes of a window's blocks: kept as the base has them, read, or gone. */
  #open({ at, blocks: listed, base }: BlockWindow): {
    readonly window: OpenWindow;
    readonly toRead: readonly SnapshotBlock[];
  } {
    const { isWhole } = this.#options.shard;
    const { before, strays } = this.#chunksOf(at, base);
    const toRead = listed.filter(({ token }) => token !== undefined);
    const blocks = new Map<number, StoredChunk>();
    if (!isWhole) {
      const changed = new Set(listed.map(({ index }) => index));
      for (const [index, chunk] of before) {
        if (changed.has(index)) continue;
        if (this.#unleased.has(chunk.location.packId)) toRead.push({ index });
        else blocks.set(index, chunk);
      }
      toRead.sort((a, b) => a.index - b.index);
    }
    return { window: { blocks, before, strays, base }, toRead };
  }

  /** The base's chunks by the block that each of them is. */
  #chunksOf(at: number, base: readonly Entry[]): Pick<OpenWindow, 'before' | 'strays'> {
    const { blockBytes, isWhole } = this.#options.shard;
    const origin = this.#options.bench.baseTree.name;
    const end = (at + 1) * volumeExtentBlocks;
    const before = new Map<number, ChunkReference>();
    const strays: ChunkReference[] = [];
    for (const entry of base) {
      let { offset, chunks } = decodeExtent(entry, origin);
      for (const chunk of chunks) {
        const index = offset / blockBytes;
        offset += chunk.plainBytes;
        const isBlock = Number.isInteger(index) && index < end && !before.has(index);
        if (isBlock && chunk.plainBytes === this.#lengthOf(index)) before.set(index, chunk);
        else if (isWhole) strays.push(chunk);
        else
          throw new StoredBytesDamagedError(origin, `content at ${offset} of a volume is none of its blocks`);
      }
    }
    return { before, strays };
  }

  #lengthOf(index: number): number {
    const { bytes, blockBytes } = this.#options.shard;
    return Math.min(blockBytes, bytes - index * blockBytes);
  }

  async #read(block: SnapshotBlock): Promise<BlockContent> {
    const content = await this.#options.reader?.read(block);
    if (content === undefined)
      throw new SourceUnavailableError(
        `volume ${this.#options.shard.volume} has no snapshot that block ${block.index} can be read from; make a full`,
      );
    const expected = this.#lengthOf(block.index);
    if (content.bytes.length !== expected)
      throw new SourceUnavailableError(
        `block ${block.index} of volume ${this.#options.shard.volume} has ${content.bytes.length} bytes, not ${expected}`,
      );
    return content;
  }

  /** Puts a block that was read into its place: as the base has it, if it is the same, and nowhere, if it is zeros. */
  async #place(window: OpenWindow, index: number, content: BlockContent): Promise<void> {
    const { keys, bench } = this.#options;
    const { bytes, sha256 } = content;
    this.#counts.readBytes += bytes.length;
    if (!equalBytes(bytes, this.#zeros.subarray(0, bytes.length))) {
      const id = keys.chunkIdOfHash(sha256);
      const known = window.before.get(index);
      const isKnown = known?.id === id && this.#isLeased(known);
      window.blocks.set(index, isKnown ? known : await bench.chunks.add(bytes, id));
    }
    releaseBytes(bytes);
  }

  #isLeased(chunk: ChunkReference): boolean {
    return !this.#unleased.has(chunk.location.packId) && this.#options.bench.copier?.isMoved(chunk) !== true;
  }

  /** Copies what is kept and lies in mostly dead packs; what is damaged there is read from the source. */
  async #copyMoved({ blocks, before }: OpenWindow): Promise<void> {
    const { copier } = this.#options.bench;
    if (copier === undefined) return;
    const moved = [...before].filter(
      ([index, chunk]) => blocks.get(index) === chunk && copier.isMoved(chunk),
    );
    const items = moved.map(([index, reference]) => ({ tag: { index, reference }, reference }));
    for await (const { tag, chunk } of copier.fetch(items)) {
      const { index, reference } = tag;
      if (chunk instanceof Uint8Array) {
        blocks.set(index, await copier.chunks.add(chunk, reference.id));
      } else {
        blocks.delete(index);
        await this.#place({ blocks, before, strays: [], base: [] }, index, await this.#read({ index }));
      }
    }
  }

  /** Hands on the first windows whose chunks are in the vault. */
  *#settled(): Generator<Change> {
    let done = 0;
    for (const window of this.#waiting) {
      if (![...window.blocks.values()].every(isSettled)) break;
      yield* this.#changesOf(window);
      done += 1;
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done);
  }

  #changesOf({ blocks, before, strays, base }: OpenWindow): readonly Change[] {
    const { usage } = this.#options.bench;
    for (const [index, chunk] of before) if (blocks.get(index) !== chunk) usage.removeReference(chunk);
    for (const chunk of strays) usage.removeReference(chunk);
    for (const [index, chunk] of blocks)
      if (isSettled(chunk) && before.get(index) !== chunk) usage.addReference(chunk);
    const changes = new Map<string, Change>(base.map(({ key }) => [toHex(key), { key }]));
    const old = new Map(base.map((entry) => [toHex(entry.key), entry]));
    for (const entry of this.#extentsOf(blocks)) {
      const name = toHex(entry.key);
      if (isSame(old.get(name), entry)) changes.delete(name);
      else changes.set(name, { key: entry.key, value: { logical: entry.logical, location: entry.location } });
    }
    return [...changes.values()].sort((a, b) => compareBytes(a.key, b.key));
  }

  /** The longest runs of blocks: so one state of a volume has one manifest, whatever it came from. */
  #extentsOf(blocks: ReadonlyMap<number, StoredChunk>): readonly Entry[] {
    const runs: { first: number; chunks: ChunkReference[] }[] = [];
    for (const [index, chunk] of [...blocks].sort(([a], [b]) => a - b)) {
      if (!isSettled(chunk)) continue;
      const run = runs.at(-1);
      if (run !== undefined && run.first + run.chunks.length === index) run.chunks.push(chunk);
      else runs.push({ first: index, chunks: [chunk] });
    }
    const { blockBytes } = this.#options.shard;
    return runs.map(({ first, chunks }) =>
      encodeExtent({ path: this.#path, offset: first * blockBytes, chunks }),
    );
  }

  #report(): void {
    this.#options.onProgress?.({ step: 'protect', files: this.#counts.files, bytes: this.#counts.readBytes });
  }
}

function isSame(old: Entry | undefined, { logical, location }: Entry): boolean {
  return old !== undefined && equalBytes(old.logical, logical) && equalBytes(old.location, location);
}
