import { AccessDeniedError } from '../errors.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { checkPack, type ContentMemory } from '../packs/check-pack.ts';
import type { PackKind } from '../packs/pack-layout.ts';
import type { StoredObject } from '../packs/stored-object.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { isLoss } from './loss.ts';
import { errorRecordOf, type ErrorRecord } from '../model/error-record.ts';

/** Objects that are checked at a time; each has one run of 16 MiB in memory at most. */
const objectsAtOnce = 4;

/** A pack or container that is not as it was written. A file of a point may or may not be hit. */
export interface DamagedObject {
  readonly objectName: string;
  readonly packId: PackId;
  /** The first damage found. */
  readonly loss: ErrorRecord;
  /** Number of all damage found in it. */
  readonly count: number;
}

/** An object that may not be read, while others may: nothing is known of it. */
export interface RefusedObject {
  readonly objectName: string;
  readonly packId: PackId;
  readonly message: string;
}

export interface ObjectCheckerOptions {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly memory: ContentMemory;
  /** Marks damaged packs, so that writers store their chunks again (rule 12 of docs/leases.md). */
  readonly catalog?: Pick<Catalog, 'packs'>;
}

/** Checks whole objects: header, directories, footers, and every frame that nobody has read yet. Each object once. */
export class ObjectChecker {
  readonly #options: ObjectCheckerOptions;
  readonly #whole = new Set<PackId>();
  readonly #damaged = new Map<PackId, DamagedObject>();

  constructor(options: ObjectCheckerOptions) {
    this.#options = options;
  }

  /**
   * Yields the damaged ones of some objects. Memory: an id for every object that was checked.
   * @param onRefused - told of an object that may not be read, which ends the check otherwise.
   */
  async *check(
    objects: AsyncIterable<StoredObject & { readonly kind: PackKind }>,
    signal?: AbortSignal,
    onRefused?: (refused: RefusedObject) => void,
  ): AsyncGenerator<DamagedObject> {
    const checked = mapConcurrent(objects, objectsAtOnce, async ({ kind, ...object }) => {
      try {
        return await this.#checkOne(object, kind, signal);
      } catch (error) {
        if (onRefused === undefined || !(error instanceof AccessDeniedError)) throw error;
        onRefused({ objectName: object.name, packId: object.packId, message: error.message });
        return undefined;
      }
    });
    for await (const damaged of checked) if (damaged !== undefined) yield damaged;
  }

  async #checkOne(
    object: StoredObject,
    kind: PackKind,
    signal: AbortSignal | undefined,
  ): Promise<DamagedObject | undefined> {
    const { packId } = object;
    if (this.#whole.has(packId)) return undefined;
    const known = this.#damaged.get(packId);
    if (known !== undefined) return known;
    const found = await this.#lossesIn(object, kind, signal);
    const [loss] = found.losses;
    if (loss === undefined) {
      this.#whole.add(packId);
      return undefined;
    }
    const damaged = { objectName: object.name, packId, loss, count: found.losses.length };
    if (found.isProven) await this.#options.catalog?.packs.markDamaged(packId);
    this.#damaged.set(packId, damaged);
    return damaged;
  }

  /** A key that cannot be unwrapped here may be a missing permission: nothing is proven then. */
  async #lossesIn(
    object: StoredObject,
    kind: PackKind,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly losses: readonly ErrorRecord[]; readonly isProven: boolean }> {
    const { store, keys, memory } = this.#options;
    try {
      const { damage } = await checkPack(store, keys, object, kind, signal, memory);
      return { losses: damage.map(errorRecordOf), isProven: true };
    } catch (error) {
      if (!isLoss(error)) throw error;
      return { losses: [errorRecordOf(error)], isProven: error.kind !== 'key' };
    }
  }
}
