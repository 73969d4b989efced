import { longestKeptDays, mostDaysOfClass, type RetentionClass, safety } from '@holdfast/engine/model';
import type { PlanConfig } from './deployment-config.ts';

const generationDays = Math.max(...Object.values(safety.generationDays));
/** Days beyond a retention. Locks are rounded up to the end of a generation. */
const beyondDays = safety.capSlackDays + generationDays + safety.capMarginDays;
/** Points that are held, or that rules keep on, are prolonged by up to two generations at a time. */
const leastDays = beyondDays + generationDays;

/** Days from now beyond which nobody may lock an object. */
export interface LockCaps {
  /** Caps for packs of chunks: as long as plans of the class keep, and those of shorter ones, which may share them. */
  readonly byClass: Readonly<Record<RetentionClass, number>>;
  readonly audit: number;
  /** Cap for everything else: roots, pages, containers and keys last as long as the longest rule of any plan. */
  readonly longest: number;
}

/**
 * The caps that fit the plans of a deployment: the longest retention, the slack of a run, one generation, and a margin.
 * A compromised writer can lock until then and no longer. Rules that keep a point beyond `keepDays` count for what is
 * not a pack: its packs are prolonged by a generation at a time, until a container takes their place.
 */
export function lockCaps(plans: readonly Pick<PlanConfig, 'retention'>[]): LockCaps {
  const byClass = Object.entries(mostDaysOfClass).map(([name, mostDays]) => {
    const kept = plans.map(({ retention }) => retention.keepDays).filter((days) => days <= mostDays);
    return [name, capFor(kept)] as const;
  });
  return {
    byClass: Object.fromEntries(byClass) as Record<RetentionClass, number>,
    audit: safety.auditKeepDays + safety.capMarginDays,
    longest: capFor(plans.map(({ retention }) => longestKeptDays(retention))),
  };
}

function capFor(days: readonly number[]): number {
  return Math.max(leastDays, ...days.map((kept) => kept + beyondDays));
}
