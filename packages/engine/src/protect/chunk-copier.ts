import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PackId } from '../ids.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { extentBytes, type Extent } from '../manifest/extent.ts';
import { createPackMapKind } from '../manifest/pack-map.ts';
import type { PageSource } from '../manifest/page-store.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import type { ChunkStore } from '../packs/chunk-store.ts';
import { PackReader } from '../packs/pack-reader.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { ChunkFetcher, type FetchedItem, type FetchItem, type ReadRun } from '../restore/chunk-fetcher.ts';
import { MappedPacks } from '../restore/mapped-packs.ts';
import { rememberFrames } from '../restore/remember-frames.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { type BaseFile, originOf } from './base-files.ts';
import type { WrittenContent } from './content-writer.ts';
import { toStream } from '../to-stream.ts';

/** Frames that are remembered, as the next files share them. Bytes of their contents. */
const rememberedBytes = 8 * 2 ** 20;
/** Content up to this size is read ahead, whole; more is read as it is stored. Bytes. */
const readAheadBytes = 2 ** 20;

interface CopyItem {
  readonly extent: Extent;
  readonly chunk: ChunkReference;
}

/** Copied content of one path: the chunks of all extents that refer to a mostly dead pack. */
export type PreparedCopy = AsyncIterable<FetchedItem<CopyItem>> | Iterable<FetchedItem<CopyItem>>;

export interface ChunkCopierOptions {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly pages: PageSource;
  /** Store for the copies, apart from new chunks: what has lived long mostly lives on. */
  readonly chunks: ChunkStore;
  readonly signal?: AbortSignal;
}

/**
 * Copies the base's content in mostly dead packs into new ones (rule 5): out of the vault, every chunk verified by its
 * id. Only locations change; to the source and to whoever compares points, nothing has happened.
 */
export class ChunkCopier {
  readonly chunks: ChunkStore;
  readonly #options: ChunkCopierOptions;
  readonly #packs: ReadonlySet<PackId>;
  readonly #readRun: ReadRun;

  constructor(options: ChunkCopierOptions) {
    const { store, keys, plan, pages } = options;
    this.chunks = options.chunks;
    this.#options = options;
    this.#packs = new Set(plan.copiedPacks);
    const origin = originOf(plan);
    const ref = findPageRef(plan.base?.packMap, origin);
    const packMap = new TreeReader(createPackMapKind(keys), pages, ref, `the pack map of ${origin}`);
    const packs = new MappedPacks(new PackReader(store, keys), packMap);
    this.#readRun = rememberFrames(packs.readRun, rememberedBytes);
  }

  isNeededFor(file: BaseFile): boolean {
    return file.usesPacks(this.#packs);
  }

  /** True for a chunk that lies in a pack which is given up. */
  readonly isMoved = ({ location }: ChunkReference): boolean => this.#packs.has(location.packId);

  /** Reads chunks for their copies, in order: bytes, or why they cannot be had. */
  fetch<Tag>(items: readonly FetchItem<Tag>[]): AsyncGenerator<FetchedItem<Tag>> {
    const fetcher = new ChunkFetcher({ readRun: this.#readRun, keys: this.#options.keys });
    return fetcher.fetch(toStream(items), this.#options.signal);
  }

  /** Starts to read what {@link store} takes; all of it, if it is small. */
  async prepare(file: BaseFile): Promise<PreparedCopy> {
    const extents = [...file.extents()].filter(({ chunks }) => chunks.some(this.isMoved));
    const bytes = extents.reduce((sum, { chunks }) => sum + extentBytes(chunks.filter(this.isMoved)), 0);
    const items = extents.flatMap((extent) =>
      extent.chunks.map((chunk) => ({
        tag: { extent, chunk },
        reference: this.isMoved(chunk) ? chunk : undefined,
      })),
    );
    const read = this.fetch(items);
    return bytes <= readAheadBytes ? Array.fromAsync(read) : read;
  }

  /** @returns the extents with the copies' places; `undefined` when old bytes are lost or damaged. */
  async store(prepared: PreparedCopy): Promise<WrittenContent['extents'] | undefined> {
    const extents = new Map<
      Extent,
      { offset: number; chunks: WrittenContent['extents'][number]['chunks'][number][] }
    >();
    for await (const { tag, chunk: plain } of prepared) {
      const { extent, chunk } = tag;
      let copy = extents.get(extent);
      if (copy === undefined) extents.set(extent, (copy = { offset: extent.offset, chunks: [] }));
      if (plain === undefined) copy.chunks.push(chunk);
      else if (plain instanceof Uint8Array) copy.chunks.push(await this.chunks.add(plain));
      else return undefined;
    }
    return [...extents.values()];
  }
}
