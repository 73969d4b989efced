import { isDamage } from '../errors.ts';
import type { HoldId, PackId, ResourceArn, RunId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { reconcilePoints, type ReconcilePlace } from '../maintenance/reconcile-points.ts';
import { recoverHolds } from '../maintenance/recover-holds.ts';
import { addFailures, noFailures, workThrough, type StepFailures } from '../maintenance/work-through.ts';
import { objectPrefixes, parseObjectName } from '../packs/object-names.ts';
import { PackCiphers } from '../packs/pack-ciphers.ts';
import { indexedChunks } from '../packs/indexed-chunks.ts';
import { SegmentReader } from '../packs/segment-reader.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ResourceRow } from '../ports/catalog/resources.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { ifThere } from '../if-there.ts';
import { isInSlice, PackDates, type PackSlice } from './pack-dates.ts';

const packsAtOnce = 16;
const itemsPerCall = 1_000;
/** Resources whose roots are compared between two signs of progress. */
const resourcesAtOnce = 64;
/** Damaged packs that are named; the others are counted. */
const damagedListed = 1_000;
/** In the order in which they are gone through. */
const prefixes = [objectPrefixes.pages, objectPrefixes.containers, objectPrefixes.packs] as const;
/** The vault does not say who stored a pack. Only a repeated claim asks, and none names a pack that exists. */
const unknownRun = '0'.repeat(32) as RunId;

export interface RebuildServices {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'resources' | 'points' | 'packs' | 'holds'>;
  readonly index: ChunkIndex;
}

export interface RebuildReport {
  readonly resources: number;
  readonly points: number;
  readonly packs: number;
  readonly chunks: number;
  /** Packs whose directory cannot be read: their rows are marked as damaged, and nobody will reuse them. The first 1,000. */
  readonly damagedPacks: readonly PackId[];
  readonly damaged: number;
  /** Roots and packs that could not be looked at. Run it again: what is there already stays. */
  readonly failures: StepFailures;
}

/** The place of a rebuild: a slice of the packs, and an object in it. All before it is in the tables. */
export interface RebuildPlace extends PackSlice {
  readonly after: string;
}

export interface RebuildOptions {
  readonly onProgress?: ReportProgress;
  /** Told where another call can go on, whatever ends this one. */
  readonly onPlace?: (place: RebuildPlace) => void;
  /** The place at which an earlier call stopped; the report counts this call alone. @default at the beginning */
  readonly from?: RebuildPlace | undefined;
  /** Packs whose dates are held in memory at once; with more, points' pack maps are gone through in slices. @default 1,000,000 */
  readonly packsInMemory?: number;
  readonly signal?: AbortSignal;
}

/**
 * Rebuilds the catalog and the chunk index from the bucket alone (rule 10 of docs/leases.md), in this order: points,
 * with their holds; then resources; then packs, each with the later one of the store's lock and of the dates in the pack
 * maps, and with the holds of the point whose container it is; then the chunks that they hold.
 *
 * Only ever adds: rows that are there keep their state and their later dates, so it may be run on tables that lost
 * some rows, run again after a crash, and run while backups are at work. No sweeper must be at work: one that deleted
 * an object between our look at it and our row would leave a row without an object, which costs a writer an attempt.
 * Runs, restores, and holds on what has no point are not rebuilt: they cannot be found in a vault.
 *
 * Costs two listings, and for each root and pack two to four requests. Memory: dates of a million packs, the ids of half
 * a million pages, and an ARN for each resource; a vault of more packs is gone through in slices of them, each with a
 * listing of its own.
 */
export async function rebuildCatalog(
  services: RebuildServices,
  keys: VaultKeys,
  options: RebuildOptions = {},
): Promise<RebuildReport> {
  const { onPlace, packsInMemory = 1_000_000, signal, from } = options;
  const objects = from === undefined ? await countObjects(services.store, options) : undefined;
  const slices = from?.slices ?? Math.max(1, Math.ceil((objects ?? 0) / packsInMemory));
  let failures = from === undefined ? await recoverPoints(services, keys, options) : noFailures;
  const found = { packs: 0, chunks: 0, bytes: 0, damaged: 0, damagedPacks: [] as PackId[] };
  let read = { resources: 0, points: 0 };
  for (let slice = from?.slice ?? 0; slice < slices; slice += 1) {
    const after = slice === from?.slice ? from.after : '';
    onPlace?.({ slice, slices, after });
    const dates = new PackDates(services, keys, { slice, slices });
    const isFirst = slice === (from?.slice ?? 0);
    const ofPoints = await readPoints(services, dates, isFirst, options);
    if (isFirst) read = ofPoints;
    const ofPacks = await recoverPacks(services, keys, dates, { slice, slices, after }, found, {
      ...options,
      objects,
    });
    signal?.throwIfAborted();
    // A point that cannot be read is one failure, however many slices look at it.
    failures = addFailures(failures, isFirst ? addFailures(ofPoints.failures, ofPacks) : ofPacks);
  }
  const { bytes: _bytes, ...counts } = found;
  return { resources: read.resources, points: read.points, ...counts, failures };
}

async function countObjects(store: ObjectStore, { onProgress, signal }: RebuildOptions): Promise<number> {
  let files = 0;
  for (const prefix of prefixes)
    for await (const _ of oldestVersions(store, prefix, undefined, signal)) {
      files += 1;
      onProgress?.({ step: 'list', files, bytes: 0, unit: 'object' });
    }
  return files;
}

async function recoverPoints(
  services: RebuildServices,
  keys: VaultKeys,
  { onProgress, signal }: RebuildOptions,
): Promise<StepFailures> {
  let failures = noFailures;
  let files = 0;
  let from: ReconcilePlace | undefined;
  do {
    let left = resourcesAtOnce;
    const shouldStop = (): boolean => --left <= 0;
    const { report, next } = await reconcilePoints(services, keys, { from, shouldStop, signal });
    failures = addFailures(failures, report.failures);
    files += report.roots;
    onProgress?.({ step: 'rebuild', files, bytes: 0, unit: 'root' });
    from = next;
  } while (from !== undefined);
  return failures;
}

/** Reads what the pack maps of all points say; at first, writes the row of every resource that has a point. */
async function readPoints(
  services: RebuildServices,
  dates: PackDates,
  isFirst: boolean,
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
        await dates.addPoint(isFirst ? await withLostHolds(services, point) : point);
        onProgress?.({ step: 'rebuild', files: points, bytes: 0, unit: 'point' });
      },
    },
    { signal },
  );
  for (const row of isFirst ? newest.values() : [])
    if ((await catalog.resources.find(row.arn)) === undefined) await catalog.resources.put(row);
  return { resources: newest.size, points, failures: worked.failures };
}

