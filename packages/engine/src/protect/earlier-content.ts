import { isDamage } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PointId } from '../ids.ts';
import { decodeExtent, extentBytes, extentPacks, type Extent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import { entryKey, extentKey, pathKeys } from '../manifest/tuple-key.ts';
import type { ChunkStore } from '../packs/chunk-store.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { ByteRange, ObjectStore } from '../ports/object-store.ts';
import { ChunkFetcher } from '../restore/chunk-fetcher.ts';
import { PointReader } from '../restore/point-reader.ts';
import type { LeaseKeeper } from '../runs/lease-keeper.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { WrittenContent } from './content-writer.ts';

/** What an earlier point has of an entry. */
export interface EarlierEntry {
  readonly file: FileEntry;
  readonly content: Pick<WrittenContent, 'extents'>;
  /** Whether that is the very version that the source lists now: then nothing is lacking. */
  readonly isAsListed: boolean;
  readonly from: PointId;
}

/** What looking into an earlier point takes. */
export interface EarlierContentOptions {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly keeper: LeaseKeeper;
  /** Where bytes go that cannot be shared. */
  readonly chunks: ChunkStore;
  readonly signal?: AbortSignal;
}

/**
 * The resource's newest point as the last place that has what the source does not give any more: objects that went into
 * an archive class since. Whatever the type of the run, such a content is shared under a lease, as one that is found by
 * its chunk ids; where it cannot be leased, and in an isolated full, which shares nothing, it is copied out of the vault,
 * every chunk verified. Nothing is read before the first such entry.
 */
export class EarlierContent {
  readonly #options: EarlierContentOptions;
  #reader: Promise<PointReader> | undefined;

  constructor(options: EarlierContentOptions) {
    this.#options = options;
  }

  /**
   * @param stretch - the part of the content that is wanted: then only of the version that is listed. @default all
   * @returns `undefined` when that point has not got it, or it is lost.
   */
  async find(listed: SourceEntry, stretch?: ByteRange): Promise<EarlierEntry | undefined> {
    const { plan, signal } = this.#options;
    if (plan.earlier === undefined) return undefined;
    try {
      const reader = await this.#open(plan.earlier);
      const own = await reader.manifest.find(entryKey(listed.path), signal);
      if (own === undefined) return undefined;
      const file = decodeFileEntry(own, plan.earlier);
      const isAsListed = isVersion(file.entry, listed);
      if (stretch !== undefined && !isAsListed) return undefined;
      const extents = await this.#extentsOf(reader, file.entry, stretch);
      return extents && { file, content: { extents }, isAsListed, from: plan.earlier };
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  async #open(point: PointId): Promise<PointReader> {
    const { store, keys, plan } = this.#options;
    this.#reader ??= PointReader.open(store, keys, plan.resourceArn, point);
    return this.#reader;
  }

  async #extentsOf(
    reader: PointReader,
    { path, size }: SourceEntry,
    { offset, length }: ByteRange = { offset: 0, length: size },
  ): Promise<WrittenContent['extents'] | undefined> {
    const { signal } = this.#options;
    const to = offset + length < size ? extentKey(path, offset + length) : pathKeys(path).to;
    const extents: WrittenContent['extents'][number][] = [];
    let at = offset;
    const range = { from: extentKey(path, offset), to };
    for await (const entry of reader.manifest.range(range, signal === undefined ? {} : { signal })) {
      const extent = decodeExtent(entry, reader.root.point);
      if (extent.offset !== at) return undefined;
      const chunks = (await this.#areLeased(entry)) ? extent.chunks : await this.#copy(reader, extent);
      if (chunks === undefined) return undefined;
      extents.push({ offset: at, chunks });
      at += extentBytes(extent.chunks);
    }
    return at === offset + length ? extents : undefined;
  }

  async #areLeased(entry: Parameters<typeof extentPacks>[0]): Promise<boolean> {
    const { plan, keeper } = this.#options;
    if (plan.isolated) return false;
    const packs = extentPacks(entry, 'an earlier point');
    const leased = await keeper.lease(packs);
    return packs.every((packId) => leased.has(packId));
  }

  async #copy(
    reader: PointReader,
    { chunks }: Extent,
  ): Promise<WrittenContent['extents'][number]['chunks'] | undefined> {
    const copies: WrittenContent['extents'][number]['chunks'][number][] = [];
    const items = chunks.map((chunk) => ({ tag: chunk, reference: chunk }));
    const fetcher = new ChunkFetcher(reader.readRun, new Map());
    for await (const { chunk } of fetcher.fetch(toStream(items), this.#options.signal)) {
      if (!(chunk instanceof Uint8Array)) return undefined;
      copies.push(await this.#options.chunks.add(chunk));
    }
    return copies;
  }
}

/** Whether an entry is of the version that a listing shows; how far its point had it from the source decides nothing. */
function isVersion(entry: SourceEntry, listed: SourceEntry): boolean {
  return (
    entry.kind === listed.kind &&
    entry.size === listed.size &&
    entry.modifiedMs === listed.modifiedMs &&
    entry.changeToken === listed.changeToken
  );
}

async function* toStream<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
