import * as z from 'zod';
import { fromHex } from '../bytes.ts';
import type { PackId } from '../ids.ts';
import { decodePackMapEntry, lockSummary, type PackMapEntry } from '../manifest/pack-map.ts';
import type { PackDelta } from '../manifest/pack-usage.ts';
import type { TreeReader } from '../manifest/tree-reader.ts';
import { keyAfter } from '../manifest/tuple-key.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { LeaseKeeper } from './lease-keeper.ts';

/** Packs asked about or leased with one call, after which the time is looked at. */
export const defaultPacksAtOnce = 1_000;
/** Most packs that may fail to be leased; beyond, reading all of the source is simpler, and as cheap. */
const unleasedLimit = 10_000;
/** Most mostly dead packs that one run copies; the others are extended, and looked at a generation later. */
const copiedLimit = 10_000;

const packIdText = z.string().transform((text) => text as PackId);

/** Progress over the packs of a pack map, with those that are not leased. */
export const LookedAtPacks = z.object({
  /** The last of them, in the order of pack ids. */
  after: packIdText.optional(),
  isDone: z.boolean(),
  unleased: z.array(packIdText),
  copied: z.array(packIdText),
});
export type LookedAtPacks = z.infer<typeof LookedAtPacks>;

export interface LookOptions {
  /** True when it is time to hand on. @default never */
  readonly shouldStop?: (() => boolean) | undefined;
  /** Packs that are looked at, one batch a call at least, before the time is. @default 1,000 */
  readonly packsAtOnce?: number | undefined;
}

export interface LeasePackMapOptions extends LookOptions {
  readonly catalog: Pick<Catalog, 'packs'>;
  readonly packMap: TreeReader;
  readonly leaseUntil: Date;
  /** Makes what leases a batch: what it remembers is of no use for the next. @default nothing is leased, only looked at */
  readonly keeperOfBatch?: () => LeaseKeeper;
  /** True if a pack is to be given up instead of leased once more, when the point uses so many of its bytes. */
  readonly isMostlyDead: (row: PackRow, usedBytes: number) => boolean;
}

export function noneLookedAt(): LookedAtPacks {
  return { isDone: false, unleased: [], copied: [] };
}

/** True when so many packs cannot be leased that the base is given up. */
export function areTooManyUnleased({ unleased }: LookedAtPacks): boolean {
  return unleased.length > unleasedLimit;
}

/**
 * Leases the packs of a pack map whose lock is short, to which the smallest dates lead, or gives them up where they are
 * mostly dead: as far as the time of a call goes, from where `state` stands, which it moves on. A pack map's used
 * bytes count a chunk as often as it is referred to, so a pack that many files share may be extended although it is
 * mostly dead; never the other way round. Memory: one batch, and up to 10,000 ids of each list of `state`.
 * @returns new dates, in the order of pack ids. When the last has been taken, `state` says whether that was all.
 */
export async function* leasePackMap(
  options: LeasePackMapOptions,
  state: LookedAtPacks,
): AsyncGenerator<PackDelta> {
  const { packMap, leaseUntil, shouldStop, packsAtOnce = defaultPacksAtOnce } = options;
  const range = state.after === undefined ? {} : { from: keyAfter(fromHex(state.after)) };
  let batch: PackMapEntry[] = [];
  for await (const entry of packMap.entriesBelow(lockSummary(leaseUntil), { range })) {
    batch.push(decodePackMapEntry(entry, packMap.name));
    if (batch.length < packsAtOnce) continue;
    yield* leaseBatch(options, state, batch);
    state.after = batch.at(-1)?.packId;
    batch = [];
    if (areTooManyUnleased(state) || shouldStop?.() === true) return;
  }
  yield* leaseBatch(options, state, batch);
  state.isDone = true;
}

async function* leaseBatch(
  { catalog, keeperOfBatch, isMostlyDead }: LeasePackMapOptions,
  { unleased, copied }: LookedAtPacks,
  batch: readonly PackMapEntry[],
): AsyncGenerator<PackDelta> {
  const rows = await catalog.packs.findAll(batch.map(({ packId }) => packId));
  const kept: PackMapEntry[] = [];
  for (const entry of batch) {
    const row = rows.get(entry.packId);
    if (row !== undefined && copied.length < copiedLimit && isMostlyDead(row, entry.liveBytes))
      copied.push(entry.packId);
    else kept.push(entry);
  }
  const keeper = keeperOfBatch?.();
  if (keeper === undefined) return;
  await keeper.take(
    kept.map(({ packId }) => packId),
    rows,
  );
  for (const { packId, kind, retentionClass, versionId } of kept) {
    const leased = keeper.get(packId);
    if (leased === undefined) unleased.push(packId);
    else {
      const facts = { kind, retentionClass, versionId, lockedUntil: leased.lockedUntil };
      yield { packId, references: 0, liveBytes: 0, facts };
    }
  }
}
