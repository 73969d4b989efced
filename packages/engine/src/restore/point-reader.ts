import type { PackId, PageId, PointId, ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { PackReader } from '../packs/pack-reader.ts';
import type { PagePackReader, PagePackReaderPolicy } from '../packs/page-pack-reader.ts';
import type { StoredObject } from '../packs/stored-object.ts';
import { createPageReader, readPackMap } from '../points/point-pages.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import { readRoot } from '../points/root-store.ts';
import type { Root } from '../points/root.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { ReadRun } from './chunk-fetcher.ts';
import { MappedPacks } from './mapped-packs.ts';

export interface PointReaderOptions {
  /** Damaged pages of the manifest, which ranges pass over. */
  readonly lostPages?: ReadonlySet<PageId>;
  /** @default caches that spare a bucket requests */
  readonly pages?: PagePackReaderPolicy;
}

/** Reads everything of one recovery point, out of the bucket alone. */
export class PointReader {
  readonly root: Root;
  /** The point in errors about what it has. */
  readonly name: string;
  /** Paths and content. */
  readonly manifest: TreeReader;
  readonly packMap: TreeReader;
  /** Pages of both maps. */
  readonly pages: PagePackReader;
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  /** Reads one run; damage is the answer of the frame that it hits. */
  readonly readRun: ReadRun;
  readonly #packs: MappedPacks;

  constructor(
    store: ObjectStore,
    keys: VaultKeys,
    root: Root,
    { lostPages, pages }: PointReaderOptions = {},
  ) {
    this.root = root;
    this.name = `point ${root.point}`;
    this.store = store;
    this.keys = keys;
    const packs = new PackReader(store, keys);
    this.pages = createPageReader(store, keys, root.pagePacks, packs, pages);
    const manifest = findPageRef(root.manifest, root.point);
    this.manifest = new TreeReader(createFileTreeKind(keys), this.pages, manifest, this.name, lostPages);
    this.packMap = readPackMap(keys, this.pages, root);
    this.#packs = new MappedPacks(packs, this.packMap);
    this.readRun = this.#packs.readRun;
  }

  /**
   * @throws {@link ObjectNotFoundError} the point is not in the vault.
   * @throws {@link StoredBytesDamagedError} its root is damaged.
   */
  static async open(
    store: ObjectStore,
    keys: VaultKeys,
    resource: ResourceArn,
    point: PointId,
    versionId?: string,
  ): Promise<PointReader> {
    const { root } = await readRoot(store, keys, resource, point, versionId);
    return new PointReader(store, keys, root);
  }

  /** `undefined` for a pack that the point does not use. */
  async findObject(packId: PackId, signal?: AbortSignal): Promise<StoredObject | undefined> {
    return this.#packs.find(packId, signal);
  }
}
