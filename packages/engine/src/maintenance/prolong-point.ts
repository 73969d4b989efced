import * as z from 'zod';
import type { Catalog } from '../ports/catalog/catalog.ts';
import { fromHex } from '../bytes.ts';
import { ObjectNotFoundError } from '../errors.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { ensureVaultLocks } from '../keys/vault-locks.ts';
import { decodePackMapEntry } from '../manifest/pack-map.ts';
import { keyAfter } from '../manifest/tuple-key.ts';
import { objectNameOf, type NamedPack } from '../packs/object-names.ts';
import { createPageReader, readPackMap } from '../points/point-pages.ts';
import { readRoot } from '../points/root-store.ts';
import type { Root } from '../points/root.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectLock } from '../ports/object-store.ts';
import { LeaseKeeper } from '../runs/lease-keeper.ts';
import type { WriteServices } from '../services.ts';
import { ifThere } from '../if-there.ts';
import type { StepOptions } from './work-through.ts';

const defaultPacksAtOnce = 1_000;
const extensionsAtOnce = 16;
/** Packs that are named in an outcome; more are counted. */
const lostListed = 20;

export interface ProlongServices extends Pick<WriteServices, 'store' | 'lockMode'> {
  readonly catalog: Pick<Catalog, 'points' | 'packs'>;
}

/** The new expiry of a point, and the date, that or later, to which all it needs is leased. */
export interface ProlongDates {
  readonly expiresAt: Date;
  /** Best the end of a generation, so that the next prolonging finds most leases long enough. @default expiresAt */
  readonly leaseUntil?: Date;
}

interface LostPacks {
  readonly count: number;
  /** The first of them. */
  readonly packIds: readonly PackId[];
}

/** Progress through the packs of a point. Plain JSON. */
export const ProlongProgress = z.object({
  /** The last that was leased, in the order of pack ids. */
  after: z.string().transform((text) => text as PackId),
  /** The date that they were leased to: for a later one all of them are leased again. */
  leasedUntil: z.iso.datetime(),
});
export type ProlongProgress = z.infer<typeof ProlongProgress>;

/**
 * - `prolonged`: all that is left of what it needs is kept until the new date. `lost` had gone before.
 * - `too-late`: its retention had ended, and packs have been swept; its expiry stays as it is.
 * - `gone`: it has expired, or is expiring.
 * - `unfinished`: the time was up; call again with `progress`. `lost` is what this call met.
 */
export type ProlongOutcome =
  | { readonly state: 'prolonged'; readonly packs: number; readonly lost: LostPacks }
  | { readonly state: 'too-late'; readonly lost: LostPacks }
  | { readonly state: 'gone' }
  | { readonly state: 'unfinished'; readonly progress: ProlongProgress; readonly lost: LostPacks };

export interface ProlongOptions extends StepOptions {
  /** The state that an `unfinished` call left. */
  readonly progress?: ProlongProgress | undefined;
  /** Packs leased between two looks at the time; at most 1,000. @default 1,000 */
  readonly packsAtOnce?: number | undefined;
}

/**
 * Keeps a point for longer (rule 7 of docs/leases.md): leases the vault's keys, all its page packs and all packs of its
 * pack map; only then is its expiry raised in the catalog, and the lock of its root last. Never shortens anything.
 *
 * A pack that cannot be leased, because it is marked as damaged or `deleting` but still there, is locked in the store
 * all the same: nobody will reuse it, but this point goes on using it, and the store refuses the sweeper.
 * Any number of callers may prolong the same point, and any call may be the last one before a crash: call it again.
 * Costs one request for every pack whose lock is too short.
 * @throws {@link StoredBytesDamagedError} the root, or the pages that lead to its packs, are damaged.
 * @throws {@link ObjectNotFoundError} pages that lead to its packs are gone.
 */
