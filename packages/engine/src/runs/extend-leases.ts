import * as z from 'zod';
import { LeaseTooShortError } from '../errors.ts';
import type { PackId, RunId } from '../ids.ts';
import { ensureVaultLocks } from '../keys/vault-locks.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { mergePackMap, nothingMerged, PackMapMerge } from '../manifest/merge-pack-map.ts';
import {
  createPackMapKind,
  decodePackMapEntry,
  encodePackMapEntry,
  lockSummary,
  packKey,
  type PackMapEntry,
} from '../manifest/pack-map.ts';
import type { PageRef } from '../manifest/page-store.ts';
import type { Change } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { keyAfter } from '../manifest/tuple-key.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { pageRefFromText, pageRefToText } from '../points/page-ref-text.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { PagePackRecord } from '../points/root.ts';
import type { WorkStore } from '../ports/work-store.ts';
import type { RunServices } from '../services.ts';
import { findJson, putJson } from '../work-json.ts';
import { StoredContent, type PointContent } from './point-content.ts';
import { keysUntil, leaseUntilFor, lockDates } from './generation.ts';
import { LeaseKeeper, type LeasedPack } from './lease-keeper.ts';
import { defaultPacksAtOnce, type LookOptions } from './lease-pack-map.ts';
import { packWritingOf } from './pack-writing.ts';
import { runPrefix, type RunPlan } from './run-plan.ts';

/** Progress of leasing a point's content anew; one object in the work store. */
const Extension = z.object({
  leaseUntil: z.iso.datetime(),
  /** The content under its old leases. */
  content: StoredContent,
  /** Packs of pages that are leased: the first of the content's, and after all of those the ones that were written. */
  pagePacks: z.array(PagePackRecord),
  pageBytes: z.int().nonnegative(),
  packMap: PackMapMerge,
});
export type Extension = z.infer<typeof Extension>;

/** Begins to lease what a point is going to use anew, from a later time on: fixes the date, and lets the keys last. */
export async function startExtension(
  { store, catalog, lockMode }: RunServices,
  plan: RunPlan,
  content: PointContent,
  now: Date,
): Promise<Extension> {
  const leaseUntil = leaseUntilFor(now, plan.keepDays);
  await catalog.runs.update(plan.runId, { leaseUntil });
  const { needed, until } = keysUntil(leaseUntil, plan);
  await ensureVaultLocks(store, { mode: lockMode, until: needed }, until);
  return {
    leaseUntil: leaseUntil.toISOString(),
    content,
    pagePacks: [],
    pageBytes: 0,
    packMap: nothingMerged(),
  };
}

/** @returns the extension that an earlier call handed on. */
export async function findExtension(work: WorkStore, runId: RunId): Promise<Extension | undefined> {
  return findJson(work, extensionName(runId), Extension);
}

/**
 * Leases everything that a point is going to use to the extension's date: for a run that took longer than the slack of
 * its leases, or that goes on using a pack it meant to copy. Writes the new dates into the pack map. Takes any number of
 * calls, each of which leases a batch of packs at least, and goes on from the last one that handed on.
 * Costs one request for every pack whose lock does not last until then: of those of a generation, a day's share for
 * every day.
 * @returns the content under its new leases; `unfinished` when another call has to go on.
 * @throws {@link LeaseTooShortError} a pack cannot be leased any more: a sweeper has got at it.
 */
