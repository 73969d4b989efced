import { isDamage } from '../errors.ts';
import type { PageId, ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { Plans } from '../model/plan.ts';
import { isImageKind, type ResourceKind } from '../model/resource-kind.ts';
import { dayMs } from '../model/time.ts';
import { readRoot } from '../points/root-store.ts';
import { walkPacks } from '../points/walk-packs.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { priceInAwsBackup, priceSteadyState, type SteadyState } from '../quote/price-retention.ts';
import { PackOwners } from './pack-owners.ts';
import { emptyAmounts, sumPacks, type UsageAmounts } from './sum-packs.ts';

const resourcesAtOnce = 8;
/** Below this, what changed says little about a day. */
const leastDaysSeen = 0.9;

/** The room that the points of a resource take up, and its price a month. Bytes; dollars. */
export interface ResourceUsage extends UsageAmounts {
  readonly resourceArn: ResourceArn;
  readonly kind: ResourceKind;
  /** The plan of its newest point. */
  readonly plan: string;
  readonly points: number;
  /** Content of the newest point. */
  readonly newestBytes: number;
  /** Content of all points, each as a whole. */
  readonly logicalBytes: number;
  /** Points of snapshots alone take up nothing in the vault; EBS bills them. */
  readonly pointsInSnapshots: number;
  /** Points whose root or pack map cannot be read: what they need is not counted. */
  readonly pointsUnread: number;
  /** The same content in AWS Backup: all of the oldest point, and what is new in each later one. */
  readonly awsBackupDollars: number;
  /** Share of the content that is new every day; absent where the points do not tell. */
  readonly changedPerDay?: number;
  /** Absent where the change or the plan is not known. */
  readonly steady?: SteadyState;
}

export interface PlanUsage extends UsageAmounts {
  readonly plan: string;
  readonly resources: number;
  readonly points: number;
  readonly logicalBytes: number;
  readonly awsBackupDollars: number;
}

export interface Usage {
  readonly resources: readonly ResourceUsage[];
  readonly plans: readonly PlanUsage[];
  /** Share of the packs that were counted; the amounts stand for all of them. */
  readonly countedShare: number;
  /** Packs that points need and the catalog lacks: it has to be rebuilt, or they are lost. */
  readonly packsUnknown: number;
}

export interface UsageServices {
  readonly store: ObjectStore;
  readonly keys: VaultKeys;
  readonly catalog: Pick<Catalog, 'points' | 'packs'>;
}

export interface UsageOptions {
  readonly plans: Plans | undefined;
  readonly now: Date;
  readonly onProgress?: ReportProgress;
  readonly owners?: PackOwners;
  readonly signal?: AbortSignal;
}

type Seen = Omit<ResourceUsage, keyof UsageAmounts | 'steady'> & { readonly newestLiveBytes: number };

/**
 * Measures what points take up: of packs that several resources need, and of those that one has for itself. Reads the
 * roots and the distinct pages of their pack maps, none of the content: the cost grows with what differs between points.
 * Memory: {@link PackOwners}, and the points of {@link resourcesAtOnce} resources.
 */
export async function measureUsage(
  services: UsageServices,
  resources: readonly ResourceArn[],
  options: UsageOptions,
): Promise<Usage> {
  const { owners = new PackOwners(), onProgress } = options;
  let points = 0;
  const onPoint = (): void =>
    onProgress?.({ step: 'measure', unit: 'point', files: (points += 1), bytes: 0 });
  const seen: (Seen | undefined)[] = [];
  const look = async ([owner, arn]: readonly [number, ResourceArn]) =>
    lookAtResource(services, arn, owner, owners, options, onPoint);
  for await (const one of mapConcurrent(resources.entries(), resourcesAtOnce, look)) seen.push(one);
  const planNames = [...new Set(seen.flatMap((one) => (one === undefined ? [] : [one.plan])))];
  const planOf = seen.map((one) => planNames.indexOf(one?.plan ?? ''));
  const { ofOwners, ofGroups, unknown } = await sumPacks(services.catalog.packs, owners, planOf);
  const measured = seen.flatMap((one, owner): ResourceUsage[] =>
    one === undefined ? [] : [usageOf(one, ofOwners[owner] ?? emptyAmounts, options)],
  );
  return {
    resources: measured,
    plans: planNames.map((plan, group) => planUsage(plan, measured, ofGroups[group] ?? emptyAmounts)),
    countedShare: owners.share,
    packsUnknown: unknown,
  };
}

/** @returns `undefined` for a resource without points. */
async function lookAtResource(
  { store, keys, catalog }: UsageServices,
  arn: ResourceArn,
  owner: number,
  owners: PackOwners,
  { signal }: UsageOptions,
  onPoint: () => void,
): Promise<Seen | undefined> {
  const points: PointRow[] = [];
  for await (const point of catalog.points.list(arn)) if (point.expiring !== true) points.push(point);
  const [newest] = points;
  if (newest === undefined) return undefined;
  const seen = new Set<PageId>();
  let newestLiveBytes = 0;
  let pointsUnread = 0;
  for (const point of points) {
    signal?.throwIfAborted();
    try {
      const liveBytes = await addPoint({ store, keys }, point, { owner, owners, seen, signal });
      if (point === newest) newestLiveBytes = liveBytes;
    } catch (error) {
      // It is gone since it was listed, or damaged, which "verify" says: the others are measured all the same.
      if (!isDamage(error)) throw error;
      pointsUnread += 1;
    }
    onPoint();
  }
  return {
    resourceArn: arn,
    kind: newest.resourceKind,
    plan: newest.plan,
    ...sumPoints(points),
    pointsUnread,
    newestLiveBytes,
  };
}

/** Adds what a point needs to its owner's packs. @returns bytes of its content in them. */
async function addPoint(
  services: Pick<UsageServices, 'store' | 'keys'>,
  { resourceArn, pointId, rootVersionId }: PointRow,
  {
    owner,
    owners,
    seen,
    signal,
  }: {
    readonly owner: number;
    readonly owners: PackOwners;
    readonly seen: Set<PageId>;
    readonly signal: AbortSignal | undefined;
  },
): Promise<number> {
  const { root } = await readRoot(services.store, services.keys, resourceArn, pointId, rootVersionId);
  const { container } = root;
  for (const { pack, kind } of root.pagePacks)
    if (kind === 'pages' || pack !== container?.pack) owners.add(pack, owner);
  if (container !== undefined) owners.add(container.pack, owner, container.storageClass);
  const { range, share } = owners;
  let liveBytes = 0;
  for await (const pack of walkPacks(services, root, { seen, range, signal })) {
    liveBytes += pack.liveBytes;
    if (pack.kind === 'chunks') owners.add(pack.packId, owner);
  }
  return liveBytes / share;
}

/** @param points - the newest first, at least one. */
function sumPoints(points: readonly PointRow[]) {
  const [newest] = points;
  const oldest = points.at(-1);
  if (newest === undefined || oldest === undefined) throw new TypeError('there is no point');
  const later = points.slice(0, -1).filter(({ type }) => type !== 'synthetic-full');
  const newBytes = later.reduce((sum, { counts }) => sum + counts.newBytes, 0);
  const days = (newest.sourceTime.getTime() - oldest.sourceTime.getTime()) / dayMs;
  const content = newest.counts.logicalBytes;
  return {
    points: points.length,
    newestBytes: content,
    logicalBytes: points.reduce((sum, { counts }) => sum + counts.logicalBytes, 0),
    pointsInSnapshots: points.filter(
      ({ resourceKind, hasBlocks }) => isImageKind(resourceKind) && hasBlocks !== true,
    ).length,
    awsBackupDollars: priceInAwsBackup(newest.resourceKind, oldest.counts.logicalBytes + newBytes),
    changedPerDay: days < leastDaysSeen || content === 0 ? undefined : Math.min(1, newBytes / content / days),
  };
}

function usageOf(
  { newestLiveBytes, ...seen }: Seen,
  amounts: UsageAmounts,
  { plans, now }: UsageOptions,
): ResourceUsage {
  const { kind, newestBytes, changedPerDay, pointsInSnapshots } = seen;
  const plan = plans?.find(({ name }) => name === seen.plan);
  if (plan === undefined || changedPerDay === undefined || pointsInSnapshots > 0)
    return { ...seen, ...amounts };
  // References to a chunk that is there several times are counted each.
  const storedBytes = Math.min(newestLiveBytes, amounts.ownBytes + amounts.sharedBytes);
  const steady = priceSteadyState({ kind, logicalBytes: newestBytes, storedBytes, changedPerDay }, plan, now);
  return { ...seen, ...amounts, steady };
}

function planUsage(plan: string, all: readonly ResourceUsage[], amounts: UsageAmounts): PlanUsage {
  const resources = all.filter((one) => one.plan === plan);
  const total = (of: (one: ResourceUsage) => number): number =>
    resources.reduce((sum, one) => sum + of(one), 0);
  return {
    plan,
    resources: resources.length,
    points: total(({ points }) => points),
    logicalBytes: total(({ logicalBytes }) => logicalBytes),
    awsBackupDollars: total(({ awsBackupDollars }) => awsBackupDollars),
    ...amounts,
  };
}
