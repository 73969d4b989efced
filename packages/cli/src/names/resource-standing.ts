import {
  type Catalog,
  findLastPoints,
  judgeResource,
  mapConcurrent,
  type ResourceRow,
  type ResourceStanding,
  runStates,
  standings,
  UnreadCounts,
  unreadOf,
} from '@holdfast/engine';
import { type Plans, ResourceKind } from '@holdfast/engine/model';
import * as z from 'zod';
import { type Printable, Time } from '../terminal/answer.ts';
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

/** A resource, judged by its points. */
interface WatchedResource {
  readonly standing: ResourceStanding;
  /** Its newest point, if that speaks of an attack or comes after one that does. */
  readonly suspect: SuspectPoint | undefined;
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
    if (row.partOf !== undefined) return { standing, suspect: undefined };
    return { standing, suspect: suspectOf(points, now) };
  };
  const watched = await Array.fromAsync(mapConcurrent(catalog.resources.list(), lookupsAtOnce, watch));
  return watched.sort((a, b) => (a.standing.resource.arn < b.standing.resource.arn ? -1 : 1));
}

/** A resource and how it stands. */
export const StandingFields = z
  .strictObject({
    resourceArn: z.string(),
    kind: ResourceKind,
    plan: z.string(),
    partOf: z.string().optional(),
    standing: z.enum(standings),
    problem: z.string().optional(),
    lastPointId: z.string().optional(),
    lastSourceTime: Time.optional(),
    unread: UnreadCounts.strict().optional(),
    lastCleanPointId: z.string().optional(),
    lastCleanSourceTime: Time.optional(),
    ageHours: z.number().optional(),
    rpoHours: z.number().optional(),
    lastRunId: z.string().optional(),
    lastRunState: z.enum(runStates).optional(),
    seenAt: Time,
  })
  .meta({ id: 'Resource' });

export function standingFields({
  resource,
  ...judged
}: ResourceStanding): Printable<z.output<typeof StandingFields>> {
  const { arn, kind, plan, partOf, seenAt, lastRunId, lastRunState } = resource;
  const { newest, clean } = judged;
  return {
    resourceArn: arn,
    kind,
    plan,
    partOf,
    standing: judged.standing,
    problem: judged.problem,
    lastPointId: newest?.pointId,
    lastSourceTime: newest?.sourceTime,
    unread: newest && unreadOf(newest),
    lastCleanPointId: clean?.pointId,
    lastCleanSourceTime: clean?.sourceTime,
    ageHours: judged.ageHours === undefined ? undefined : Math.round(judged.ageHours * 100) / 100,
    rpoHours: judged.rpoHours,
    lastRunId,
    lastRunState,
    seenAt,
  };
}
