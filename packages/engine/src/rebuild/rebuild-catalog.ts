import { isDamage, ObjectNotFoundError } from '../errors.ts';
import type { ChunkId, HoldId, PackId, ResourceArn, RunId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { reconcilePoints } from '../maintenance/reconcile-points.ts';
import { recoverHolds } from '../maintenance/recover-holds.ts';
import { addFailures, noFailures, workThrough, type StepFailures } from '../maintenance/work-through.ts';
import { objectPrefixes, parseObjectName } from '../packs/object-names.ts';
import { PackCiphers } from '../packs/pack-ciphers.ts';
import { SegmentReader } from '../packs/segment-reader.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ResourceRow } from '../ports/catalog/resources.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { PackDates } from './pack-dates.ts';

const packsAtOnce = 16;
const itemsPerCall = 1_000;
/** Who stored a pack is not in the vault. Only a repeated claim asks, and no claim names a pack that exists. */
const unknownRun = '0'.repeat(32) as RunId;

/** What rebuilding works with. */
export interface RebuildServices {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'resources' | 'points' | 'packs' | 'holds'>;
  readonly index: ChunkIndex;
}

/** What was found in the vault and written into the tables. */
export interface RebuildReport {
  readonly resources: number;
  readonly points: number;
  readonly packs: number;
  readonly chunks: number;
  /** Packs whose directory cannot be read: their rows are marked as damaged, and nobody will reuse them. */
  readonly damagedPacks: readonly PackId[];
  /** Roots and packs that could not be looked at. Run it again: what is there already stays. */
  readonly failures: StepFailures;
}

/** How a rebuild goes about its work. */
export interface RebuildOptions {
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Rebuilds the catalog and the chunk index from the bucket alone (rule 10 of docs/leases.md), in this order: points,
 * with their holds; then resources; then packs, each with the later one of the store's lock and of the dates in the pack
 * maps, and with the holds of the point whose container it is; then the chunks that they hold.
 *
 * Only ever adds: rows that are there keep their state and their later dates, so it may be run on tables that lost some
 * rows, run again after a crash, and run while backups are at work. No sweeper must be at work: one that deleted an
 * object between our look at it and our row would leave a row without an object, which costs a writer an attempt.
 * What cannot be found in a vault is not rebuilt: runs, restores, and holds on what has no point.
 *
 * Costs a listing, and for each root and pack two to four requests. Memory: a date for every pack of the vault.
 */
export async function rebuildCatalog(
  services: RebuildServices,
  keys: VaultKeys,
  options: RebuildOptions = {},
): Promise<RebuildReport> {
  const { signal } = options;
  const { report } = await reconcilePoints(services, keys, signal === undefined ? {} : { signal });
  const dates = new PackDates(services, keys);
  const { resources, points, failures } = await readPoints(services, dates, options);
  const packs = await recoverPacks(services, keys, dates, options);
  return {
    resources,
    points,
    ...packs,
    failures: addFailures(addFailures(report.failures, failures), packs.failures),
  };
}

/** Reads what the pack maps of all points say, and writes the row of every resource that has a point. */
async function readPoints(
  services: RebuildServices,
  dates: PackDates,
  { onProgress, signal }: RebuildOptions,
): Promise<{ resources: number; points: number; failures: StepFailures }> {
  const { catalog } = services;
  const newest = new Map<ResourceArn, Pick<ResourceRow, 'arn' | 'kind' | 'plan' | 'seenAt'>>();
  let points = 0;
  const worked = await workThrough(
    {
      items: catalog.points.listExpiring({}),
      // One after the other: trees share pages, and each is read once.
      atOnce: 1,
      nameOf: ({ pointId }) => `point ${pointId}`,
      work: async (point) => {
        points += 1;
        const { resourceArn: arn, resourceKind: kind, plan, sourceTime: seenAt } = point;
        if ((newest.get(arn)?.seenAt ?? seenAt) <= seenAt) newest.set(arn, { arn, kind, plan, seenAt });
        await dates.addPoint(await withLostHolds(services, point));
        onProgress?.({ step: 'rebuild', files: points, bytes: 0 });
      },
    },
    signal === undefined ? {} : { signal },
  );
  for (const row of newest.values())
    if ((await catalog.resources.find(row.arn)) === undefined) await catalog.resources.put(row);
  return { resources: newest.size, points, failures: worked.failures };
}

/**
 * A point whose row is older than its hold, because a table was brought back to an earlier day: the store's flag says
 * that it was held.
 */
async function withLostHolds({ store, catalog }: RebuildServices, point: PointRow): Promise<PointRow> {
  const { pointId, rootName, rootVersionId } = point;
  if (point.holds !== undefined || point.expiring === true) return point;
  const { legalHold } = await store.head(rootName, { versionId: rootVersionId });
  const holds = legalHold === true ? await recoverHolds(catalog, point, await store.now()) : [];
  for (const holdId of holds) await catalog.points.addHold(pointId, holdId);
  return holds.length === 0 ? point : { ...point, holds };
}

async function recoverPacks(
  services: RebuildServices,
  keys: VaultKeys,
  dates: PackDates,
  { onProgress, signal }: RebuildOptions,
): Promise<Pick<RebuildReport, 'packs' | 'chunks' | 'damagedPacks' | 'failures'>> {
  const damagedPacks: PackId[] = [];
  let [packs, chunks, bytes, failures] = [0, 0, 0, noFailures];
  for (const prefix of [objectPrefixes.pages, objectPrefixes.containers, objectPrefixes.packs]) {
    const worked = await workThrough(
      {
        items: oldestVersions(services.store, prefix, signal),
        atOnce: packsAtOnce,
        nameOf: ({ name }) => name,
        work: async (version) => {
          const row = await recoverRow(services, dates, version);
          if (row === undefined) return;
          packs += 1;
          bytes += version.bytes;
          if (row.kind !== 'container') {
            const indexed = await indexChunks(services, keys, row, version.name);
            if (indexed === undefined) damagedPacks.push(row.packId);
            else chunks += indexed;
          }
          onProgress?.({ step: 'rebuild', files: packs, bytes });
        },
      },
      signal === undefined ? {} : { signal },
    );
    failures = addFailures(failures, worked.failures);
  }
  return { packs, chunks, damagedPacks, failures };
}

/** The version of each name that counts: the first that was written. A listing has the newest first. */
async function* oldestVersions(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<ObjectVersion> {
  let last: ObjectVersion | undefined;
  for await (const version of store.listVersions(prefix, signal === undefined ? {} : { signal })) {
    if (last !== undefined && last.name !== version.name) yield last;
    last = version;
  }
  if (last !== undefined) yield last;
}

async function recoverRow(
  { store, catalog }: RebuildServices,
  dates: PackDates,
  { name, versionId, bytes, storedAt }: ObjectVersion,
): Promise<PackRow | undefined> {
  const parsed = parseObjectName(name);
  if (parsed?.kind !== 'chunks' && parsed?.kind !== 'pages' && parsed?.kind !== 'container') return undefined;
  const { kind, packId } = parsed;
  let lockedUntil: Date;
  try {
    lockedUntil = (await store.head(name, { versionId })).lock?.until ?? storedAt;
  } catch (error) {
    // Swept since it was listed.
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
  const known = dates.find(packId);
  const holds: readonly HoldId[] = known?.holds ?? [];
  const row: PackRow = {
    packId,
    kind,
    retentionClass: parsed.kind === 'chunks' ? parsed.retentionClass : (known?.retentionClass ?? 'standard'),
    state: 'live',
    runId: unknownRun,
    // The sweeper goes by the intent: a lock that somebody shortened does not hurry it.
    lockUntil: known !== undefined && known.lockedUntil > lockedUntil ? known.lockedUntil : lockedUntil,
    lockedUntil,
    versionId,
    bytes,
    ...(holds.length > 0 && { holds }),
  };
  await catalog.packs.recover(row);
  return row;
}

/** @returns how many chunks were made known, or `undefined` when the pack's directory cannot be read. */
async function indexChunks(
  { store, catalog, index }: RebuildServices,
  keys: VaultKeys,
  { packId, versionId, bytes }: PackRow,
  name: string,
): Promise<number | undefined> {
  const segments = new SegmentReader(store, new PackCiphers(store, keys));
  try {
    const object = { packId, name, versionId };
    const { directory } = await segments.readDirectory(object, bytes);
    const items = directory.entries
      .filter(({ kind }) => kind === 'chunk')
      .map(({ id, frame, offset, length }) => ({
        id: id as ChunkId,
        location: { packId, frame, offset, length },
      }));
    for (let start = 0; start < items.length; start += itemsPerCall)
      await index.put(items.slice(start, start + itemsPerCall));
    return items.length;
  } catch (error) {
    if (!isDamage(error)) throw error;
    await catalog.packs.markDamaged(packId);
    return undefined;
  }
}
