import { type Catalog, findLastPoints, isDegraded, judgeResource, type ResourceArn } from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';

/** An opted-in resource that is not as well protected as its plan promises. One can be both overdue and degraded. */
export interface OverdueResource {
  readonly arn: ResourceArn;
  /** The plan that its tag names, whether it exists or not. */
  readonly plan: string;
  readonly reason: 'overdue' | 'never-protected' | 'degraded' | 'problem';
  readonly detail: string;
}

/**
 * Holds every opted-in resource against its plan's RPO, by its last clean point. A directory of a plan that is not
 * deployed here is its own agent's business.
 */
export async function findOverdue(catalog: Catalog, plans: Plans, now: Date): Promise<OverdueResource[]> {
  const found: OverdueResource[] = [];
  for await (const row of catalog.resources.list()) {
    const { arn, problem, partOf } = row;
    // The instance is told of itself.
    if (partOf !== undefined) continue;
    const add = (reason: OverdueResource['reason'], detail: string): void => {
      found.push({ arn, plan: row.plan, reason, detail });
    };
    if (problem !== undefined) {
      add('problem', problem);
      continue;
    }
    if (!plans.some(({ name }) => name === row.plan)) continue;
    const { newest, clean, standing, ...judged } = judgeResource(
      row,
      await findLastPoints(catalog, arn),
      plans,
      now,
    );
    if (standing === 'unprotected') add('never-protected', 'it has no recovery point');
    if (standing === 'overdue') {
      const age =
        clean === undefined
          ? 'none of its points is clean'
          : `its last clean point is of ${clean.sourceTime.toISOString()}, ${Math.floor(judged.ageHours ?? 0)} hours ago`;
      add('overdue', `${age}; the plan promises ${judged.rpoHours}`);
    }
    if (newest !== undefined && isDegraded(newest)) add('degraded', judged.problem ?? 'it could not be read');
  }
  return found;
}
