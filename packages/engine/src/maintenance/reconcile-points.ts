import { BackupError, ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import type { PointId, ResourceArn, ResourceKey } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { objectPrefixes, parseObjectName, rootName } from '../packs/object-names.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { decodeRoot, getRootObject } from '../points/root-store.ts';
import { pointRowOf } from '../points/root.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import { recoverHolds } from './recover-holds.ts';
import {
  addFailures,
  failureOf,
  isOfOneItem,
  noFailures,
  workThrough,
  type StepFailures,
  type StepOptions,
} from './work-through.ts';

const rootsAtOnce = 16;
const resourcesAtOnce = 16;
/** Points that are named in a report; more are counted. */
const missingListed = 20;

export interface ReconcileServices {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'resources' | 'points' | 'holds'>;
}

/** The place at which a call stopped: behind an object, or, when all roots are compared, behind a resource. */
export type ReconcilePlace =
  | { readonly of: 'roots'; readonly after: string }
  | { readonly of: 'resources'; readonly after: ResourceArn };

export interface ReconcileReport {
  readonly roots: number;
  /** Points that were in the vault and not in the catalog. They are in both now. */
  readonly recovered: number;
  /** Points that are in the catalog and not in the vault, although their retention has not ended. Nothing is changed. */
  readonly missing: { readonly count: number; readonly pointIds: readonly PointId[] };
  readonly failures: StepFailures;
}

const nothingReconciled: ReconcileReport = {
  roots: 0,
  recovered: 0,
  missing: { count: 0, pointIds: [] },
  failures: noFailures,
};

function addReconciled(a: ReconcileReport, b: ReconcileReport): ReconcileReport {
  return {
    roots: a.roots + b.roots,
    recovered: a.recovered + b.recovered,
    missing: {
      count: a.missing.count + b.missing.count,
      pointIds: [...a.missing.pointIds, ...b.missing.pointIds].slice(0, missingListed),
    },
    failures: addFailures(a.failures, b.failures),
  };
}

interface ListedResource {
  readonly resourceKey: ResourceKey;
  /** The oldest version of each, by point. */
  readonly roots: ReadonlyMap<PointId, ObjectVersion>;
}

/**
 * Compares the roots in the vault with the catalog's points, resource by resource. A root without a row gets its row
 * back, from the root as it is read and with the later one of its expiry and its lock; if its retention has ended, the
 * next expiring removes both. A row without a root is reported, and nothing else: somebody has to find out why.
 *
 * Costs one listing of `points/` (a request for every 1,000 roots) and two queries for every resource.
 * @param options.from - what an earlier call returned as `next`.
 * @returns with `next`, when the time was up: call again with it.
 */
export async function reconcilePoints(
  services: ReconcileServices,
  keys: VaultKeys,
  options: StepOptions & { readonly from?: ReconcilePlace | undefined } = {},
): Promise<{ readonly report: ReconcileReport; readonly next?: ReconcilePlace }> {
  const { shouldStop = () => false, signal, from } = options;
  const { store } = services;
  const startedAt = await store.now();
  if (from?.of === 'resources') return findEmptied(services, startedAt, from.after, options);
  let report = nothingReconciled;
  const listed = store.listVersions(objectPrefixes.points, { startAfter: from?.after, signal });
  for await (const resource of byResource(listed)) {
    report = addReconciled(report, await attempt(services, keys, resource, startedAt));
    if (!shouldStop()) continue;
    // Sorts behind every root of the resource, and before those of the next.
    return { report, next: { of: 'roots', after: `${objectPrefixes.points}${resource.resourceKey}/~` } };
  }
  const emptied = await findEmptied(services, startedAt, undefined, options);
  return { ...emptied, report: addReconciled(report, emptied.report) };
}

async function* byResource(versions: AsyncIterable<ObjectVersion>): AsyncGenerator<ListedResource> {
  let current: { resourceKey: ResourceKey; roots: Map<PointId, ObjectVersion> } | undefined;
  for await (const version of versions) {
    const parsed = parseObjectName(version.name);
    if (parsed?.kind !== 'root') continue;
    const { resourceKey, pointId } = parsed;
    if (current?.resourceKey !== resourceKey) {
      if (current !== undefined) yield current;
      current = { resourceKey, roots: new Map() };
    }
    // Versions of a name come newest first, and the oldest is the one that counts.
    current.roots.set(pointId, version);
  }
  if (current !== undefined) yield current;
}

/** A resource that cannot be compared stops none of the others. */
async function attempt(
  services: ReconcileServices,
  keys: VaultKeys,
  resource: ListedResource,
  startedAt: Date,
): Promise<ReconcileReport> {
  try {
    return await reconcileResource(services, keys, resource, startedAt);
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    const { resourceKey, roots } = resource;
    const failures = failureOf(`points of resource ${resourceKey}`, error);
    return { ...nothingReconciled, roots: roots.size, failures };
  }
}

async function reconcileResource(
  services: ReconcileServices,
  keys: VaultKeys,
  { resourceKey, roots }: ListedResource,
  startedAt: Date,
): Promise<ReconcileReport> {
  const rows = new Map<PointId, PointRow>();
  const arn = await findArn(services, keys, roots);
  if (arn !== undefined)
    for await (const row of services.catalog.points.list(arn)) rows.set(row.pointId, row);
  let recovered = 0;
  const unknown = [...roots].filter(([pointId]) => !rows.has(pointId));
  const { failures } = await workThrough(
    {
      items: unknown,
      atOnce: rootsAtOnce,
      nameOf: ([pointId]) => `point ${pointId}`,
      work: async ([pointId, version]) => {
        if (await recoverRow(services, keys, resourceKey, pointId, version)) recovered += 1;
      },
    },
    {},
  );
  const missing: PointId[] = [];
  for (const row of rows.values()) {
    if (!roots.has(row.pointId) && (await isMissing(services, row, startedAt))) missing.push(row.pointId);
  }
  return {
    roots: roots.size,
    recovered,
    missing: { count: missing.length, pointIds: missing.slice(0, missingListed) },
    failures,
  };
}

/** Finds the resource of some roots: the catalog knows most of them, the first readable root names the others. */
async function findArn(
  { store, catalog }: ReconcileServices,
  keys: VaultKeys,
  roots: ListedResource['roots'],
): Promise<ResourceArn | undefined> {
  for (const pointId of roots.keys()) {
    const row = await catalog.points.find(pointId);
    if (row !== undefined) return row.resourceArn;
  }
  for (const [pointId, { name, versionId }] of roots) {
    try {
      return (await decodeRoot(await getRootObject(store, name, versionId), pointId, keys, name)).resource;
    } catch (error) {
      // Reported as a failure when its row is to be recovered. What is wrong with one object stops nothing else.
      if (!(error instanceof BackupError) || error.retry === 'later') throw error;
    }
  }
  return undefined;
}

/** @returns whether a row was written; not for a root that has been removed meanwhile. */
async function recoverRow(
  { store, catalog }: ReconcileServices,
  keys: VaultKeys,
  resourceKey: ResourceKey,
  pointId: PointId,
  { name, versionId }: ObjectVersion,
): Promise<boolean> {
  // A run that commits writes its row a moment after its root.
  if ((await catalog.points.find(pointId)) !== undefined) return false;
  try {
    const { lock, legalHold } = await store.head(name, { versionId });
    const root = await decodeRoot(await getRootObject(store, name, versionId), pointId, keys, name);
    if (resourceKeyOf(root.resource) !== resourceKey)
      throw new StoredBytesDamagedError(name, 'it is the root of another resource');
    const row = pointRowOf(root, { name, versionId });
    const expiresAt = lock !== undefined && lock.until > row.expiresAt ? lock.until : row.expiresAt;
    const holds = legalHold === true ? await recoverHolds(catalog, row, await store.now()) : [];
    await catalog.points.put({ ...row, expiresAt, ...(holds.length > 0 && { holds }) });
    for (const holdId of holds) await catalog.points.addHold(pointId, holdId);
    return true;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return false;
    throw error;
  }
}

async function isMissing(
  { store, catalog }: ReconcileServices,
  { pointId, rootName: name, rootVersionId }: PointRow,
  startedAt: Date,
): Promise<boolean> {
  try {
    await store.head(name, { versionId: rootVersionId });
    return false;
  } catch (error) {
    if (!(error instanceof ObjectNotFoundError)) throw error;
  }
  const row = await catalog.points.find(pointId);
  // A held point, too, is missed whatever its date.
  return row !== undefined && row.expiring !== true && (row.expiresAt > startedAt || row.holds !== undefined);
}

/** Finds missing points of resources of which the vault has no root at all, so that no listing leads to them. */
async function findEmptied(
  services: ReconcileServices,
  startedAt: Date,
  after: ResourceArn | undefined,
  { shouldStop, signal }: StepOptions,
): Promise<{ readonly report: ReconcileReport; readonly next?: ReconcilePlace }> {
  const { store, catalog } = services;
  const missing: PointId[] = [];
  let last = after;
  const { done, failures } = await workThrough(
    {
      items: catalog.resources.list(after),
      atOnce: resourcesAtOnce,
      nameOf: ({ arn }) => arn,
      work: async ({ arn }) => {
        // They are begun in the order of the list, and all that were begun are done in the end.
        last = arn;
        for await (const _ of store.listVersions(rootName(resourceKeyOf(arn), '' as PointId))) return;
        for await (const row of catalog.points.list(arn))
          if (await isMissing(services, row, startedAt)) missing.push(row.pointId);
      },
    },
    { shouldStop, signal },
  );
  const report = {
    ...nothingReconciled,
    missing: { count: missing.length, pointIds: missing.slice(0, missingListed) },
    failures,
  };
  return { report, ...(!done && last !== undefined && { next: { of: 'resources', after: last } }) };
}
