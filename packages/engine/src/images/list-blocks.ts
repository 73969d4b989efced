import * as z from 'zod';
import { compareBytes, newId, toBase64, utf8 } from '../bytes.ts';
import { SnapshotMissingError, SourceUnavailableError, UnrelatedSnapshotsError } from '../errors.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { decodeExtent, extentPacks } from '../manifest/extent.ts';
import { volumeEntries } from '../manifest/volume-entries.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { entryKey, extentKey, pathKeys, type KeyRange } from '../manifest/tuple-key.ts';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createPageReader } from '../points/point-pages.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { BlockPage, BlockSource, SnapshotBlock } from '../ports/block-source.ts';
import { originOf } from '../protect/base-files.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';
import type { WriteServices } from '../services.ts';
import { sum } from '../sum.ts';
import { getJson, putJson } from '../work-json.ts';
import { type BlockShard, type BlockShardReference, putBlockShard } from './block-shards.ts';
import { blocksByWindow, extentsByWindow, joinWindows, type BlockWindow } from './block-windows.ts';
import { ListedTokens } from './listed-tokens.ts';
import { ListPlace, PagedList } from './paged-list.ts';

/** Volumes that are listed side by side: AWS answers 50 lists a second, and each takes a tenth of one. */
const volumesAtOnce = 4;

export interface BlockShardLimits {
  /** Blocks to read, or to copy out of mostly dead packs. A shard has up to a window more. */
  readonly blocks: number;
  /** Extents of the base to look at, where that is needed: each takes as long as its page takes to read. */
  readonly extents: number;
}

/** A GiB of the blocks that EBS has. */
export const defaultBlockShardLimits: BlockShardLimits = { blocks: 2_048, extents: 65_536 };

/** A volume of an image, and the snapshot that its blocks are read from. */
export interface SnapshotOfVolume {
  readonly volume: string;
  readonly snapshot: string;
  /** A reason for reading all blocks, whatever the type of the run. */
  readonly fullReason?: string | undefined;
}

const VolumeListing = z.object({
  volume: z.string(),
  /** Absent for a volume that only the base has. */
  snapshot: z.string().optional(),
  /** Absent until it is known how the blocks are found. */
  read: z
    .object({
      bytes: z.int().positive(),
      blockBytes: z.int().positive(),
      /** The snapshot that changes are listed against. @default all blocks are listed */
      base: z.string().optional(),
      fullReason: z.string().optional(),
    })
    .optional(),
  /** The window to go on with. */
  next: z.int().nonnegative(),
  /** The page of the list to go on with. @default the one that has the window's first block */
  page: ListPlace.optional(),
  /** Blocks in the shards that are written; absent where none is, and in states of earlier versions. */
  listedBlocks: z.int().optional(),
  /** Names of lists of shards, in the order of keys. */
  parts: z.array(z.string()),
  isDone: z.boolean(),
});
type VolumeListing = z.infer<typeof VolumeListing>;

/** State of a listing: a record for each volume, in the order of keys. The same whichever call goes on with it. */
export const BlockListingState = z.object({ volumes: z.array(VolumeListing) });
export type BlockListingState = z.infer<typeof BlockListingState>;

