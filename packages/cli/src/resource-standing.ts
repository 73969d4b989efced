import type { Catalog, Plans, ResourceRow } from '@holdfast/engine';

/** `overdue`: it has a point, but its newest is older than the plan's RPO. `unprotected`: no point, or not backed up. */
type Standing = 'protected' | 'overdue' | 'unprotected';

/** How a resource stands, and why. */
export interface ResourceStanding {
  readonly resource: ResourceRow;
  readonly standing: Standing;
  /** Of its plan; absent when the plan, or all plans, are not known here. */
  readonly rpoHours?: number;
  /** Since the source was in the state that its newest point has. */
  readonly ageHours?: number;
  readonly problem?: string;
}

/**
 * Judges whether a resource is protected as its plan promises. The plan of a directory is its own host's business.
 * @param plans - the deployed plans; when they are not known, no resource counts as overdue.
 */
function judgeResource(resource: ResourceRow, plans: Plans | undefined, now: Date): ResourceStanding {
  const plan = plans?.find(({ name }) => name === resource.plan);
  const { lastSourceTime } = resource;
  const ageHours = lastSourceTime && Math.max(0, now.getTime() - lastSourceTime.getTime()) / 3_600_000;
  const blocker =
    resource.problem ??
    (plans !== undefined && plan === undefined && resource.kind !== 'directory'
      ? `plan "${resource.plan}" is not deployed; correct the tag or deploy it`
      : undefined);
  const isOverdue = plan !== undefined && ageHours !== undefined && ageHours > plan.rpoHours;
  const standing =
    blocker !== undefined || ageHours === undefined ? 'unprotected' : isOverdue ? 'overdue' : 'protected';
  const problem =
    blocker ??
    (ageHours === undefined ? 'no point yet' : undefined) ??
    (resource.lastRunState === 'failed' ? 'last run failed' : undefined);
  return {
    resource,
    standing,
    ...(plan && { rpoHours: plan.rpoHours }),
    ...(ageHours !== undefined && { ageHours }),
    ...(problem !== undefined && { problem }),
  };
}

/** Judges every resource of the catalog, in the order of their ARNs. */
export async function judgeAll(
  catalog: Catalog,
  plans: Plans | undefined,
  now: Date,
): Promise<readonly ResourceStanding[]> {
  const judged: ResourceStanding[] = [];
  for await (const row of catalog.listResources()) {
    judged.push(judgeResource(await withLastPoint(catalog, row), plans, now));
  }
  return judged.sort((a, b) => (a.resource.arn < b.resource.arn ? -1 : 1));
}

/** The row forgets when a tag is taken off and put on again; the points do not. */
async function withLastPoint(catalog: Catalog, row: ResourceRow): Promise<ResourceRow> {
  if (row.lastSourceTime !== undefined) return row;
  for await (const { pointId, sourceTime } of catalog.listPoints(row.arn)) {
    return { ...row, lastPointId: pointId, lastSourceTime: sourceTime };
  }
  return row;
}

/** A judged resource for programs. */
export function standingFields({ resource, ...judged }: ResourceStanding): Record<string, unknown> {
  const { arn, kind, plan, seenAt, lastPointId, lastSourceTime, lastRunId, lastRunState } = resource;
  return {
    arn,
    kind,
    plan,
    standing: judged.standing,
    problem: judged.problem ?? null,
    lastPointId: lastPointId ?? null,
    lastSourceTime: lastSourceTime ?? null,
    ageHours: judged.ageHours === undefined ? null : Math.round(judged.ageHours * 100) / 100,
    rpoHours: judged.rpoHours ?? null,
    lastRunId: lastRunId ?? null,
    lastRunState: lastRunState ?? null,
    seenAt,
  };
}
