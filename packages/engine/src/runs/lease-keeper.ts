import { forEachConcurrent } from '../map-concurrent.ts';
import type { PackId } from '../ids.ts';
import { objectNameOf } from '../packs/object-names.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { ObjectLock, ObjectStore } from '../ports/object-store.ts';
import { mayLeaseClass } from '../model/retention-class.ts';
import { ifThere } from '../if-there.ts';
import type { LockDateOf } from './generation.ts';

const idsPerCall = 1_000;
const extensionsAtOnce = 16;

/** A pack that is live, and locked by the store until at least the run's lease date. */
export interface LeasedPack {
  readonly packId: PackId;
  readonly kind: PackRow['kind'];
  readonly retentionClass: string;
  readonly versionId: string;
  /** The date that the store has confirmed. */
  readonly lockedUntil: Date;
}

export interface LeaseKeeperOptions {
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly store: ObjectStore;
  readonly lockMode: ObjectLock['mode'];
  /** The run's lease date; fixed for the keeper's life. */
  readonly leaseUntil: Date;
  /** New lease date of a pack whose lease ends before the run's. @default the run's date */
  readonly lockDateOf?: LockDateOf;
  /** Class of the run: packs of a shorter one are treated as absent (rule 13). @default packs of all classes are leased */
  readonly retentionClass?: string;
  /** Packs that are treated as absent: those whose chunks the run copies (rule 5). */
  readonly except?: Iterable<PackId>;
}

/**
 * Makes sure that packs stay until the run's lease date, and remembers which do.
 *
 * A lease moves in three steps, so that no crash between them loses data: the intent in the catalog (a sweeper reads
 * only that), the lock in the store, the confirmation in the catalog (reuse needs that). Any of them can be repeated.
 * Memory: one small record for every pack that the run has met.
 */
export class LeaseKeeper {
  readonly leaseUntil: Date;
  readonly #options: LeaseKeeperOptions;
  readonly #known = new Map<PackId, LeasedPack | undefined>();

  constructor(options: LeaseKeeperOptions) {
    this.leaseUntil = options.leaseUntil;
    this.#options = options;
    for (const packId of options.except ?? []) this.#known.set(packId, undefined);
  }

  /**
   * Leases packs to the run's date, with one catalog read for those not met before and a store request only for those
   * whose lock is short.
   * @returns the packs that are leased; a pack that is missing from the answer must be treated as absent.
   */
  async lease(packIds: Iterable<PackId>): Promise<ReadonlyMap<PackId, LeasedPack>> {
    const wanted = [...new Set(packIds)];
    const unknown = wanted.filter((packId) => !this.#known.has(packId));
    for (let start = 0; start < unknown.length; start += idsPerCall) {
      const batch = unknown.slice(start, start + idsPerCall);
      await this.take(batch, await this.#options.catalog.packs.findAll(batch));
    }
    const leased = new Map<PackId, LeasedPack>();
    for (const packId of wanted) {
      const pack = this.#known.get(packId);
      if (pack !== undefined) leased.set(packId, pack);
    }
    return leased;
  }

  /** Leases packs whose rows the caller has just read; those without a row are absent. @see {@link lease} */
  async take(packIds: readonly PackId[], rows: ReadonlyMap<PackId, PackRow>): Promise<void> {
    await forEachConcurrent(packIds, extensionsAtOnce, async (packId) => {
      const row = rows.get(packId);
      this.#known.set(packId, row === undefined ? undefined : await this.#leaseRow(row));
    });
  }

  /** A pack that an earlier call leased, or that the run itself stored. */
  get(packId: PackId): LeasedPack | undefined {
    return this.#known.get(packId);
  }

  /** Remembers a pack that the run has just stored under its own lease. */
  adopt(pack: LeasedPack): void {
    this.#known.set(pack.packId, pack);
  }

  async #leaseRow(row: PackRow): Promise<LeasedPack | undefined> {
    const { packId, kind, retentionClass, versionId } = row;
    if (row.state !== 'live' || row.damaged === true || versionId === undefined) return undefined;
    if (row.lockedUntil !== undefined && row.lockedUntil >= this.leaseUntil) {
      return { packId, kind, retentionClass, versionId, lockedUntil: row.lockedUntil };
    }
    // The vault's policy caps the locks of a class by what its own plans keep.
    const ofRun = kind === 'chunks' ? this.#options.retentionClass : undefined;
    if (ofRun !== undefined && !mayLeaseClass(ofRun, retentionClass)) return undefined;
    const until = this.#options.lockDateOf?.(row) ?? this.leaseUntil;
    if ((await this.#options.catalog.packs.raiseLockUntil(packId, until)) === 'not-live') return undefined;
    const lockedUntil = await this.#extend(objectNameOf(row), versionId, until);
    if (lockedUntil === undefined) return undefined;
    if ((await this.#options.catalog.packs.confirmLockedUntil(packId, lockedUntil)) === 'not-live')
      return undefined;
    return { packId, kind, retentionClass, versionId, lockedUntil };
  }

  async #extend(name: string, versionId: string, until: Date): Promise<Date | undefined> {
    return (
      await ifThere(this.#options.store.extendLock(name, versionId, { mode: this.#options.lockMode, until }))
    )?.until;
  }
}
