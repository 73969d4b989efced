import {
  type Catalog,
  findLastPoints,
  judgeResource,
  mapConcurrent,
  type ResourceRow,
  type ResourceStanding,
  unreadOf,
} from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';

const lookupsAtOnce = 16;

export async function judgeAll(
  catalog: Catalog,
  plans: Plans | undefined,
  now: Date,
): Promise<readonly ResourceStanding[]> {
  const judge = async (row: ResourceRow): Promise<ResourceStanding> => {
    // A volume that is backed up with its instance stands as the instance does; its own earlier runs no longer count.
    const { lastRunId: _id, lastRunState: _state, ...withoutRuns } = row;
    const judged = row.partOf === undefined ? row : withoutRuns;
    return judgeResource(judged, await findLastPoints(catalog, row.partOf ?? row.arn), plans, now);
  };
  const judged = await Array.fromAsync(mapConcurrent(catalog.resources.list(), lookupsAtOnce, judge));
  return judged.sort((a, b) => (a.resource.arn < b.resource.arn ? -1 : 1));
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
