import type { PackId, PageId, PointId, ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { createPackMapKind, packKey, readStoredObject } from '../manifest/pack-map.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { PackReader, type ReadFrame } from '../packs/pack-reader.ts';
import type { PagePackReader } from '../packs/page-pack-reader.ts';
import type { StoredObject } from '../packs/stored-object.ts';
import { isDamage, StoredBytesDamagedError } from '../errors.ts';
import { createPageReader } from '../points/point-pages.ts';
import { findPageRef } from '../points/page-ref-text.ts';
import { readRoot } from '../points/root-store.ts';
import type { Root } from '../points/root.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { ReadRun } from './chunk-fetcher.ts';
import type { PackRun } from './plan-runs.ts';

/** Reads everything of one recovery point, out of the bucket alone. */
export class PointReader {
  readonly root: Root;
  /** Paths and content. */
  readonly manifest: TreeReader;
  /** Packs that the content lies in. */
  readonly packMap: TreeReader;
  /** Pages of both maps. */
  readonly pages: PagePackReader;
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly #packs: PackReader;
  readonly #objects = new Map<PackId, StoredObject>();

  /** @param lostPages - damaged pages of the manifest, which ranges pass over. */
  constructor(store: ObjectStore, keys: VaultKeys, root: Root, lostPages?: ReadonlySet<PageId>) {
    this.root = root;
    this.store = store;
    this.keys = keys;
    this.#packs = new PackReader(store, keys);
    this.pages = createPageReader(store, keys, root.pagePacks, this.#packs);
    this.manifest = new TreeReader(
      createFileTreeKind(keys),
      this.pages,
      findPageRef(root.manifest, root.point),
      lostPages,
    );
    this.packMap = new TreeReader(createPackMapKind(keys), this.pages, findPageRef(root.packMap, root.point));
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

  /** Reads one run; damage is the answer of the frame that it hits. */
  readonly readRun: ReadRun = async (run: PackRun, signal?: AbortSignal): Promise<readonly ReadFrame[]> => {
    let object: StoredObject | undefined;
    try {
      object = await this.findObject(run.packId, signal);
    } catch (error) {
      // A page of the pack map that is lost costs the packs that it names, not the others.
      if (!isDamage(error)) throw error;
      return run.frames.map(() => error);
    }
    if (object === undefined) {
      const missing = new StoredBytesDamagedError(
        `point ${this.root.point}`,
        `its pack map lacks pack ${run.packId}`,
      );
      return run.frames.map(() => missing);
    }
    return this.#packs.readFrames(object, 'chunk', run.frames, signal);
  };

  /** `undefined` for a pack that the point does not use. */
  async findObject(packId: PackId, signal?: AbortSignal): Promise<StoredObject | undefined> {
    const known = this.#objects.get(packId);
    if (known !== undefined) return known;
    const found = await this.packMap.find(packKey(packId), signal);
    if (found === undefined) return undefined;
    const object = readStoredObject(found, `point ${this.root.point}`);
    this.#objects.set(packId, object);
    return object;
  }
}
