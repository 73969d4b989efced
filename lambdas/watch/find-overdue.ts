import {
  type Catalog,
  findLastPoints,
  findSuspicions,
  isDegraded,
  judgeResource,
  mapConcurrent,
  type ResourceArn,
  type ResourceRow,
} from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';

const judgedAtOnce = 16;

/** An opted-in resource that is not as well protected as its plan promises. One can be
 * overdue, degraded and suspect at once. */
export interface OverdueResource {
  readonly arn: ResourceArn;
  /** The plan that its tag names, whether it exists or not. */
  readonly plan: string;
  readonly reason: 'overdue' | 'never-protected' | 'degraded' | 'suspect' | 'problem';
  readonly detail: string;
}

/** Overdue resources among those that a call judged, and where another call goes on when the time was up. */
interface FoundOverdue {
  readonly found: readonly OverdueResource[];
  readonly after: ResourceArn | undefined;
}

/**
 * Compares opted-in resources with their plans' RPO, by their last clean points. A directory of a plan that is not
 * deployed here is its own agent's business.
 * @param startAfter - what an earlier call returned as `after`.
 * @param shouldStop - asked before each resource but the first.
 */
export async function findOverdue(
  { catalog, plans }: { readonly catalog: Catalog; readonly plans: Plans },
  now: Date,
  startAfter: ResourceArn | undefined,
  shouldStop: () => boolean,
): Promise<FoundOverdue> {
  const found: OverdueResource[] = [];
  let last: ResourceArn | undefined;
  let after: ResourceArn | undefined;
  const untilTimeIsUp = async function* (): AsyncGenerator<ResourceRow> {
    for await (const row of catalog.resources.list(startAfter)) {
      if (last !== undefined && shouldStop()) {
        after = last;
        return;
      }
      last = row.arn;
      yield row;
    }
  };
  const judged = mapConcurrent(untilTimeIsUp(), judgedAtOnce, async (row) => judge(catalog, plans, now, row));
  for await (const some of judged) found.push(...some);
  return { found, after };
}

async function judge(
  catalog: Catalog,
  plans: Plans,
  now: Date,
  row: ResourceRow,
): Promise<readonly OverdueResource[]> {
  const { arn, problem, partOf, plan } = row;
  // The instance is told of itself.
  if (partOf !== undefined) return [];
  if (problem !== undefined) return [{ arn, plan, reason: 'problem', detail: problem }];
  if (!plans.some(({ name }) => name === plan)) return [];
  const found: OverdueResource[] = [];
  const points = await Array.fromAsync(catalog.points.list(arn));
  const last = await findLastPoints(points);
  const { newest, clean, standing, ...judged } = judgeResource(row, last, plans, now);
  if (standing === 'unprotected')
    found.push({ arn, plan, reason: 'never-protected', detail: 'it has no recovery point' });
  if (standing === 'overdue') {
    const age =
      clean === undefined
        ? 'none of its points is clean'
        : `its last clean point is of ${clean.sourceTime.toISOString()}, ${Math.floor(judged.ageHours ?? 0)} hours ago`;
    found.push({ arn, plan, reason: 'overdue', detail: `${age}; the plan promises ${judged.rpoHours}` });
  }
  if (newest !== undefined && isDegraded(newest))
    found.push({ arn, plan, reason: 'degraded', detail: judged.problem ?? 'it could not be read' });
  const suspicion = newest && findSuspicions(points).get(newest.pointId);
  if (suspicion !== undefined) {
    const signs = suspicion.sinceSigns.map(({ sign }) => sign).join(', ');
    const detail = `point ${suspicion.since.pointId} may be of an attack: ${signs}`;
    found.push({ arn, plan, reason: 'suspect', detail });
  }
  return found;
}
