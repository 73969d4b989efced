import * as z from 'zod';
import { addCounts } from '../add-counts.ts';
import { BackupError, ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import type { PointId, ResourceArn, ResourceKey } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import { resourceArn } from '../model/machines/ids.ts';
import { objectPrefixes, parseObjectName, rootName } from '../packs/object-names.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { decodeRoot, getRootObject } from '../points/root-store.ts';
import { pointRowOf } from '../points/root.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectStore, ObjectVersion } from '../ports/object-store.ts';
import { ifThere } from '../if-there.ts';
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

const pointIdText = z.string().transform((text) => text as PointId);

/** The place at which a call stopped: behind an object, or, when all roots are compared, behind a resource. Plain JSON. */
export const ReconcilePlace = z.discriminatedUnion('of', [
  z.object({
    of: z.literal('roots'),
    after: z.string(),
    /** The last point that was begun of the next resource: of its roots without a row, then of its rows without a root. */
    within: z.object({ of: z.enum(['roots', 'rows']), after: pointIdText }).optional(),
  }),
  z.object({
    of: z.literal('resources'),
    after: resourceArn.optional(),
    /** The resource that is looked at, which has no root; and the last of its points. */
    within: z.object({ arn: resourceArn, after: pointIdText }).optional(),
  }),
]);
export type ReconcilePlace = z.infer<typeof ReconcilePlace>;
type WithinResource = NonNullable<Extract<ReconcilePlace, { readonly of: 'roots' }>['within']>;

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
    ...addCounts(a, b),
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
  if (from?.of === 'resources') return findEmptied(services, startedAt, from, options);
  let report = nothingReconciled;
  const listed = store.listVersions(objectPrefixes.points, { startAfter: from?.after, signal });
  for await (const resource of byResource(listed)) {
    // Sorts before every root of the resource, and behind those of the one before.
    const place = `${objectPrefixes.points}${resource.resourceKey}/`;
    const before = from?.after === place ? from.within : undefined;
    const did = await attempt(services, keys, resource, startedAt, { shouldStop, signal, before });
    report = addReconciled(report, did.report);
    if (did.within !== undefined) return { report, next: { of: 'roots', after: place, within: did.within } };
    // Behind every root of the resource, and before those of the next.
    if (shouldStop()) return { report, next: { of: 'roots', after: `${place}~` } };
  }
  const emptied = await findEmptied(services, startedAt, { of: 'resources' }, options);
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

interface Reconciled {
  readonly report: ReconcileReport;
  /** Set when the time was up. */
  readonly within?: WithinResource;
}

type ReconcileOptions = StepOptions & {
  /** The place at which an earlier call stopped. */
  readonly before: WithinResource | undefined;
};

/** A resource that cannot be compared stops none of the others. */
async function attempt(
  services: ReconcileServices,
  keys: VaultKeys,
  resource: ListedResource,
  startedAt: Date,
  options: ReconcileOptions,
): Promise<Reconciled> {
  try {
    return await reconcileResource(services, keys, resource, startedAt, options);
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    const { resourceKey, roots } = resource;
    const failures = failureOf(`points of resource ${resourceKey}`, error);
    return { report: { ...nothingReconciled, roots: roots.size, failures } };
  }
}

/** Roots are begun oldest first, rows newest first: as they are listed. Ids of one resource sort by source time. */
async function reconcileResource(
  services: ReconcileServices,
  keys: VaultKeys,
  resource: ListedResource,
  startedAt: Date,
  { before, ...options }: ReconcileOptions,
): Promise<Reconciled> {
  const { resourceKey, roots } = resource;
  const rows = new Map<PointId, PointRow>();
  const arn = await findArn(services, keys, resource);
  if (arn !== undefined)
    for await (const row of services.catalog.points.list(arn)) rows.set(row.pointId, row);
  let [recovered, last] = [0, before?.of === 'roots' ? before.after : undefined];
  const isLeft = (id: PointId): boolean => before?.of !== 'rows' && (last === undefined || id > last);
  const recovering = await workThrough(
    {
      items: [...roots].filter(([id]) => !rows.has(id) && isLeft(id)),
      atOnce: rootsAtOnce,
      nameOf: ([id]) => `point ${id}`,
      work: async ([id, version]) => {
        // They are begun in the order of the list.
        last = id;
        if (await recoverRow(services, keys, resourceKey, id, version)) recovered += 1;
      },
    },
    options,
  );
  const report = { ...nothingReconciled, recovered, failures: recovering.failures };
  if (!recovering.done && last !== undefined) return { report, within: { of: 'roots', after: last } };
  const after = before?.of === 'rows' ? before.after : undefined;
  const lacking = [...rows.values()].filter((row) => !roots.has(row.pointId));
  const looked = await findMissing(
    services,
    lacking.filter((row) => after === undefined || row.pointId < after),
    startedAt,
    options,
  );
  const did = addReconciled(report, looked.report);
  if (looked.last !== undefined) return { report: did, within: { of: 'rows', after: looked.last } };
  return { report: { ...did, roots: roots.size } };
}

/** @returns with `last`, the last row that was begun, when the time was up. */
async function findMissing(
  services: ReconcileServices,
  rows: AsyncIterable<PointRow> | readonly PointRow[],
  startedAt: Date,
  options: StepOptions,
): Promise<{ readonly report: ReconcileReport; readonly last?: PointId | undefined }> {
  const missing: PointId[] = [];
  let last: PointId | undefined;
  const { done, failures } = await workThrough(
    {
      items: rows,
      atOnce: rootsAtOnce,
      nameOf: (row) => `point ${row.pointId}`,
      work: async (row) => {
        last = row.pointId;
        if (await isMissing(services, row, startedAt)) missing.push(row.pointId);
      },
    },
    options,
  );
  const listed = { count: missing.length, pointIds: missing.slice(0, missingListed) };
  return { report: { ...nothingReconciled, missing: listed, failures }, ...(!done && { last }) };
}

/** The resource of roots: one of them is in the catalog, or can be read. */
async function findArn(
  { store, catalog }: ReconcileServices,
  keys: VaultKeys,
  { resourceKey, roots }: ListedResource,
): Promise<ResourceArn | undefined> {
  for (const [id, { name, versionId }] of roots) {
    const row = await catalog.points.find(id);
    if (row !== undefined) return row.resourceArn;
    try {
      const { resource } = await decodeRoot(await getRootObject(store, name, versionId), id, keys, name);
      if (resourceKeyOf(resource) === resourceKey) return resource;
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
  if ((await ifThere(store.head(name, { versionId: rootVersionId }))) !== undefined) return false;
  const row = await catalog.points.find(pointId);
  // A held point, too, is missed whatever its date.
  return row !== undefined && row.expiring !== true && (row.expiresAt > startedAt || row.holds !== undefined);
}

/** Finds missing points of resources of which the vault has no root at all, so that no listing leads to them. */
async function findEmptied(
  services: ReconcileServices,
  startedAt: Date,
  { after, within }: Extract<ReconcilePlace, { readonly of: 'resources' }>,
  options: StepOptions,
): Promise<{ readonly report: ReconcileReport; readonly next?: ReconcilePlace }> {
  const { shouldStop = () => false, signal } = options;
  const { store, catalog } = services;
  const isEmptied = async (arn: ResourceArn): Promise<boolean> => {
    for await (const _ of store.listVersions(rootName(resourceKeyOf(arn), '' as PointId))) return false;
    return true;
  };
  const look = async ({ arn }: { readonly arn: ResourceArn }) => {
    try {
      return { arn, isEmpty: await isEmptied(arn) };
    } catch (error) {
      if (!isOfOneItem(error)) throw error;
      return { arn, isEmpty: false, failures: failureOf(arn, error) };
    }
  };
  let report = nothingReconciled;
  let last = after;
  for await (const { arn, isEmpty, failures } of mapConcurrent(
    catalog.resources.list(after),
    resourcesAtOnce,
    look,
  )) {
    // One resource a call at least, however little time it has.
    if (last !== after && shouldStop()) return { report, next: { of: 'resources', after: last } };
    if (failures !== undefined) report = addReconciled(report, { ...nothingReconciled, failures });
    if (isEmpty) {
      const begun = within?.arn === arn ? within.after : undefined;
      const looked = await lookAt(services, arn, begun, startedAt, { shouldStop, signal });
      report = addReconciled(report, looked.report);
      if (looked.last !== undefined)
        return { report, next: { of: 'resources', after: last, within: { arn, after: looked.last } } };
    }
    last = arn;
  }
  return { report };
}

/** A resource whose points cannot be listed stops none of the others. */
async function lookAt(
  services: ReconcileServices,
  arn: ResourceArn,
  after: PointId | undefined,
  startedAt: Date,
  options: StepOptions,
): ReturnType<typeof findMissing> {
  const rows = async function* (): AsyncGenerator<PointRow> {
    for await (const row of services.catalog.points.list(arn))
      if (after === undefined || row.pointId < after) yield row;
  };
  try {
    return await findMissing(services, rows(), startedAt, options);
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    return { report: { ...nothingReconciled, failures: failureOf(arn, error) } };
  }
}
