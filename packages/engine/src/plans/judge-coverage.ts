import type { ResourceArn } from '../ids.ts';
import { ResourceKind } from '../model/resource-kind.ts';
import type { InventoryItem } from '../ports/inventory.ts';
import { type ResourceStanding, standings as order } from './judge-resource.ts';

/**
 * `backed-up`: a plan has it, and its standing says how well; `no-plan`: nothing backs it up; `unsupported`: nothing here
 * can; `empty`: it has no plan and no data.
 */
type Coverage = 'backed-up' | 'no-plan' | 'unsupported' | 'empty';

export interface CoveredItem {
  readonly item: InventoryItem;
  readonly coverage: Coverage;
  /** Absent without a plan. */
  readonly standing?: ResourceStanding['standing'];
  /** Reason for people, where there is something to do. */
  readonly reason?: string;
}

/**
 * Judges what of an account is backed up. Of an instance without a plan it counts when all its volumes have one.
 * @param own - what belongs to the deployment itself, and is left out.
 */
export function judgeCoverage(
  items: readonly InventoryItem[],
  standings: readonly ResourceStanding[],
  own: ReadonlySet<ResourceArn>,
): readonly CoveredItem[] {
  const byArn = new Map(standings.map((standing) => [standing.resource.arn, standing]));
  return items.filter(({ arn }) => !own.has(arn)).map((item) => judgeItem(item, byArn));
}

function judgeItem(item: InventoryItem, byArn: ReadonlyMap<ResourceArn, ResourceStanding>): CoveredItem {
  const { arn, kind, bytes, consistsOf = [] } = item;
  const standing = byArn.get(arn);
  if (standing !== undefined)
    return { item, coverage: 'backed-up', standing: standing.standing, reason: standing.problem };
  const parts = consistsOf.flatMap((part) => byArn.get(part) ?? []);
  if (parts.length > 0 && parts.length === consistsOf.length) {
    const worst = order.findLast((one) => parts.some((part) => part.standing === one));
    return { item, coverage: 'backed-up', standing: worst, reason: 'by its volumes' };
  }
  if (!ResourceKind.safeParse(kind).success)
    return { item, coverage: 'unsupported', reason: 'this version cannot back it up' };
  if (bytes === 0) return { item, coverage: 'empty' };
  const reason =
    parts.length === 0
      ? 'it has no plan'
      : `${consistsOf.length - parts.length} of ${consistsOf.length} volumes have no plan`;
  return { item, coverage: 'no-plan', reason };
}