export interface ListBlocksOptions {
  readonly source: BlockSource;
  /** The volumes of the image. */
  readonly volumes: readonly SnapshotOfVolume[];
  readonly limits?: BlockShardLimits;
  /** Asked between windows, and between empty pages; when true the call ends and another goes on. */
  readonly shouldStop: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Lists the blocks of an image that a run has to read, and cuts them into shards, which are written while they are
 * listed: all blocks of a full, and else those that changed since the snapshot that the base names for the volume, or
 * all of them with a reason. Goes on over any number of calls, each given the last one's state; each gets a window of a volume, or some empty pages, done at least.
 * Can be repeated, also while an earlier attempt is still at work: each names what it writes anew.
 * Memory: a page of the source and a shard for each of {@link volumesAtOnce} volumes, and a name for each shard of a call.
 * @throws {@link SnapshotMissingError} a snapshot of the image itself is gone.
 */
export async function listBlocks(
  services: Pick<WriteServices, 'store' | 'work' | 'random'>,
  keys: VaultKeys,
  plan: RunPlan,
  options: ListBlocksOptions,
  state?: BlockListingState,
): Promise<
  | { readonly done: false; readonly state: BlockListingState }
  | { readonly done: true; readonly shards: readonly BlockShardReference[]; readonly totalBytes: number }
> {
  const listing = await Listing.open({ services, keys, plan, options }, state);
  await listing.run();
  const { volumes } = listing;
  if (volumes.some(({ isDone }) => !isDone)) return { done: false, state: { volumes } };
  const lists: string[] = [];
  for (const part of volumes.flatMap(({ parts }) => parts))
    for (const list of await getJson(services.work, part, z.array(z.string()))) lists.push(list);
  const totalBytes = sum(volumes.map(({ listedBlocks = 0, read }) => listedBlocks * (read?.blockBytes ?? 0)));
  return { done: true, shards: lists.map((list, index) => ({ index, list })), totalBytes };
}

interface ListingOf {
  readonly services: Pick<WriteServices, 'store' | 'work' | 'random'>;
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly options: ListBlocksOptions;
}

/** One call's part of a listing. */
class Listing {
  readonly #of: ListingOf;
  readonly #base: TreeReader;
  readonly #baseVolumes: ReadonlyMap<string, VolumeEntry>;
  /** Packs whose chunks are read or copied, wherever they are. */
  readonly #given: ReadonlySet<PackId>;
  readonly volumes: VolumeListing[];
  #hasProgress = false;
  #hasFailed = false;

  private constructor(
    of: ListingOf,
    base: TreeReader,
    baseVolumes: ReadonlyMap<string, VolumeEntry>,
    volumes: VolumeListing[],
  ) {
    this.#of = of;
    this.#base = base;
    this.#baseVolumes = baseVolumes;
    this.#given = new Set([...of.plan.unleasedPacks, ...of.plan.copiedPacks]);
    this.volumes = volumes;
  }

  static async open(of: ListingOf, state: BlockListingState | undefined): Promise<Listing> {
    const { services, keys, plan, options } = of;
    const pages = createPageReader(services.store, keys, plan.base?.pagePacks ?? []);
    const root = findPageRef(plan.base?.manifest, plan.base?.pointId);
    const base = new TreeReader(createFileTreeKind(keys), pages, root, originOf(plan));
    const baseVolumes = new Map<string, VolumeEntry>();
    for await (const entry of volumeEntries(base, options.signal)) baseVolumes.set(entry.volume, entry);
    const volumes =
      state === undefined ? begin(options.volumes, baseVolumes) : structuredClone(state.volumes);
    return new Listing(of, base, baseVolumes, volumes);
  }

  async run(): Promise<void> {
    const open = this.volumes.filter(({ isDone }) => !isDone);
    await forEachConcurrent(open, volumesAtOnce, async (volume) => {
      try {
        await this.#list(volume);
      } catch (error) {
        this.#hasFailed = true;
        throw error;
      }
    });
  }

  /** True when this call has done its part. One that failed must not go on beside its repetition. */
  #mustStop(): boolean {
    return this.#hasFailed || (this.#hasProgress && this.#of.options.shouldStop());
  }

  async #list(volume: VolumeListing): Promise<void> {
    if (this.#mustStop()) return;
    volume.read ??= await this.#decide(volume);
    const { read } = volume;
    try {
      await this.#listAs(volume, read);
    } catch (error) {
      const why = read.base === undefined ? undefined : whyNotChanges(error, read.base);
      if (why === undefined) throw error;
      volume.read = { ...read, base: undefined, fullReason: why };
      volume.next = 0;
      volume.page = undefined;
      volume.parts = [];
      await this.#listAs(volume, volume.read);
    }
  }

