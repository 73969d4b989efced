import { LeaseTooShortError } from '../errors.ts';
import { ensureVaultLocks } from '../keys/vault-locks.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import {
  createPackMapKind,
  decodePackMapEntry,
  encodePackMapEntry,
  lockSummary,
  type PackMapEntry,
} from '../manifest/pack-map.ts';
import type { PageRef } from '../manifest/page-store.ts';
import { mergeTree, type Change } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import type { PackId } from '../ids.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { pageRefFromText, pageRefToText } from '../points/page-ref-text.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import type { PagePackRecord } from '../points/root.ts';
import type { RunServices } from '../services.ts';
import type { PointContent } from './point-content.ts';
import { keysUntil, leaseUntilFor, lockDates } from './generation.ts';
import { LeaseKeeper, type LeasedPack } from './lease-keeper.ts';
import { packWritingOf } from './pack-writing.ts';
import type { RunPlan } from './run-plan.ts';

/** Packs asked about with one call. */
const packsAtOnce = 1_000;

/**
 * Leases everything that a point is going to use anew, from a later time on: for a run that took longer than the slack
 * of its leases, or that goes on using a pack it meant to copy. Writes the new dates into the pack map. Repeatable.
 * Costs one request for every pack whose lock does not last until then: of those of a generation, a day's share for
 * every day.
 * @throws {@link LeaseTooShortError} a pack cannot be leased any more: a sweeper has got at it.
 */
export async function extendLeases(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  content: PointContent,
  now: Date,
): Promise<PointContent> {
  const { store, catalog, lockMode } = services;
  const leaseUntil = leaseUntilFor(now, plan.keepDays);
  const lockDateOf = lockDates(leaseUntil, plan, resourceKeyOf(plan.resourceArn));
  const keeper = new LeaseKeeper({ catalog, store, lockMode, leaseUntil, lockDateOf });
  await catalog.runs.update(plan.runId, { leaseUntil });
  const { needed, until } = keysUntil(leaseUntil, plan);
  await ensureVaultLocks(store, { mode: lockMode, until: needed }, until);
  const pagePacks = await extendPagePacks(keeper, plan, content.pagePacks);
  if (content.packMap === undefined) return { ...content, pagePacks, lockedUntil: leaseUntil };

  const sink = await PagePackWriter.open(packWritingOf(services, keys, { ...plan, leaseUntil }));
  const source = createPageReader(store, keys, pagePacks);
  const kind = createPackMapKind(keys);
  const before = pageRefFromText(content.packMap, `the pack map of run ${plan.runId}`);
  const changes = extendPacks(keeper, plan, new TreeReader(kind, source, before));
  const packMap = (await mergeTree(kind, { source, sink }, before, changes)) as PageRef;
  const written = await sink.finish();
  const storedBytes = written.reduce((sum, pack) => sum + pack.bytes, content.counts.storedBytes);
  return {
    ...content,
    counts: { ...content.counts, storedBytes },
    packMap: pageRefToText(packMap),
    pagePacks: [...pagePacks, ...written.map(pagePackRecordOf)],
    lockedUntil: new Date(Math.min(leaseUntil.getTime(), packMap.summary * 1000)),
  };
}

async function extendPagePacks(
  keeper: LeaseKeeper,
  plan: RunPlan,
  records: readonly PagePackRecord[],
): Promise<PagePackRecord[]> {
  const leased = await keeper.lease(records.map(({ pack }) => pack));
  return records.map((record) => ({
    ...record,
    lockedUntil: getLeased(leased, record.pack, plan).lockedUntil.toISOString(),
  }));
}

async function* extendPacks(keeper: LeaseKeeper, plan: RunPlan, packMap: TreeReader): AsyncGenerator<Change> {
  let batch: PackMapEntry[] = [];
  const extendBatch = async function* (): AsyncGenerator<Change> {
    const leased = await keeper.lease(batch.map(({ packId }) => packId));
    for (const entry of batch) {
      const { lockedUntil } = getLeased(leased, entry.packId, plan);
      const { key, logical, location } = encodePackMapEntry({ ...entry, lockedUntil });
      yield { key, value: { logical, location } };
    }
    batch = [];
  };
  for await (const entry of packMap.entriesBelow(lockSummary(keeper.leaseUntil))) {
    batch.push(decodePackMapEntry(entry, `the pack map of run ${plan.runId}`));
    if (batch.length === packsAtOnce) yield* extendBatch();
  }
  yield* extendBatch();
}

function getLeased(leased: ReadonlyMap<PackId, LeasedPack>, packId: PackId, plan: RunPlan): LeasedPack {
  const pack = leased.get(packId);
  if (pack !== undefined) return pack;
  throw new LeaseTooShortError(
    `run ${plan.runId} took so long that its leases until ${plan.leaseUntil.toISOString()} do not cover the retention of ` +
      `${plan.keepDays} days, and pack ${packId} cannot be leased any more; run it again`,
  );
}
