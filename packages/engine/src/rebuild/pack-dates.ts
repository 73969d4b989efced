import type { HoldId, PackId, PageId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { decodePackMapEntry, packKey } from '../manifest/pack-map.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { PointReader } from '../restore/point-reader.ts';

export interface KnownPack {
  /** The latest lock that any point has seen confirmed. */
  readonly lockedUntil: Date;
  readonly retentionClass: string;
  /** The holds of the point whose container it is. */
  readonly holds?: readonly HoldId[];
}

/** One of so many parts of all packs, by their ids. */
export interface PackSlice {
  readonly slice: number;
  readonly slices: number;
}

export function isInSlice(packId: PackId, { slice, slices }: PackSlice): boolean {
  return Math.floor((Number.parseInt(packId.slice(0, 8), 16) * slices) / 2 ** 32) === slice;
}

/** Gathers from points, one after the other, what they know of a slice of the packs. Memory: about 200 bytes for each. */
export class PackDates {
  readonly #store: ObjectStore;
  readonly #keys: VaultKeys;
  readonly #slice: PackSlice;
  readonly #known = new Map<PackId, KnownPack>();
  readonly #seenPages = new Set<PageId>();

  constructor({ store }: { readonly store: ObjectStore }, keys: VaultKeys, slice: PackSlice) {
    this.#store = store;
    this.#keys = keys;
    this.#slice = slice;
  }

  /** Reads the pages of a point's pack map that no earlier point had. */
  async addPoint({ resourceArn, pointId, rootVersionId, holds }: PointRow): Promise<void> {
    const reader = await PointReader.open(this.#store, this.#keys, resourceArn, pointId, rootVersionId);
    const { root } = reader;
    for (const { pack, lockedUntil } of root.pagePacks)
      this.#add(pack, { lockedUntil: new Date(lockedUntil), retentionClass: root.retentionClass });
    for await (const entry of reader.packMap.unseenEntries(this.#seenPages, { range: keysOf(this.#slice) })) {
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
    if (!isInSlice(packId, this.#slice)) return;
    const known = this.#known.get(packId);
    if (known === undefined) this.#known.set(packId, pack);
    else if (known.lockedUntil < pack.lockedUntil)
      this.#known.set(packId, { ...known, lockedUntil: pack.lockedUntil });
  }
}

function keysOf({ slice, slices }: PackSlice): KeyRange {
  const bound = (at: number): Uint8Array => {
    const first = Math.ceil((at * 2 ** 32) / slices);
    return packKey(first.toString(16).padStart(8, '0').padEnd(32, '0') as PackId);
  };
  return { from: bound(slice), ...(slice + 1 < slices && { to: bound(slice + 1) }) };
}