  /** Decides how the blocks of a volume are found, by what its snapshot is like. */
  async #decide({ volume, snapshot }: VolumeListing): Promise<NonNullable<VolumeListing['read']>> {
    const { plan, options } = this.#of;
    const before = this.#baseVolumes.get(volume);
    if (snapshot === undefined) {
      const { bytes, blockBytes } = before as VolumeEntry;
      return { bytes, blockBytes };
    }
    const { bytes, blockBytes } = await findSize(options.source, snapshot, options.signal);
    const whole = (fullReason: string | undefined) => ({ bytes, blockBytes, fullReason });
    if (plan.base === undefined) return whole(undefined);
    const asked = options.volumes.find((one) => one.volume === volume)?.fullReason;
    if (asked !== undefined) return whole(asked);
    if (before === undefined) return whole(`point ${plan.base.pointId} does not have the volume`);
    if (before.blockBytes !== blockBytes)
      return whole(`its blocks had ${before.blockBytes} bytes before, and have ${blockBytes} now`);
    if (before.bytes !== bytes) return whole(`it had ${before.bytes} bytes before, and has ${bytes} now`);
    return { bytes, blockBytes, base: before.snapshot };
  }

  async #listAs(volume: VolumeListing, read: NonNullable<VolumeListing['read']>): Promise<void> {
    const { services, plan, options } = this.#of;
    const prefix = runPrefix(plan.runId);
    const cutter = new ShardCutter(options.limits ?? defaultBlockShardLimits, volume.next);
    const lists: string[] = [];
    let listedBlocks = volume.listedBlocks ?? 0;
    const put = async (cut: Cut | undefined, isLast = false): Promise<void> => {
      if (cut === undefined) return;
      const shard = this.#shardOf(volume, read, cut, isLast);
      // Those without a token are not there to be read.
      listedBlocks += shard.blocks.filter(([, token]) => token !== undefined).length;
      lists.push(await putBlockShard(services, prefix, shard, options.signal));
    };
    const list = this.#listOf(volume, read);
    let stoppedAt: number | undefined;
    let page: ListPlace | undefined;
    const tokens =
      volume.snapshot && new ListedTokens(options.source, volume.snapshot, { signal: options.signal });
    for await (const window of this.#windows(volume, read, list)) {
      const isOpen = window.at >= (list?.leftWindow ?? Infinity);
      if (isOpen || (!cutter.isEmpty && this.#mustStop())) {
        stoppedAt = window.at;
        // What the base alone has may come long before the next block that is listed: its page is not looked for again.
        page = window.blocks.length === 0 ? list?.current : undefined;
        break;
      }
      if (tokens && read.base !== undefined) await this.#checkKept(window, read, tokens, volume.snapshot);
      await put(cutter.add(window, this.#costOf(window)));
      this.#hasProgress = true;
    }
    if (this.#hasFailed) return;
    if (list?.left !== undefined) stoppedAt ??= list.leftWindow;
    volume.page = list?.left ?? page;
    if (stoppedAt !== undefined && cutter.isEmpty) return;
    await put(cutter.end(stoppedAt), stoppedAt === undefined);
    const part = `${prefix}cuts/${newId(services.random)}.json`;
    await putJson(services.work, part, lists, options.signal);
    volume.parts.push(part);
    volume.listedBlocks = listedBlocks;
    volume.next = stoppedAt ?? 0;
    volume.isDone = stoppedAt === undefined;
    this.#hasProgress = true;
  }

  /** The list of a volume's blocks from where it was left. @returns `undefined` for a volume that only the base has. */
  #listOf(
    { snapshot, next, page }: VolumeListing,
    { bytes, base }: NonNullable<VolumeListing['read']>,
  ): PagedList | undefined {
    if (snapshot === undefined) return undefined;
    const { source, signal } = this.#of.options;
    const first = next * volumeExtentBlocks;
    const from = page ?? first;
    const pages =
      base === undefined
        ? source.list(snapshot, from, signal)
        : source.listChanged(snapshot, base, from, signal);
    return new PagedList(pagesWithin(pages, bytes, snapshot), first, page, () => {
      this.#hasProgress = true;
      return this.#mustStop();
    });
  }

  #windows(
    { volume, next }: VolumeListing,
    { blockBytes, base }: NonNullable<VolumeListing['read']>,
    list: PagedList | undefined,
  ): AsyncGenerator<BlockWindow> {
    const { signal } = this.#of.options;
    const from = next * volumeExtentBlocks;
    const listed = blocksByWindow(list?.portions() ?? []);
    const isWalked = this.#baseVolumes.has(volume) && (base === undefined || this.#given.size > 0);
    if (!isWalked) return listed;
    const path = utf8(volume);
    const range = { from: extentKey(path, from * blockBytes), to: pathKeys(path).to };
    const extents = this.#base.portions(range, { signal });
    return joinWindows(listed, extentsByWindow(extents, blockBytes, this.#base.name));
  }

  /**
   * Blocks that the list of changes keeps, and that may have to be read again: what the snapshot itself does not list
   * cannot be.
   * @throws {@link UnrelatedSnapshotsError} the two lists contradict each other.
   */
  async #checkKept(
    { blocks, base }: BlockWindow,
    { base: before, blockBytes }: NonNullable<VolumeListing['read']>,
    tokens: ListedTokens,
    snapshot = '',
  ): Promise<void> {
    const changed = new Set(blocks.map(({ index }) => index));
    for (const { offset } of this.#givenChunks(base)) {
      const index = Math.floor(offset / blockBytes);
      if (changed.has(index) || (await tokens.find(index)) !== undefined) continue;
      const detail = `block ${index} has content there, no change is listed, and the snapshot does not have it`;
      throw new UnrelatedSnapshotsError(snapshot, before ?? '', detail);
    }
  }

  /** Chunks of a base that lie in packs whose chunks are read or copied. */
  *#givenChunks(base: readonly Entry[]): Generator<{ readonly offset: number }> {
    if (this.#given.size === 0) return;
    for (const entry of base) {
      if (!extentPacks(entry, this.#base.name).some((packId) => this.#given.has(packId))) continue;
      const { offset, chunks } = decodeExtent(entry, this.#base.name);
      let at = offset;
      for (const { location, plainBytes } of chunks) {
        if (this.#given.has(location.packId)) yield { offset: at };
        at += plainBytes;
      }
    }
  }

  /** Counts what a shard has to do about a window. */
  #costOf({ blocks, base }: BlockWindow): BlockShardLimits {
    const moved = [...this.#givenChunks(base)].length;
    return { blocks: blocks.length + moved, extents: base.length };
  }

  #shardOf(
    { volume, snapshot }: VolumeListing,
    { bytes, blockBytes, base, fullReason }: NonNullable<VolumeListing['read']>,
    { from, to, blocks }: Cut,
    isLast: boolean,
  ): BlockShard {
    const at = this.volumes.findIndex((one) => one.volume === volume);
    const all = this.#keysOf(at);
    const keyOf = (window: number): Uint8Array =>
      extentKey(utf8(volume), window * volumeExtentBlocks * blockBytes);
    const range = { from: from === 0 ? all.from : keyOf(from), to: isLast ? all.to : keyOf(to) };
    return {
      volume,
      snapshot,
      bytes,
      blockBytes,
      isWhole: base === undefined,
      fullReason,
      hasEntry: from === 0,
      keys: { from: range.from && toBase64(range.from), to: range.to && toBase64(range.to) },
      blocks: blocks.map(({ index, token }) => (token === undefined ? [index] : [index, token])),
    };
  }

  /** Keys of a volume, up to those of the next one: the ranges of all volumes have every key. */
  #keysOf(at: number): KeyRange {
    const next = this.volumes[at + 1];
    const own = this.volumes[at];
    return {
      from: at === 0 || own === undefined ? undefined : entryKey(utf8(own.volume)),
      to: next && entryKey(utf8(next.volume)),
    };
  }
}

/** The volumes of the image, and those that only the base has, in the order of keys. */
function begin(
  ofImage: readonly SnapshotOfVolume[],
  ofBase: ReadonlyMap<string, VolumeEntry>,
): VolumeListing[] {
  const snapshots = new Map(ofImage.map(({ volume, snapshot }) => [volume, snapshot]));
  const all = [...new Set([...snapshots.keys(), ...ofBase.keys()])];
  return all
    .sort((a, b) => compareBytes(utf8(a), utf8(b)))
    .map((volume) => ({ volume, snapshot: snapshots.get(volume), next: 0, parts: [], isDone: false }));
}

async function findSize(
  source: BlockSource,
  snapshot: string,
  signal: AbortSignal | undefined,
): Promise<Pick<BlockPage, 'bytes' | 'blockBytes'>> {
  for await (const { bytes, blockBytes } of source.list(snapshot, 0, signal)) return { bytes, blockBytes };
  throw new SourceUnavailableError(`the list of blocks of snapshot ${snapshot} has no page; try again later`);
}

/** @returns the reason for reading all blocks; `undefined` for an error that is of something else. */
function whyNotChanges(error: unknown, base: string): string | undefined {
  if (error instanceof SnapshotMissingError)
    return `snapshot ${base}, with which it would be compared, is gone`;
  if (error instanceof UnrelatedSnapshotsError)
    return `it cannot be compared with snapshot ${base}: ${error.detail}`;
  // Of the base, or of the snapshot itself: then reading all of it fails likewise.
  if (error instanceof SourceUnavailableError)
    return `what changed since snapshot ${base} cannot be listed: ${error.message}`;
  return undefined;
}

/** @throws {@link SourceUnavailableError} a block lies beyond the end of its volume. */
async function* pagesWithin(
  pages: AsyncIterable<BlockPage>,
  bytes: number,
  snapshot: string,
): AsyncGenerator<BlockPage> {
  for await (const page of pages) {
    const { blocks, blockBytes } = page;
    const last = blocks.at(-1);
    if (last !== undefined && last.index * blockBytes >= bytes)
      throw new SourceUnavailableError(
        `block ${last.index} of snapshot ${snapshot} lies beyond the ${bytes} bytes of its volume`,
      );
    yield page;
  }
}

/** Windows that make a shard: `from` inclusive, `to` exclusive. */
interface Cut {
  readonly from: number;
  readonly to: number;
  readonly blocks: readonly SnapshotBlock[];
}

/** Gathers windows into shards within the limits. */
class ShardCutter {
  readonly #limits: BlockShardLimits;
  #from: number;
  #blocks: SnapshotBlock[] = [];
  #cost: BlockShardLimits = { blocks: 0, extents: 0 };
  /** True until a window has been added. */
  isEmpty = true;

  constructor(limits: BlockShardLimits, from: number) {
    this.#limits = limits;
    this.#from = from;
  }

  /** @returns the shard that ends before the window, if it is full. */
  add({ at, blocks }: BlockWindow, cost: BlockShardLimits): Cut | undefined {
    const isFull = this.#cost.blocks >= this.#limits.blocks || this.#cost.extents >= this.#limits.extents;
    const cut = isFull ? this.#cut(at) : undefined;
    this.isEmpty = false;
    this.#blocks.push(...blocks);
    this.#cost = {
      blocks: this.#cost.blocks + cost.blocks,
      extents: this.#cost.extents + cost.extents,
    };
    return cut;
  }

  /** @param to - the window that another call goes on with; absent at the volume's end. */
  end(to = Infinity): Cut {
    return this.#cut(to);
  }

  #cut(to: number): Cut {
    const cut = { from: this.#from, to, blocks: this.#blocks };
    this.#from = to;
    this.#blocks = [];
    this.#cost = { blocks: 0, extents: 0 };
    return cut;
  }
}
