import { safety } from '../model/safety.ts';
import type { PointId, ResourceArn, RunId } from '../ids.ts';
import type { Plan, Plans } from '../model/plan.ts';
import type { CatalogReader } from '../ports/catalog/catalog.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { planRetention, type RetentionDecision } from '../retention/plan-retention.ts';
import { RetentionRules } from '../model/retention-rules.ts';

/** Rules for the held points of a plan that is not deployed any more: nothing of theirs but the hold keeps a point. */
function rulesOfNoPlan(): RetentionRules {
  return RetentionRules.parse({ keepDays: safety.renewalMarginDays.most, minimumPoints: 0 });
}

export interface DecidedRetention {
  /** The plan that decided. Absent where it is not deployed: then only held points are decided about. */
  readonly plan?: Plan;
  readonly rules: RetentionRules;
  /** The newest point first. */
  readonly decisions: readonly RetentionDecision[];
  /** Points that nobody decides about. */
  readonly withoutPlan: number;
}

/** The plan that decides about the points of a resource: its own, or where that is not deployed, its newest point's. */
export async function findDecidingPlan(
  catalog: Pick<CatalogReader, 'resources'>,
  plans: Plans,
  resourceArn: ResourceArn,
  newest: Pick<PointRow, 'plan'> | undefined,
): Promise<Plan | undefined> {
  const planName = (await catalog.resources.find(resourceArn))?.plan;
  return plans.find(({ name }) => name === planName) ?? plans.find(({ name }) => name === newest?.plan);
}

/** Decides about all points of a resource, those included that were made under another plan. */
export async function decideRetention(
  catalog: Pick<CatalogReader, 'resources' | 'points' | 'packs'>,
  plans: Plans,
  resourceArn: ResourceArn,
  now: Date,
): Promise<DecidedRetention> {
  const points = await Array.fromAsync(catalog.points.list(resourceArn));
  const plan = await findDecidingPlan(catalog, plans, resourceArn, points[0]);
  const rules = plan?.retention ?? rulesOfNoPlan();
  const all = planRetention(points, rules, now, await findDamagedContainers(catalog, points));
  const decisions = plan === undefined ? all.filter(({ point }) => point.holds !== undefined) : all;
  return {
    plan,
    rules,
    decisions,
    withoutPlan: all.length - decisions.length,
  };
}

/**
 * Finds the points whose own container is marked as damaged. The run that wrote both tells, which a row that was
 * rebuilt from the bucket does not know.
 */
async function findDamagedContainers(
  catalog: Pick<CatalogReader, 'packs'>,
  points: readonly PointRow[],
): Promise<ReadonlySet<PointId>> {
  const containers = points.filter(({ type }) => type === 'synthetic-full');
  if (containers.length === 0) return new Set();
  const runs = new Set<RunId>();
  for await (const { kind, runId } of catalog.packs.listDamaged()) if (kind === 'container') runs.add(runId);
  return new Set(containers.filter(({ runId }) => runs.has(runId)).map(({ pointId }) => pointId));
}
