import { createHash } from 'node:crypto';
import {
  InvalidInputError,
  SnapshotMissingError,
  SourceUnavailableError,
  UnrelatedSnapshotsError,
} from '../errors.ts';
import { ebsBlockBytes } from '../model/ebs-blocks.ts';
import { dayMs, hourMs } from '../model/time.ts';
import type {
  BlockContent,
  BlockPage,
  BlockSource,
  PagePlace,
  SnapshotBlock,
} from '../ports/block-source.ts';
import type { Clock } from '../ports/clock.ts';

const tokenDays = 7;
/** As of the EBS direct APIs: a page's token is good for an hour. */
const pageTokenHours = 1;

export interface MemoryBlockSourceOptions {
  /** @default 512 KiB */
  readonly blockBytes?: number;
  /** Blocks of one page. @default 100 */
  readonly pageBlocks?: number;
  /** Empty pages before each that has blocks. @default 1 */
  readonly emptyPages?: number;
}

interface Written {
  readonly bytes: Uint8Array;
  /** Number of the write: what was written again differs, whatever its bytes. */
  readonly write: number;
}

interface Disk {
  readonly lineage: number;
  readonly bytes: number;
  readonly blockBytes: number;
  readonly blocks: Map<number, Written>;
}

/**
 * Volumes in memory, sparse, and their snapshots. Tokens are good for seven days by its clock, and for their own
 * snapshot and block alone.
 */
export class MemoryBlockSource implements BlockSource {
  readonly #clock: Clock;
  readonly #options: Required<MemoryBlockSourceOptions>;
  readonly #volumes = new Map<string, Disk>();
  readonly #snapshots = new Map<string, Disk>();
  #made = 0;
  #broken: string | undefined;
  /** Blocks read and pages listed so far. */
  readonly counts = { read: 0, pages: 0 };

  constructor(clock: Clock, options: MemoryBlockSourceOptions = {}) {
    this.#clock = clock;
    this.#options = { blockBytes: ebsBlockBytes, pageBlocks: 100, emptyPages: 1, ...options };
  }

  /** Makes a volume, or puts an empty one in the place of another. @returns its id. */
  makeVolume(bytes: number, volume?: string, blockBytes: number = this.#options.blockBytes): string {
    const lineage = ++this.#made;
    const id = volume ?? idOf('vol', lineage);
    this.#volumes.set(id, { lineage, bytes, blockBytes, blocks: new Map() });
    return id;
  }

