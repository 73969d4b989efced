import {
  type Catalog,
  findLastPoints,
  judgeResource,
  mapConcurrent,
  type PointRow,
  type ResourceRow,
  type ResourceStanding,
  unreadOf,
} from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
import { type SuspectPoint, suspectOf } from './suspect-point.ts';

const lookupsAtOnce = 16;

export async function judgeAll(
  catalog: Catalog,
  plans: Plans | undefined,
  now: Date,
): Promise<readonly ResourceStanding[]> {
  const judge = async (row: ResourceRow): Promise<ResourceStanding> => {
    const last = await findLastPoints(catalog.points.list(row.partOf ?? row.arn));
    return judgeResource(asJudged(row), last, plans, now);
  };
  const judged = await Array.fromAsync(mapConcurrent(catalog.resources.list(), lookupsAtOnce, judge));
  return judged.sort((a, b) => (a.resource.arn < b.resource.arn ? -1 : 1));
}

/** A volume that is backed up with its instance stands as the instance does; its own earlier runs no longer count. */
function asJudged(row: ResourceRow): ResourceRow {
  if (row.partOf === undefined) return row;
  const { lastRunId: _id, lastRunState: _state, ...withoutRuns } = row;
  return withoutRuns;
}

/** What its points say of a resource. */
export interface WatchedResource {
  readonly standing: ResourceStanding;
  /** Its newest point, if that speaks of an attack or comes after one that does. */
  readonly suspect: SuspectPoint | undefined;
  /** Absent where it has none. */
  readonly oldest: PointRow | undefined;
}

/** As {@link judgeAll}, with the signs of an attack: each list of points is read once, whole. */
export async function watchAll(
  catalog: Catalog,
  plans: Plans | undefined,
  now: Date,
): Promise<readonly WatchedResource[]> {
  const watch = async (row: ResourceRow): Promise<WatchedResource> => {
    const points = await Array.fromAsync(catalog.points.list(row.partOf ?? row.arn));
    const standing = judgeResource(asJudged(row), await findLastPoints(points), plans, now);
    // The instance is told of itself.
    if (row.partOf !== undefined) return { standing, suspect: undefined, oldest: undefined };
    return { standing, suspect: suspectOf(points, now), oldest: points.at(-1) };
  };
  const watched = await Array.fromAsync(mapConcurrent(catalog.resources.list(), lookupsAtOnce, watch));
  return watched.sort((a, b) => (a.standing.resource.arn < b.standing.resource.arn ? -1 : 1));
}

export function standingFields({ resource, ...judged }: ResourceStanding): Record<string, unknown> {
  const { arn, kind, plan, partOf, seenAt, lastRunId, lastRunState } = resource;
  const { newest, clean } = judged;
  return {
    arn,
    kind,
    plan,
    partOf: partOf ?? null,
    standing: judged.standing,
    problem: judged.problem ?? null,
    lastPointId: newest?.pointId ?? null,
    lastSourceTime: newest?.sourceTime ?? null,
    unread: newest === undefined ? null : unreadOf(newest),
    lastCleanPointId: clean?.pointId ?? null,
    lastCleanSourceTime: clean?.sourceTime ?? null,
    ageHours: judged.ageHours === undefined ? null : Math.round(judged.ageHours * 100) / 100,
    rpoHours: judged.rpoHours ?? null,
    lastRunId: lastRunId ?? null,
    lastRunState: lastRunState ?? null,
    seenAt,
  };
}
