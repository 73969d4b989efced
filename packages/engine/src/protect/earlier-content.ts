import { isDamage } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PointId } from '../ids.ts';
import { decodeExtent, extentBytes, extentPacks, type Extent } from '../manifest/extent.ts';
import { decodeFileEntry, type FileEntry } from '../manifest/file-entry.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { entryKey, extentKey, pathKeys } from '../manifest/tuple-key.ts';
import type { ChunkStore } from '../packs/chunk-store.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { ByteRange, ObjectStore } from '../ports/object-store.ts';
import { ChunkFetcher } from '../restore/chunk-fetcher.ts';
import { PointReader } from '../restore/point-reader.ts';
import type { LeaseKeeper } from '../runs/lease-keeper.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { WrittenContent } from './content-writer.ts';
import { toStream } from '../to-stream.ts';

/**
 * Most bytes of one content that are copied out of the vault: bounded by the time of a call, and by the records in its
 * memory. A larger content can only be shared.
 */
const mostCopiedBytes = 4 * 2 ** 30;

/** Content of an earlier point: shared as its manifest says, or copied. Neither takes more memory than it has to. */
export type EarlierExtents =
  | { readonly shared: () => AsyncIterable<Entry> }
  | { readonly copied: WrittenContent['extents'] };

export interface EarlierEntry {
  readonly file: FileEntry;
  readonly content: EarlierExtents;
  /** True if this is the version that the source lists now: then nothing is lacking. */
  readonly isAsListed: boolean;
  readonly from: PointId;
}

export interface EarlierContentOptions {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly keeper: LeaseKeeper;
  /** Store for bytes that cannot be shared. */
  readonly chunks: ChunkStore;
  /** @default {@link mostCopiedBytes} */
  readonly mostCopiedBytes?: number;
  readonly signal?: AbortSignal;
}

/**
 * Finds content in the resource's newest point that the source does not give any more: objects that went into an
 * archive class since. Whatever the type of the run, such a content is shared under a lease, like one that is found by
 * its chunk ids. Where it cannot be leased, and in an isolated full, which shares nothing, it is copied out of the
 * vault, every chunk verified. Nothing is read before the first such entry. Memory: of {@link mostCopiedBytes}, a
 * record for each chunk, and the fetcher's windows.
 */
export class EarlierContent {
  readonly #options: EarlierContentOptions;
  #reader: Promise<PointReader> | undefined;
  /** One for all contents that are copied: neighbours share frames. */
  #fetcher: ChunkFetcher | undefined;

  constructor(options: EarlierContentOptions) {
    this.#options = options;
  }

  /**
   * @param stretch - the wanted part of the content: then only of the version that is listed. @default all
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
      const content = await this.#contentOf(reader, file.entry, stretch);
      return content && { file, content, isAsListed, from: plan.earlier };
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

  async #contentOf(
    reader: PointReader,
    { path, size }: SourceEntry,
    { offset, length }: ByteRange = { offset: 0, length: size },
  ): Promise<EarlierExtents | undefined> {
    const { signal } = this.#options;
    const to = offset + length < size ? extentKey(path, offset + length) : pathKeys(path).to;
    const range = { from: extentKey(path, offset), to };
    const entries = () => reader.manifest.range(range, { signal });
    let at = offset;
    let isShared = true;
    for await (const entry of entries()) {
      const extent = decodeExtent(entry, reader.root.point);
      if (extent.offset !== at) return undefined;
      at += extentBytes(extent.chunks);
      isShared &&= await this.#areLeased(entry);
    }
    if (at !== offset + length) return undefined;
    if (isShared) return { shared: entries };
    const most = this.#options.mostCopiedBytes ?? mostCopiedBytes;
    return length > most ? undefined : this.#copyAll(reader, entries());
  }

  async #copyAll(
    reader: PointReader,
    entries: AsyncIterable<Entry>,
  ): Promise<{ readonly copied: WrittenContent['extents'] } | undefined> {
    const copied: WrittenContent['extents'][number][] = [];
    for await (const entry of entries) {
      const extent = decodeExtent(entry, reader.root.point);
      const chunks = (await this.#areLeased(entry)) ? extent.chunks : await this.#copy(reader, extent);
      if (chunks === undefined) return undefined;
      copied.push({ offset: extent.offset, chunks });
    }
    return { copied };
  }

  async #areLeased(entry: Entry): Promise<boolean> {
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
    this.#fetcher ??= new ChunkFetcher(reader);
    for await (const { chunk } of this.#fetcher.fetch(toStream(items), this.#options.signal)) {
      if (!(chunk instanceof Uint8Array)) return undefined;
      copies.push(await this.#options.chunks.add(chunk));
    }
    return copies;
  }
}

/** True if an entry is of the version that a listing shows. The point that it was carried from does not matter. */
function isVersion(entry: SourceEntry, listed: SourceEntry): boolean {
  return (
    entry.kind === listed.kind &&
    entry.size === listed.size &&
    entry.modifiedMs === listed.modifiedMs &&
    entry.changeToken === listed.changeToken
  );
}