  write(volume: string, index: number, bytes: Uint8Array): void {
    const disk = this.#volume(volume);
    const room = Math.min(disk.blockBytes, disk.bytes - index * disk.blockBytes);
    if (bytes.length !== room)
      throw new InvalidInputError(`block ${index} has ${room} bytes, and ${bytes.length} were given`);
    disk.blocks.set(index, { bytes: new Uint8Array(bytes), write: ++this.#made });
  }

  /** Gives a block's space back: it is not there any more, and reads as zeros. */
  trim(volume: string, index: number): void {
    this.#volume(volume).blocks.delete(index);
  }

  /** Bytes of a volume. */
  sizeOf(volume: string): number {
    return this.#volume(volume).bytes;
  }

  /** Indexes of a volume's blocks that are written, in no order. */
  writtenIn(volume: string): readonly number[] {
    return [...this.#volume(volume).blocks.keys()];
  }

  grow(volume: string, bytes: number): void {
    this.#volumes.set(volume, { ...this.#volume(volume), bytes });
  }

  /** @returns the snapshot's id. */
  takeSnapshot(volume: string, id: string = idOf('snap', ++this.#made)): string {
    const disk = this.#volume(volume);
    this.#snapshots.set(id, { ...disk, blocks: new Map(disk.blocks) });
    return id;
  }

  removeSnapshot(snapshot: string): void {
    this.#snapshots.delete(snapshot);
  }

  /** All bytes of a snapshot, zeros too. */
  contentOf(snapshot: string): Uint8Array {
    const { bytes, blockBytes, blocks } = this.#snapshot(snapshot);
    const content = new Uint8Array(bytes);
    for (const [index, block] of blocks) content.set(block.bytes, index * blockBytes);
    return content;
  }

  /** Makes every later call fail with a {@link SourceUnavailableError}; `undefined` mends it. */
  break(why: string | undefined): void {
    this.#broken = why;
  }

  async *list(snapshot: string, from: number | PagePlace, signal?: AbortSignal): AsyncGenerator<BlockPage> {
    await this.#begin(signal);
    const disk = this.#snapshot(snapshot);
    yield* this.#pages(snapshot, disk, [...disk.blocks.keys()], from, signal);
  }

  async *listChanged(
    snapshot: string,
    base: string,
    from: number | PagePlace,
    signal?: AbortSignal,
  ): AsyncGenerator<BlockPage> {
    await this.#begin(signal);
    const disk = this.#snapshot(snapshot);
    const before = this.#snapshot(base);
    if (disk.lineage !== before.lineage)
      throw new UnrelatedSnapshotsError(snapshot, base, 'they are of different volumes');
    const all = new Set([...disk.blocks.keys(), ...before.blocks.keys()]);
    const changed = [...all].filter(
      (index) => disk.blocks.get(index)?.write !== before.blocks.get(index)?.write,
    );
    yield* this.#pages(snapshot, disk, changed, from, signal);
  }

  async read(
    snapshot: string,
    { index, token }: Required<SnapshotBlock>,
    signal?: AbortSignal,
  ): Promise<BlockContent | 'expired'> {
    await this.#begin(signal);
    const block = this.#snapshot(snapshot).blocks.get(index);
    const [ofSnapshot, ofIndex, issued] = token.split(' ');
    if (block === undefined || ofSnapshot !== snapshot || ofIndex !== String(index))
      throw new InvalidInputError(`token ${token} is none of block ${index} of ${snapshot}`);
    if (this.#clock.now().getTime() - Number(issued) > tokenDays * dayMs) return 'expired';
    this.counts.read += 1;
    const bytes = new Uint8Array(block.bytes);
    return { bytes, sha256: createHash('sha256').update(bytes).digest() };
  }

  *#pages(
    snapshot: string,
    disk: Disk,
    indexes: readonly number[],
    from: number | PagePlace,
    signal: AbortSignal | undefined,
  ): Generator<BlockPage> {
    const { bytes, blockBytes } = disk;
    if (typeof from === 'number' && from > 0 && from * blockBytes >= bytes)
      throw new InvalidInputError(`block ${from} of ${snapshot} is beyond the end of the volume`);
    let { index, empty } = this.#placeOf(from);
    const listed = indexes.filter((one) => one >= index).sort((x, y) => x - y);
    const { pageBlocks, emptyPages } = this.#options;
    for (let at = 0; at === 0 || at < listed.length; at += pageBlocks) {
      for (; empty < emptyPages; empty += 1) {
        signal?.throwIfAborted();
        this.counts.pages += 1;
        yield { bytes, blockBytes, blocks: [], next: this.#placeAt(index, empty + 1) };
      }
      signal?.throwIfAborted();
      this.counts.pages += 1;
      const blocks = listed.slice(at, at + pageBlocks).map((one) => ({
        index: one,
        token: disk.blocks.has(one) ? this.#token(snapshot, one) : undefined,
      }));
      index = (blocks.at(-1)?.index ?? index - 1) + 1;
      empty = 0;
      const isLast = at + pageBlocks >= listed.length;
      yield { bytes, blockBytes, blocks, next: isLast ? undefined : this.#placeAt(index, empty) };
    }
  }

  /** @param empty - empty pages that have been given at the place. */
  #placeAt(index: number, empty: number): PagePlace {
    return { index, token: `${empty} ${this.#clock.now().getTime()}` };
  }

  #placeOf(from: number | PagePlace): { index: number; empty: number } {
    if (typeof from === 'number') return { index: from, empty: 0 };
    const [empty, issued] = from.token.split(' ').map(Number);
    const isOld = this.#clock.now().getTime() - Number(issued) > pageTokenHours * hourMs;
    return { index: from.index, empty: isOld ? 0 : Number(empty) };
  }

  #token(snapshot: string, index: number): string {
    return `${snapshot} ${index} ${this.#clock.now().getTime()}`;
  }

  async #begin(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    if (this.#broken !== undefined)
      throw new SourceUnavailableError(`the snapshots cannot be read: ${this.#broken}`);
  }

  #volume(volume: string): Disk {
    const disk = this.#volumes.get(volume);
    if (disk === undefined) throw new InvalidInputError(`there is no volume ${volume}; make it first`);
    return disk;
  }

  #snapshot(snapshot: string): Disk {
    const disk = this.#snapshots.get(snapshot);
    if (disk === undefined) throw new SnapshotMissingError(snapshot);
    return disk;
  }
}

function idOf(kind: 'vol' | 'snap', n: number): string {
  return `${kind}-${n.toString(16).padStart(17, '0')}`;
}
