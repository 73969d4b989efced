import type { PointId, ResourceArn } from '../ids.ts';
import type { BackupType } from '../model/backup-type.ts';
import type { Plan } from '../model/plan.ts';
import { scheduledRuns } from '../model/scheduled-runs.ts';
import { dayMs } from '../model/time.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { chooseBase, newestPoints } from '../runs/choose-base.ts';
import { chooseBaseSnapshot, type BaseSnapshotChoice, type ImageUse } from './choose-base-snapshot.ts';

/** Types of runs that read what changed since a snapshot. */
const comparing = ['incremental', 'differential'] as const satisfies readonly BackupType[];
/** Share of blocks that is taken to change as long as no run has read changes. */
const assumedShare = 0.02;
/** Newest points that are looked at for what changes. */
const pointsLookedAt = 30;
const yearDays = 365.25;

/** Snapshots of a resource that are needed although their blocks are in the vault. */
export interface SnapshotNeeds {
  readonly use: ImageUse;
  readonly choice: BaseSnapshotChoice;
  /**
   * Source times, in milliseconds, of the points that the next runs compare with. A container has that of the point
   * whose snapshots it names.
   */
  readonly baseTimes: ReadonlySet<number>;
}

/**
 * Finds out which snapshots the next runs of a plan compare with: those of the newest point for an incremental, those of
 * the chain's full for a differential; none where reading all blocks is cheaper, or the plan says so.
 */
export async function findSnapshotNeeds(
  catalog: Pick<Catalog, 'points'>,
  plan: Plan,
  resourceArn: ResourceArn,
  now: Date,
): Promise<SnapshotNeeds> {
  const points: PointRow[] = [];
  for await (const point of newestPoints(catalog, resourceArn)) {
    if (point.hasBlocks === true && point.type !== 'synthetic-full') points.push(point);
    if (points.length === pointsLookedAt) break;
  }
  const use = useOf(points, plan, now);
  const choice = chooseBaseSnapshot(plan.images.baseSnapshot, use);
  const baseTimes = new Set<number>();
  if (!choice.keeps) return { use, choice, baseTimes };
  for (const type of comparing) {
    if (plan.schedules[type] === undefined) continue;
    const { base } = await chooseBase(catalog, resourceArn, type, now);
    if (base !== undefined) baseTimes.add(base.sourceTime.getTime());
  }
  return { use, choice, baseTimes };
}

/** Reason why the snapshots of a point stay; `undefined` when they are needed no more. */
export function whySnapshotsStay(
  point: PointRow,
  plan: Plan,
  { baseTimes }: Pick<SnapshotNeeds, 'baseTimes'>,
  now: Date,
): string | undefined {
  if (point.hasBlocks !== true) return 'the point consists of them';
  const { keepSnapshotsDays } = plan.images;
  const stayUntil = point.committedAt.getTime() + keepSnapshotsDays * dayMs;
  if (stayUntil > now.getTime()) return `the plan keeps snapshots for ${keepSnapshotsDays} days`;
  if (baseTimes.has(point.sourceTime.getTime())) return 'the next run compares with them';
  return undefined;
}

/**
 * Finds the container that was made of a point, names its snapshots, and may be a base after the point itself has
 * expired: then they are the container's.
 */
export async function findHeir(
  catalog: Pick<Catalog, 'points'>,
  resourceArn: ResourceArn,
  pointId: PointId,
): Promise<PointRow | undefined> {
  for await (const point of catalog.points.list(resourceArn)) {
    const { type, basePointId, hasBlocks, archiveClass, expiring } = point;
    const isContainer = type === 'synthetic-full' && basePointId === pointId && hasBlocks === true;
    if (isContainer && archiveClass === undefined && expiring !== true) return point;
  }
  return undefined;
}

/** Blocks in use as the newest full has read them; changes as new to the vault, however they were found. */
function useOf(points: readonly PointRow[], plan: Plan, now: Date): ImageUse {
  const full = points.find(({ type }) => type === 'full') ?? points.at(-1);
  const usedBytes = full?.counts.readBytes ?? 0;
  const changes = points.filter(({ type }) => type !== 'full');
  const changed = changes.reduce((sum, { counts }) => sum + counts.newBytes, 0);
  const changedShare =
    changes.length === 0 || usedBytes === 0
      ? assumedShare
      : Math.min(1, changed / changes.length / usedBytes);
  // Of a whole year: some plans read changes less often than every month.
  const runsAYear = scheduledRuns(plan, now, new Date(now.getTime() + yearDays * dayMs))
    .filter(({ type }) => comparing.some((one) => one === type))
    .reduce((sum, { runs }) => sum + runs, 0);
  return { usedBytes, changedShare, runsAMonth: runsAYear / 12 };
}
