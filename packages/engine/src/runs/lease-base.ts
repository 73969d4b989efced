import type { VaultKeys } from '../keys/vault-keys.ts';
import type { PackId } from '../ids.ts';
import {
  createPackMapKind,
  decodePackMapEntry,
  lockSummary,
  type PackMapEntry,
} from '../manifest/pack-map.ts';
import type { PackDelta } from '../manifest/pack-usage.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { createPageReader } from '../points/point-pages.ts';
import { pageRefFromText } from '../points/page-ref-text.ts';
import type { PagePackRecord, Root } from '../points/root.ts';
import type { RunRow } from '../ports/catalog.ts';
import type { WriteServices } from '../services.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { putUsage } from './usage-runs.ts';

/** Packs asked about with one call. */
const packsAtOnce = 1_000;
/** More packs than this that cannot be leased: reading all of the source is simpler, and as cheap. */
const unleasedLimit = 10_000;

/** What came of it: with `leased`, the packs that could not be leased have to be read from the source. */
export type LeasedBase =
  | { readonly state: 'leased'; readonly pagePacks: PagePackRecord[]; readonly unleasedPacks: PackId[] }
  | { readonly state: 'lost'; readonly reason: string };

/**
 * Leases all that a base consists of to the run's date: every page pack, and of the packs of chunks those whose lock is
 * shorter, to which the smallest dates in the pack map lead. In most runs that is none and costs one page.
 * New dates are written down for the new point's pack map. Repeatable.
 */
export async function leaseBase(
  services: WriteServices,
  keys: VaultKeys,
  root: Root,
  row: RunRow,
): Promise<LeasedBase> {
  const keeper = new LeaseKeeper({ ...services, leaseUntil: row.leaseUntil });
  const pages = await keeper.lease(root.pagePacks.map(({ pack }) => pack));
  const pagePacks: PagePackRecord[] = [];
  for (const record of root.pagePacks) {
    const leased = pages.get(record.pack);
    if (leased === undefined) {
      return {
        state: 'lost',
        reason: `page pack ${record.pack} of the base ${root.point} cannot be leased any more`,
      };
    }
    pagePacks.push({ ...record, lockedUntil: leased.lockedUntil.toISOString() });
  }
  const unleasedPacks: PackId[] = [];
  const moved: PackDelta[] = [];
  if (root.packMap !== undefined) {
    const source = createPageReader(services.store, keys, root.pagePacks);
    const packMap = new TreeReader(
      createPackMapKind(keys),
      source,
      pageRefFromText(root.packMap, root.point),
    );
    let batch: PackMapEntry[] = [];
    const leaseBatch = async (): Promise<void> => {
      const leased = await keeper.lease(batch.map(({ packId }) => packId));
      for (const entry of batch) {
        const pack = leased.get(entry.packId);
        const { packId, kind, retentionClass, versionId } = entry;
        if (pack === undefined) unleasedPacks.push(packId);
        else
          moved.push({
            packId,
            references: 0,
            liveBytes: 0,
            facts: { kind, retentionClass, versionId, lockedUntil: pack.lockedUntil },
          });
      }
      batch = [];
    };
    for await (const entry of packMap.entriesBelow(lockSummary(row.leaseUntil))) {
      batch.push(decodePackMapEntry(entry, root.point));
      if (batch.length === packsAtOnce) await leaseBatch();
      if (unleasedPacks.length > unleasedLimit) {
        return {
          state: 'lost',
          reason: `more than ${unleasedLimit} packs of the base ${root.point} cannot be leased any more`,
        };
      }
    }
    await leaseBatch();
  }
  await putUsage(services.work, row.runId, 'leases', moved);
  return { state: 'leased', pagePacks, unleasedPacks };
}
