import * as z from 'zod';
import { addCounts } from '../add-counts.ts';
import { safety } from '../model/safety.ts';
import { isDamage } from '../errors.ts';
import { forEachConcurrent } from '../map-concurrent.ts';
import type { PointId, ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { resourceArn } from '../model/machines/ids.ts';
import type { Plans } from '../model/plan.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import type { Catalog, CatalogReader } from '../ports/catalog/catalog.ts';
import { sweepPartitions } from '../ports/catalog/packs.ts';
import { ExpiryPlace, type PointRow } from '../ports/catalog/points.ts';
import type { RetentionReason } from '../retention/plan-retention.ts';
import type { RetentionRules } from '../model/retention-rules.ts';
import { ifThere } from '../if-there.ts';
import { type DecidedRetention, decideRetention } from './decide-retention.ts';
import { planRenewals, type Renewal } from './plan-renewals.ts';
import { prolongPoint, ProlongProgress, type ProlongServices } from './prolong-point.ts';
import {
  addFailures,
  failureOf,
  isOfOneItem,
  noFailures,
  type StepFailures,
  type StepOptions,
} from './work-through.ts';
import { dayMs } from '../model/time.ts';

const rootsAtOnce = 16;
/** Points that are listed between two looks at the time. */
const pointsBetweenLooks = 1_000;

export interface RenewServices extends ProlongServices {
  readonly catalog: Pick<Catalog, 'resources' | 'points' | 'packs'>;
  readonly plans: Plans;
  /** Told of every point that was prolonged. Repeatable. @default nobody */
  readonly onProlonged?: (
    point: PointRow,
    expiresAt: Date,
    reasons: readonly RetentionReason[],
  ) => Promise<void>;
}

export interface RenewReport {
  readonly renewed: number;
  readonly packs: number;
  /** Roots whose lock had stayed behind the catalog, because somebody died between the two. */
  readonly rootsLocked: number;
  /** Points whose retention had ended and of which packs have been swept: they expire. */
  readonly tooLate: number;
  readonly lostPacks: number;
  /** Points whose root or pages cannot be read, so that nobody can say which packs they need. They stay as they are. */
  readonly unreadable: StepFailures;
  /** Points that stay as they are because their plan is not deployed. */
  readonly withoutPlan: number;
  readonly failures: StepFailures;
}

/** The place at which a call goes on: a point, perhaps behind some of its packs. Plain JSON. */
export const RenewState = z.object({
  pointId: z.string().transform((text) => text as PointId),
  progress: ProlongProgress.optional(),
});
export type RenewState = z.infer<typeof RenewState>;

export const noRenewals: RenewReport = {
  renewed: 0,
  packs: 0,
  rootsLocked: 0,
  tooLate: 0,
  lostPacks: 0,
  unreadable: noFailures,
  withoutPlan: 0,
  failures: noFailures,
};

export function addRenewals(a: RenewReport, b: RenewReport): RenewReport {
  return {
    ...addCounts(a, b),
    unreadable: addFailures(a.unreadable, b.unreadable),
    failures: addFailures(a.failures, b.failures),
  };
}

/** Resources that were found so far, in the points that expire soon, then in the held ones. Plain JSON. */
export const ToRenew = z.object({
  arns: z.array(resourceArn),
  /** The last point that was listed of those that expire soon. */
  expiryAfter: ExpiryPlace.optional(),
  /** The last held point that was listed. */
  heldAfter: z
    .string()
    .transform((text) => text as PointId)
    .optional(),
});
export type ToRenew = z.infer<typeof ToRenew>;

/**
 * Resources that may have a point to prolong, divided into {@link sweepPartitions} lists by their keys: those with a
 * point that expires soon, and those with a held one. Resources that are no longer known as such are among them.
 * Memory: an ARN for each resource.
 * @param now - the store's clock, the same in all calls.
 * @param options.state - what an earlier call returned.
 * @param options.pointsAtOnce - a call looks at no fewer points, however little time it has.
 */
export async function listResourcesToRenew(
  catalog: Pick<CatalogReader, 'points'>,
  now: Date,
  {
    shouldStop = () => false,
    state,
    pointsAtOnce = pointsBetweenLooks,
  }: StepOptions & { readonly state?: ToRenew | undefined; readonly pointsAtOnce?: number } = {},
): Promise<
  | { readonly done: false; readonly state: ToRenew }
  | { readonly done: true; readonly lists: readonly (readonly ResourceArn[])[] }
> {
  const arns = new Set(state?.arns);
  let points = 0;
  const isTimeUp = (): boolean => (points += 1) % pointsAtOnce === 0 && shouldStop();
  if (state?.heldAfter === undefined) {
    const to = new Date(now.getTime() + safety.renewalMarginDays.most * dayMs);
    for await (const { pointId, expiresAt, resourceArn: arn } of catalog.points.listExpiring(
      { to },
      state?.expiryAfter,
    )) {
      arns.add(arn);
      if (isTimeUp()) return { done: false, state: { arns: [...arns], expiryAfter: { pointId, expiresAt } } };
    }
  }
  for await (const { pointId, resourceArn: arn } of catalog.points.listHeld(state?.heldAfter)) {
    arns.add(arn);
    if (isTimeUp()) return { done: false, state: { arns: [...arns], heldAfter: pointId } };
  }
  const lists = Array.from({ length: sweepPartitions }, (): ResourceArn[] => []);
  for (const arn of [...arns].sort()) lists[Number.parseInt(resourceKeyOf(arn).slice(0, 1), 16)]?.push(arn);
  return { done: true, lists };
}

/**
 * Keeps the points of one resource that its plan's rules or a hold keep for longer than their present expiry: prolongs
 * those that would expire within a generation. Goes by the plan of the resource, or of its newest point; where neither
 * is deployed, only held points are kept. What is wrong with one point, or with the resource as a whole, is an answer
 * and stops no other. Safe to run any number of times at once.
 * @returns with `state`, when the time was up: call again with it.
 */
export async function renewResource(
  services: RenewServices,
  keys: VaultKeys,
  arn: ResourceArn,
  options: StepOptions & { readonly state?: RenewState } = {},
): Promise<{ readonly report: RenewReport; readonly state?: RenewState }> {
  const { store, catalog, plans } = services;
  const now = await store.now();
  let decided: DecidedRetention;
  try {
    decided = await decideRetention(catalog, plans, arn, now);
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    return { report: { ...noRenewals, failures: failureOf(arn, error) } };
  }
  const { rules, decisions, withoutPlan } = decided;
  let report: RenewReport = { ...noRenewals, withoutPlan };
  const renewals = planRenewals(decisions, rules, resourceKeyOf(arn), now);
  const goesOnAt = renewals.findIndex(({ point }) => point.pointId === options.state?.pointId);
  for (const [at, renewal] of renewals.slice(Math.max(0, goesOnAt)).entries()) {
    // One a call at least, or those that fail every time would be all that is ever tried.
    if (at > 0 && options.shouldStop?.() === true)
      return { report, state: { pointId: renewal.point.pointId } };
    const done = await attempt(renewal.point, async () => renew(services, keys, renewal, options));
    report = addRenewals(report, { ...noRenewals, ...done.report });
    if (done.state !== undefined) return { report, state: done.state };
  }
  const renewed = new Set(renewals.map(({ point }) => point.pointId));
  const others = decisions.filter(({ point }) => !renewed.has(point.pointId) && mayLag(point, rules));
  await forEachConcurrent(others, rootsAtOnce, async ({ point }) => {
    const done = await attempt(point, async () => ({ report: await lockRoot(services, point) }));
    report = addRenewals(report, { ...noRenewals, ...done.report });
  });
  return { report };
}

interface Attempt {
  readonly report: Partial<RenewReport>;
  readonly state?: RenewState;
}

async function attempt({ pointId }: PointRow, work: () => Promise<Attempt>): Promise<Attempt> {
  try {
    return await work();
  } catch (error) {
    if (!isOfOneItem(error)) throw error;
    const one = failureOf(`point ${pointId}`, error);
    return { report: isDamage(error) ? { unreadable: one } : { failures: one } };
  }
}

async function renew(
  services: RenewServices,
  keys: VaultKeys,
  renewal: Renewal,
  { state, ...options }: StepOptions & { readonly state?: RenewState },
): Promise<Attempt> {
  const { point, expiresAt, reasons } = renewal;
  const progress = state?.pointId === point.pointId ? state.progress : undefined;
  const outcome = await prolongPoint(services, keys, point, renewal, { ...options, progress });
  switch (outcome.state) {
    case 'prolonged':
      await services.onProlonged?.(point, expiresAt, reasons);
      return { report: { renewed: 1, packs: outcome.packs, lostPacks: outcome.lost.count } };
    case 'unfinished':
      return {
        report: { lostPacks: outcome.lost.count },
        state: { pointId: point.pointId, progress: outcome.progress },
      };
    case 'too-late':
      return { report: { tooLate: 1, lostPacks: outcome.lost.count } };
    case 'gone':
      return { report: {} };
  }
}

/**
 * True for a point whose expiry is not what its commit promised, so that its root's lock has been moved, or was to be.
 * A point that was made under other rules looks the same: that costs a request.
 */
function mayLag({ committedAt, expiresAt }: PointRow, { keepDays }: RetentionRules): boolean {
  return Math.abs(expiresAt.getTime() - committedAt.getTime() - keepDays * dayMs) > 1_000;
}

/** The lock of a root comes last when a point is prolonged; whoever died before that left it behind. */
async function lockRoot(
  { store, lockMode }: RenewServices,
  { rootName, rootVersionId, expiresAt }: PointRow,
): Promise<Partial<RenewReport>> {
  const state = await ifThere(store.head(rootName, { versionId: rootVersionId }));
  if (state === undefined || (state.lock !== undefined && state.lock.until >= expiresAt)) return {};
  const lock = { mode: lockMode, until: expiresAt };
  return (await ifThere(store.extendLock(rootName, rootVersionId, lock))) === undefined
    ? {}
    : { rootsLocked: 1 };
}
