import type { ResourceArn } from '../ids.ts';
import type { Plan, Plans } from '../plans/plan.ts';
import type { Catalog } from '../ports/catalog.ts';
import { planRetention, type RetentionDecision } from '../retention/plan-retention.ts';
import { RetentionRules } from '../retention/retention-rules.ts';
import { longestRenewalMarginDays } from './plan-renewals.ts';

/** Rules for the held points of a plan that is not deployed any more: nothing of theirs but the hold keeps a point. */
const rulesOfNoPlan = RetentionRules.parse({ keepDays: longestRenewalMarginDays, minimumPoints: 0 });

/** What is to become of the points of one resource. */
export interface DecidedRetention {
  /** The plan that decided. Absent where it is not deployed: then only held points are decided about. */
  readonly plan?: Plan;
  readonly rules: RetentionRules;
  /** The newest point first. */
  readonly decisions: readonly RetentionDecision[];
  /** Points that nobody decides about. */
  readonly withoutPlan: number;
}

/** Decides about all points of a resource, by the plan of the resource, or where that is not deployed, of its newest point. */
export async function decideRetention(
  catalog: Catalog,
  plans: Plans,
  resourceArn: ResourceArn,
  now: Date,
): Promise<DecidedRetention> {
  const points = await Array.fromAsync(catalog.listPoints(resourceArn));
  const planName = (await catalog.findResource(resourceArn))?.plan;
  const plan = [planName, points[0]?.plan]
    .map((name) => plans.find((candidate) => candidate.name === name))
    .find((found) => found !== undefined);
  const rules = plan?.retention ?? rulesOfNoPlan;
  const all = planRetention(points, rules, now);
  const decisions = plan === undefined ? all.filter(({ point }) => point.holds !== undefined) : all;
  return {
    ...(plan !== undefined && { plan }),
    rules,
    decisions,
    withoutPlan: all.length - decisions.length,
  };
}