export async function extendLeases(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  extension: Extension,
  { shouldStop = () => false, packsAtOnce = defaultPacksAtOnce }: LookOptions = {},
): Promise<PointContent | 'unfinished'> {
  const { store, work } = services;
  const { runId } = plan;
  const { content, packMap } = extension;
  const leaseUntil = new Date(extension.leaseUntil);
  const leasing = new Leasing(services, plan, leaseUntil);
  const handOn = async (): Promise<'unfinished'> => {
    await putJson(work, extensionName(runId), extension);
    return 'unfinished';
  };
  while (extension.pagePacks.length < content.pagePacks.length) {
    const start = extension.pagePacks.length;
    const some = content.pagePacks.slice(start, start + packsAtOnce);
    extension.pagePacks.push(...(await leasing.leasePagePacks(some)));
    if (shouldStop()) return handOn();
  }
  if (content.packMap === undefined)
    return { ...content, pagePacks: extension.pagePacks, lockedUntil: leaseUntil };

  const kind = createPackMapKind(keys);
  const base = pageRefFromText(content.packMap, `the pack map of run ${runId}`);
  const sink = await PagePackWriter.open(packWritingOf(services, keys, { ...plan, leaseUntil }));
  const source = createPageReader(store, keys, extension.pagePacks);
  const storePages = async (): Promise<void> => {
    const written = await sink.finish();
    extension.pagePacks.push(...written.map(pagePackRecordOf));
    extension.pageBytes += written.reduce((sum, pack) => sum + pack.bytes, 0);
  };
  const merged = await mergePackMap({
    kind,
    pages: { source, sink },
    base,
    items: leasing.shortPacks(new TreeReader(kind, source, base), packMap.after),
    changesOf: (packs) => leasing.leasePacks(packs),
    packsAtOnce,
    isTimeUp: shouldStop,
    storePages,
    state: packMap,
  });
  if (merged === 'unfinished') return handOn();
  await storePages();
  const root = merged as PageRef;
  return {
    ...content,
    counts: { ...content.counts, storedBytes: content.counts.storedBytes + extension.pageBytes },
    packMap: pageRefToText(root),
    pagePacks: extension.pagePacks,
    lockedUntil: new Date(Math.min(leaseUntil.getTime(), root.summary * 1000)),
  };
}

/** Leases the packs of one run, batch by batch. */
class Leasing {
  readonly #services: RunServices;
  readonly #plan: RunPlan;
  readonly #leaseUntil: Date;

  constructor(services: RunServices, plan: RunPlan, leaseUntil: Date) {
    this.#services = services;
    this.#plan = plan;
    this.#leaseUntil = leaseUntil;
  }

  async leasePagePacks(records: readonly PagePackRecord[]): Promise<PagePackRecord[]> {
    const leased = await this.#lease(records.map(({ pack }) => pack));
    return records.map((record) => ({
      ...record,
      lockedUntil: this.#get(leased, record.pack).lockedUntil.toISOString(),
    }));
  }

  /** The packs after one whose lock is too short. */
  async *shortPacks(packMap: TreeReader, after: PackId | undefined): AsyncGenerator<PackMapEntry> {
    const range = after === undefined ? {} : { from: keyAfter(packKey(after)) };
    for await (const entry of packMap.entriesBelow(lockSummary(this.#leaseUntil), { range }))
      yield decodePackMapEntry(entry, `the pack map of run ${this.#plan.runId}`);
  }

  async *leasePacks(packs: readonly PackMapEntry[]): AsyncGenerator<Change> {
    const leased = await this.#lease(packs.map(({ packId }) => packId));
    for (const pack of packs) {
      const { lockedUntil } = this.#get(leased, pack.packId);
      const { key, logical, location } = encodePackMapEntry({ ...pack, lockedUntil });
      yield { key, value: { logical, location } };
    }
  }

  /** Each batch has a keeper of its own: what one remembers is of no use for the next. */
  async #lease(packIds: readonly PackId[]): Promise<ReadonlyMap<PackId, LeasedPack>> {
    const { catalog, store, lockMode } = this.#services;
    const leaseUntil = this.#leaseUntil;
    const lockDateOf = lockDates(leaseUntil, this.#plan, resourceKeyOf(this.#plan.resourceArn));
    return new LeaseKeeper({ catalog, store, lockMode, leaseUntil, lockDateOf }).lease(packIds);
  }

  #get(leased: ReadonlyMap<PackId, LeasedPack>, packId: PackId): LeasedPack {
    const pack = leased.get(packId);
    if (pack !== undefined) return pack;
    const { runId, leaseUntil, keepDays } = this.#plan;
    throw new LeaseTooShortError(
      `run ${runId} took so long that its leases until ${leaseUntil.toISOString()} do not cover the retention of ` +
        `${keepDays} days, and pack ${packId} cannot be leased any more; run it again`,
    );
  }
}

function extensionName(runId: RunId): string {
  return `${runPrefix(runId)}extension.json`;
}
