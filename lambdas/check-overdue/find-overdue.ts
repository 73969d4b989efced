import type { Catalog, Plan, Plans, ResourceArn, ResourceRow } from '@holdfast/engine';

const hourMs = 3_600_000;

/** An opted-in resource that is not as well protected as its plan promises. */
export interface OverdueResource {
  readonly arn: ResourceArn;
  /** The plan that its tag names, whether it exists or not. */
  readonly plan: string;
  readonly reason: 'overdue' | 'never-protected' | 'problem';
  readonly detail: string;
}

/**
 * Holds every opted-in resource against its plan's RPO. A directory of a plan that is not deployed here is its own
 * agent's business.
 */
export async function findOverdue(catalog: Catalog, plans: Plans, now: Date): Promise<OverdueResource[]> {
  const overdue: OverdueResource[] = [];
  for await (const row of catalog.listResources()) {
    const { arn, problem } = row;
    const plan = plans.find(({ name }) => name === row.plan);
    if (problem !== undefined) overdue.push({ arn, plan: row.plan, reason: 'problem', detail: problem });
    else if (plan !== undefined) {
      const late = judge(plan, await newestSourceTime(catalog, row), now);
      if (late !== undefined) overdue.push({ arn, plan: plan.name, ...late });
    }
  }
  return overdue;
}

function judge(
  { rpoHours }: Plan,
  newest: Date | undefined,
  now: Date,
): Pick<OverdueResource, 'reason' | 'detail'> | undefined {
  if (newest === undefined) return { reason: 'never-protected', detail: 'it has no recovery point' };
  const hours = (now.getTime() - newest.getTime()) / hourMs;
  if (hours <= rpoHours) return undefined;
  const age = `its newest point is of ${newest.toISOString()}, ${Math.floor(hours)} hours ago`;
  return { reason: 'overdue', detail: `${age}; the plan promises ${rpoHours}` };
}

/** The row forgets when a tag is taken off and put on again; the points do not. */
async function newestSourceTime(catalog: Catalog, row: ResourceRow): Promise<Date | undefined> {
  if (row.lastSourceTime !== undefined) return row.lastSourceTime;
  for await (const point of catalog.listPoints(row.arn)) return point.sourceTime;
  return undefined;
}
