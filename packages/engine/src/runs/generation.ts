import { safety } from '../model/safety.ts';
import type { PackId, ResourceKey } from '../ids.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import { retentionClassOf } from '../model/retention-class.ts';
import { dayMs, hourMs } from '../model/time.ts';

/** Length of leases, and the limit below which a pack is copied instead of being leased again. */
export interface LeasePolicy {
  /** Length of a generation, to whose end locks are rounded up. Short for plans that keep little. */
  readonly generationDays: number;
  /** The longest that a run may take from its start to its commit without extending again. */
  readonly slackHours: number;
  /** Share of a pack's bytes: if a point uses less of it, the chunks are copied (rule 5). 0 copies nothing. */
  readonly copyBelow: number;
  /** Packs of shorter classes are not leased (rule 13). @default packs of all classes are */
  readonly retentionClass?: string;
}

export function leasePolicyFor(keepDays: number): LeasePolicy {
  const retentionClass = retentionClassOf(keepDays);
  return {
    generationDays: safety.generationDays[retentionClass],
    slackHours: safety.runSlackHours,
    copyBelow: safety.copyBelowShare,
    retentionClass,
  };
}

/**
 * The end of the generation that contains a time. Generations are counted from the epoch and staggered by whole days,
 * so that not everything renews on one day.
 * @param stagger - hexadecimal digits that decide which of the days it is.
 */
export function generationEnd(time: Date, stagger: PackId | ResourceKey, generationDays: number): Date {
  const length = generationDays * dayMs;
  const offset = (Number.parseInt(stagger.slice(0, 8), 16) % generationDays) * dayMs;
  return new Date(Math.floor((time.getTime() - offset) / length) * length + offset + length);
}

/** The date to which a run leases everything that it stores or reuses: its latest possible expiry. Whole seconds. */
export function leaseUntilFor(
  startedAt: Date,
  keepDays: number,
  { slackHours }: Pick<LeasePolicy, 'slackHours'> = leasePolicyFor(keepDays),
): Date {
  const latestExpiry = startedAt.getTime() + slackHours * hourMs + keepDays * dayMs;
  return new Date(Math.ceil(latestExpiry / 1000) * 1000);
}

/** Lock date of a pack whose lease has to be moved: at least the run's date. */
export type LockDateOf = (pack: Pick<PackRow, 'packId' | 'kind'>) => Date;

/**
 * Locks to the end of the generation that contains the run's date. A pack of chunks has generations of its own, so that
 * every day a few of them are looked at. The page packs of a resource share theirs, as looking at them means reading
 * all inner pages.
 */
export function lockDates(
  leaseUntil: Date,
  { generationDays }: Pick<LeasePolicy, 'generationDays'>,
  resourceKey: ResourceKey,
): LockDateOf {
  return ({ packId, kind }) =>
    generationEnd(leaseUntil, kind === 'pages' ? resourceKey : packId, generationDays);
}

/**
 * Lock date of the vault's keys: some days later than any pack's of the run, so that daily runs do not move it daily.
 */
export function keysUntil(
  leaseUntil: Date,
  { generationDays }: Pick<LeasePolicy, 'generationDays'>,
): { readonly needed: Date; readonly until: Date } {
  const needed = leaseUntil.getTime() + generationDays * dayMs;
  return { needed: new Date(needed), until: new Date(needed + safety.keysAheadDays * dayMs) };
}
