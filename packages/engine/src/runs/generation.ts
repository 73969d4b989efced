import type { ResourceKey } from '../ids.ts';

const dayMs = 86_400_000;

/** How long leases are rounded up to, and how long a run may take before its lease has to be moved. */
export interface LeasePolicy {
  /** Length of a generation. Short for plans that keep little, so that swept storage follows soon. */
  readonly generationDays: number;
  /** The longest that a run may take from its start to its commit without extending again. */
  readonly slackHours: number;
}

/** The lease policy that fits a retention: 7-day generations for plans that keep 14 days or less, else 30. */
function leasePolicyFor(keepDays: number): LeasePolicy {
  return { generationDays: keepDays <= 14 ? 7 : 30, slackHours: 72 };
}

/**
 * The end of the generation that contains a time. Generations are counted from the epoch and staggered per resource,
 * so that the resources of an account do not renew on one day.
 */
export function generationEnd(time: Date, resourceKey: ResourceKey, generationDays: number): Date {
  const length = generationDays * dayMs;
  const offset = (Number.parseInt(resourceKey.slice(0, 8), 16) % generationDays) * dayMs;
  return new Date(Math.floor((time.getTime() - offset) / length) * length + offset + length);
}

/** The date to which a run leases all that it stores or reuses: its latest possible expiry, to the generation's end. */
export function leaseUntilFor(
  startedAt: Date,
  keepDays: number,
  resourceKey: ResourceKey,
  policy: LeasePolicy = leasePolicyFor(keepDays),
): Date {
  const latestExpiry = new Date(startedAt.getTime() + policy.slackHours * 3_600_000 + keepDays * dayMs);
  return generationEnd(latestExpiry, resourceKey, policy.generationDays);
}
