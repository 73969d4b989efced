import { AuditLog } from '../audit/audit-log.ts';
import { InvalidInputError, isDamage, UnknownNameError } from '../errors.ts';
import type { HoldId, PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { workThrough, type StepFailures, type StepOptions } from '../maintenance/work-through.ts';
import { readRoot } from '../points/root-store.ts';
import type { HoldRow } from '../ports/catalog/holds.ts';
import { endOfTime } from '../ports/catalog/packs.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import { chainOf, type HoldServices } from './set-hold.ts';

const pointsAtOnce = 8;

export interface ReleaseRequest {
  readonly holdId: HoldId;
  readonly releasedBy: string;
  readonly reason: string;
}

/**
 * Records that a hold is over, in the catalog and on the audit log; `releasePoints` then takes it from the points.
 * Repeatable: the first release counts.
 * @throws {@link UnknownNameError} there is no such hold.
 * @throws {@link InvalidInputError} no reason was given.
 */
export async function releaseHold(services: HoldServices, request: ReleaseRequest): Promise<HoldRow> {
  const { catalog, store } = services;
  const { holdId, releasedBy, reason } = request;
  if (reason.trim() === '')
    throw new InvalidInputError(
      'releasing a legal hold needs a reason; say who decided that nobody needs it any more',
    );
  const hold = await catalog.holds.find(holdId);
  if (hold === undefined)
    throw new UnknownNameError(`hold ${holdId} does not exist; "holdfast hold list" names those that do`);
  const released: HoldRow =
    hold.releasedAt === undefined
      ? { ...hold, releasedAt: await store.now(), releasedBy, releaseReason: reason }
      : hold;
  // The log first: nothing is let go of without a trace.
  await new AuditLog(services).append({
    chain: await chainOf(catalog, hold.scope),
    id: `hold-released ${holdId}`,
    by: released.releasedBy ?? releasedBy,
    event: { kind: 'hold-released', hold: holdId, reason: released.releaseReason ?? reason },
  });
  if (hold.releasedAt === undefined) await catalog.holds.put(released);
  return released;
}

/**
 * Takes released holds out of the sets of all points and containers that have them. The store's flags stay on: only the
 * expirer and the sweeper switch them off, when nobody holds what they are about to remove. Repeatable.
 * Costs a look at every held point, and one read for each container that is let go of.
 * @returns `released`, the number of points that at least one hold let go of.
 */
export async function releasePoints(
  { catalog, store }: Pick<HoldServices, 'catalog' | 'store'>,
  keys: VaultKeys,
  holdIds: ReadonlySet<HoldId>,
  options: StepOptions = {},
): Promise<{ readonly released: number; readonly failures: StepFailures; readonly done: boolean }> {
  let released = 0;
  const releasedOf = ({ holds = [] }: PointRow): readonly HoldId[] =>
    holds.filter((holdId) => holdIds.has(holdId));
  const release = async (point: PointRow): Promise<void> => {
    // The containers first: the point's own set is how a repetition finds what is left to do.
    const containers = await containersOf({ catalog, store }, keys, point);
    for (const holdId of releasedOf(point)) {
      for (const pack of containers) await catalog.packs.removeHold(pack, holdId);
      await catalog.points.removeHold(point.pointId, holdId);
    }
    released += 1;
  };
  const held = async function* (): AsyncGenerator<PointRow> {
    for await (const point of catalog.points.listHeld()) if (releasedOf(point).length > 0) yield point;
  };
  const worked = await workThrough(
    { items: held(), atOnce: pointsAtOnce, nameOf: ({ pointId }) => `point ${pointId}`, work: release },
    options,
  );
  return { released, ...worked };
}

/**
 * Finds the containers to release with a point: its own. Where the root cannot name it any more, these are all
 * containers of the vault, as the hold is over for every one of them.
 */
async function containersOf(
  { catalog, store }: Pick<HoldServices, 'catalog' | 'store'>,
  keys: VaultKeys,
  { resourceArn, pointId, rootVersionId, type }: PointRow,
): Promise<readonly PackId[]> {
  if (type !== 'synthetic-full') return [];
  try {
    const { root } = await readRoot(store, keys, resourceArn, pointId, rootVersionId);
    return root.container === undefined ? [] : [root.container.pack];
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const containers: PackId[] = [];
  for await (const { packId, kind, holds } of catalog.packs.listDue(endOfTime))
    if (kind === 'container' && holds !== undefined) containers.push(packId);
  return containers;
}