/**
 * Brings back the holds of a point whose row is older than they are, because a table was brought back to an earlier
 * day: the store's flag says that it was held.
 */
async function withLostHolds({ store, catalog }: RebuildServices, point: PointRow): Promise<PointRow> {
  const { pointId, rootName, rootVersionId } = point;
  if (point.holds !== undefined || point.expiring === true) return point;
  const { legalHold } = await store.head(rootName, { versionId: rootVersionId });
  const holds = legalHold === true ? await recoverHolds(catalog, point, await store.now()) : [];
  for (const holdId of holds) await catalog.points.addHold(pointId, holdId);
  return holds.length === 0 ? point : { ...point, holds };
}

/** Adds its counts to `found`. */
async function recoverPacks(
  services: RebuildServices,
  keys: VaultKeys,
  dates: PackDates,
  { after, ...slice }: RebuildPlace,
  found: { packs: number; chunks: number; bytes: number; damaged: number; damagedPacks: PackId[] },
  options: RebuildOptions & { readonly objects: number | undefined },
): Promise<StepFailures> {
  const { onProgress, onPlace, objects: filesTotal, signal } = options;
  const begun: string[] = [];
  // A call that goes on tries failed objects again, so the place stays before them.
  let hasFailed = false;
  const wanted = async function* (): AsyncGenerator<ObjectVersion> {
    const goesOnIn = prefixes.findIndex((prefix) => after.startsWith(prefix));
    for (const [at, prefix] of prefixes.entries()) {
      if (at < goesOnIn) continue;
      const startAfter = at === goesOnIn ? after : undefined;
      for await (const version of oldestVersions(services.store, prefix, startAfter, signal)) {
        const parsed = parseObjectName(version.name);
        if (parsed === undefined || !('packId' in parsed) || !isInSlice(parsed.packId, slice)) continue;
        begun.push(version.name);
        // They are begun in this order, so many at a time: those before are done.
        const done = begun.length > packsAtOnce ? begun.shift() : undefined;
        if (done !== undefined && !hasFailed) onPlace?.({ ...slice, after: done });
        yield version;
      }
    }
  };
  const recoverOne = async (version: ObjectVersion): Promise<void> => {
    const row = await recoverRow(services, dates, version);
    if (row === undefined) return;
    found.packs += 1;
    found.bytes += version.bytes;
    const indexed = row.kind === 'container' ? 0 : await indexChunks(services, keys, row, version.name);
    found.chunks += indexed ?? 0;
    if (indexed === undefined) {
      found.damaged += 1;
      if (found.damagedPacks.length < damagedListed) found.damagedPacks.push(row.packId);
    }
    const { packs: files, bytes } = found;
    onProgress?.({ step: 'rebuild', files, bytes, unit: 'pack', filesTotal });
  };
  const worked = await workThrough(
    {
      items: wanted(),
      atOnce: packsAtOnce,
      nameOf: ({ name }) => name,
      work: async (version) => {
        try {
          await recoverOne(version);
        } catch (error) {
          hasFailed = true;
          throw error;
        }
      },
    },
    { signal },
  );
  return worked.failures;
}

/** The version of each name that counts: the first that was written. A listing has the newest first. */
async function* oldestVersions(
  store: ObjectStore,
  prefix: string,
  startAfter: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ObjectVersion> {
  let last: ObjectVersion | undefined;
  for await (const version of store.listVersions(prefix, { startAfter, signal })) {
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
  const state = await ifThere(store.head(name, { versionId }));
  // Swept since it was listed.
  if (state === undefined) return undefined;
  const lockedUntil = state.lock?.until ?? storedAt;
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

/** @returns the number of chunks made known; `undefined` when the pack's directory cannot be read. */
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
    const items = [...indexedChunks(packId, directory.frames)];
    for (let start = 0; start < items.length; start += itemsPerCall)
      await index.put(items.slice(start, start + itemsPerCall));
    return items.length;
  } catch (error) {
    if (!isDamage(error)) throw error;
    await catalog.packs.markDamaged(packId);
    return undefined;
  }
}
