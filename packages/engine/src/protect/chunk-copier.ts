import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PackId } from '../ids.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { extentBytes, type Extent } from '../manifest/extent.ts';
import { createPackMapKind, packKey, readStoredObject } from '../manifest/pack-map.ts';
import type { PageSource } from '../manifest/page-store.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import type { ChunkStore } from '../packs/chunk-store.ts';
import { PackReader, type ReadFrame } from '../packs/pack-reader.ts';
import type { StoredObject } from '../packs/stored-object.ts';
import { isDamage, StoredBytesDamagedError } from '../errors.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { ChunkFetcher, type FetchedItem } from '../restore/chunk-fetcher.ts';
import type { PackRun } from '../restore/plan-runs.ts';
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
  readonly #origin: string;
  readonly #reader: PackReader;
  readonly #packMap: TreeReader;
  readonly #objects = new Map<PackId, StoredObject>();

  constructor(options: ChunkCopierOptions) {
    const { store, keys, plan, pages } = options;
    this.chunks = options.chunks;
    this.#options = options;
    this.#packs = new Set(plan.copiedPacks);
    this.#origin = originOf(plan);
    this.#reader = new PackReader(store, keys);
    const packMap = findPageRef(plan.base?.packMap, this.#origin);
    this.#packMap = new TreeReader(createPackMapKind(keys), pages, packMap);
  }

  isNeededFor(file: BaseFile): boolean {
    return file.usesPacks(this.#packs);
  }

  /** Starts to read what {@link store} takes; all of it, if it is small. */
  async prepare(file: BaseFile): Promise<PreparedCopy> {
    const extents = [...file.extents()].filter(({ chunks }) => chunks.some(this.#isMoved));
    const bytes = extents.reduce((sum, { chunks }) => sum + extentBytes(chunks.filter(this.#isMoved)), 0);
    const items = extents.flatMap((extent) =>
      extent.chunks.map((chunk) => ({
        tag: { extent, chunk },
        reference: this.#isMoved(chunk) ? chunk : undefined,
      })),
    );
    const fetcher = new ChunkFetcher({ readRun: this.#readFrames, keys: this.#options.keys });
    const read = fetcher.fetch(toStream(items), this.#options.signal);
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

  readonly #isMoved = ({ location }: ChunkReference): boolean => this.#packs.has(location.packId);

  readonly #readRun = async (run: PackRun, signal?: AbortSignal): Promise<readonly ReadFrame[]> => {
    let object: StoredObject | undefined;
    try {
      object = await this.#findObject(run.packId, signal);
    } catch (error) {
      if (!isDamage(error)) throw error;
      return run.frames.map(() => error);
    }
    return this.#reader.readFrames(object, 'chunk', run.frames, signal);
  };

  readonly #readFrames = rememberFrames(this.#readRun, rememberedBytes);

  async #findObject(packId: PackId, signal: AbortSignal | undefined): Promise<StoredObject> {
    const known = this.#objects.get(packId);
    if (known !== undefined) return known;
    const found = await this.#packMap.find(packKey(packId), signal);
    if (found === undefined)
      throw new StoredBytesDamagedError(`point ${this.#origin}`, `its pack map lacks pack ${packId}`);
    const object = readStoredObject(found, `point ${this.#origin}`);
    this.#objects.set(packId, object);
    return object;
  }
}