export async function prolongPoint(
  services: ProlongServices,
  keys: VaultKeys,
  point: PointRow,
  { expiresAt, leaseUntil = expiresAt }: ProlongDates,
  options: ProlongOptions = {},
): Promise<ProlongOutcome> {
  const { store, catalog, lockMode } = services;
  const root = await findRootOf(services, keys, point);
  if (root === undefined) return { state: 'gone' };
  const lock: ObjectLock = { mode: lockMode, until: leaseUntil };
  await ensureVaultLocks(store, lock);
  const pass = new LeasePass(services, lock);
  const { progress } = options;
  const after =
    progress !== undefined && new Date(progress.leasedUntil) >= leaseUntil ? progress.after : undefined;
  if (after === undefined) {
    await pass.add(
      root.pagePacks.map(({ pack, kind, version }) => ({
        packId: pack,
        kind,
        retentionClass: '',
        versionId: version,
      })),
    );
  }
  const stoppedAfter = await leasePackMap(services, keys, root, pass, after, options);
  const { lost } = pass;
  // Asked only now: a call that stalled may have been overtaken by the end of the retention, and by a sweeper.
  if (lost.count > 0 && point.expiresAt <= (await store.now())) return { state: 'too-late', lost };
  if (stoppedAfter !== undefined) {
    const leasedUntil = leaseUntil.toISOString();
    return { state: 'unfinished', progress: { after: stoppedAfter, leasedUntil }, lost };
  }
  if ((await catalog.points.prolong(point.pointId, expiresAt)) === 'gone') return { state: 'gone' };
  const locked = await lockIfThere(services, point.rootName, point.rootVersionId, {
    mode: lockMode,
    until: expiresAt,
  });
  return locked ? { state: 'prolonged', packs: pass.packs, lost } : { state: 'gone' };
}

interface ReferredPack extends NamedPack {
  /** Empty where the reference does not know it. */
  readonly versionId: string;
}

/** Leases packs to one date and counts what it met. */
class LeasePass {
  readonly #services: ProlongServices;
  readonly #lock: ObjectLock;
  readonly #lost: PackId[] = [];
  #lostCount = 0;
  #packs = 0;

  constructor(services: ProlongServices, lock: ObjectLock) {
    this.#services = services;
    this.#lock = lock;
  }

  get packs(): number {
    return this.#packs;
  }

  get lost(): LostPacks {
    return { count: this.#lostCount, packIds: this.#lost };
  }

  async add(packs: readonly ReferredPack[]): Promise<void> {
    // One for each batch: a keeper remembers nothing that is of use for the next.
    const keeper = new LeaseKeeper({ ...this.#services, leaseUntil: this.#lock.until });
    const leased = await keeper.lease(packs.map(({ packId }) => packId));
    this.#packs += packs.length;
    const others = packs.filter(({ packId }) => !leased.has(packId));
    await forEachConcurrent(others, extensionsAtOnce, async (pack) => {
      if (await lockIfThere(this.#services, objectNameOf(pack), pack.versionId, this.#lock)) return;
      this.#lostCount += 1;
      if (this.#lost.length < lostListed) this.#lost.push(pack.packId);
    });
  }
}

/** @returns the last pack that was leased, when the time was up before the end. */
async function leasePackMap(
  { store }: ProlongServices,
  keys: VaultKeys,
  root: Root,
  pass: LeasePass,
  after: PackId | undefined,
  { packsAtOnce = defaultPacksAtOnce, shouldStop = () => false, signal }: ProlongOptions,
): Promise<PackId | undefined> {
  const packMap = readPackMap(keys, createPageReader(store, keys, root.pagePacks), root);
  const range = after === undefined ? {} : { from: keyAfter(fromHex(after)) };
  let batch: ReferredPack[] = [];
  for await (const entry of packMap.range(range, { signal })) {
    batch.push(decodePackMapEntry(entry, packMap.name));
    if (batch.length < packsAtOnce) continue;
    await pass.add(batch);
    if (shouldStop()) return batch.at(-1)?.packId;
    batch = [];
  }
  await pass.add(batch);
  return undefined;
}

async function findRootOf(
  { store }: ProlongServices,
  keys: VaultKeys,
  { resourceArn, pointId, rootVersionId }: PointRow,
): Promise<Root | undefined> {
  return (await ifThere(readRoot(store, keys, resourceArn, pointId, rootVersionId)))?.root;
}

/** @returns whether the object is there, and locked until that date. */
async function lockIfThere(
  { store }: ProlongServices,
  name: string,
  versionId: string,
  lock: ObjectLock,
): Promise<boolean> {
  try {
    const version = versionId === '' ? (await store.head(name)).versionId : versionId;
    await store.extendLock(name, version, lock);
    return true;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return false;
    throw error;
  }
}
