import type { HoldId, PackId, PageId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { decodePackMapEntry } from '../manifest/pack-map.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { PointReader } from '../restore/point-reader.ts';

/** What the points of a vault say of a pack. */
export interface KnownPack {
  /** The latest lock that any point has seen confirmed. */
  readonly lockedUntil: Date;
  readonly retentionClass: string;
  /** Of the point whose container it is. */
  readonly holds?: readonly HoldId[];
}

/** Gathers from points, one after the other, what they know of packs. Memory: about 200 bytes for every pack. */
export class PackDates {
  readonly #store: ObjectStore;
  readonly #keys: VaultKeys;
  readonly #known = new Map<PackId, KnownPack>();
  readonly #seenPages = new Set<PageId>();

  constructor({ store }: { readonly store: ObjectStore }, keys: VaultKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** Reads the pages of a point's pack map that no earlier point had. */
  async addPoint({ resourceArn, pointId, rootVersionId, holds }: PointRow): Promise<void> {
    const reader = await PointReader.open(this.#store, this.#keys, resourceArn, pointId, rootVersionId);
    const { root } = reader;
    for (const { pack, lockedUntil } of root.pagePacks)
      this.#add(pack, { lockedUntil: new Date(lockedUntil), retentionClass: root.retentionClass });
    for await (const entry of reader.packMap.unseenEntries(this.#seenPages)) {
      const { packId, lockedUntil, retentionClass } = decodePackMapEntry(entry, `point ${pointId}`);
      this.#add(packId, { lockedUntil, retentionClass });
    }
    const own = root.container && this.#known.get(root.container.pack);
    if (root.container !== undefined && own !== undefined && holds !== undefined)
      this.#known.set(root.container.pack, { ...own, holds });
  }

  find(packId: PackId): KnownPack | undefined {
    return this.#known.get(packId);
  }

  #add(packId: PackId, pack: KnownPack): void {
    const known = this.#known.get(packId);
    if (known === undefined) this.#known.set(packId, pack);
    else if (known.lockedUntil < pack.lockedUntil)
      this.#known.set(packId, { ...known, lockedUntil: pack.lockedUntil });
  }
}
