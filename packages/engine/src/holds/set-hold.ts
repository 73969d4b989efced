import { AuditLog, type AuditLogOptions } from '../audit/audit-log.ts';
import { vaultChain } from '../audit/audit-entry.ts';
import { InvalidInputError } from '../errors.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { HoldRow } from '../ports/catalog/holds.ts';
import type { HoldScope } from '../model/machines/hold.ts';
import { checkCovers, isSameScope } from './hold-scope.ts';

export interface HoldServices extends AuditLogOptions {
  readonly catalog: Pick<Catalog, 'resources' | 'points' | 'packs' | 'holds'>;
}

/** The id is chosen by the caller, so that a repeated request is one hold. */
type NewHold = Pick<HoldRow, 'holdId' | 'scope' | 'setBy' | 'reason'>;

/**
 * Records a legal hold, in the catalog and on the audit log. `applyHold` then takes it to the points; maintenance does
 * so every day, for points that are still to come. Repeatable.
 * @throws {@link UnknownNameError} it would keep nothing, now or later.
 * @throws {@link InvalidInputError} no reason was given, or the id is that of another hold.
 */
export async function setHold(services: HoldServices, request: NewHold): Promise<HoldRow> {
  const { catalog, store } = services;
  const { holdId, scope, setBy, reason } = request;
  if (reason.trim() === '')
    throw new InvalidInputError(
      'a legal hold needs a reason; say why, for whoever has to decide about its release',
    );
  const known = await catalog.holds.find(holdId);
  if (known !== undefined && !isSameScope(known.scope, scope))
    throw new InvalidInputError(`hold ${holdId} exists already and holds something else; choose another id`);
  if (known === undefined) await checkCovers(catalog, scope);
  const hold: HoldRow = known ?? { holdId, scope, setBy, reason, setAt: await store.now() };
  // The row first: a hold without an entry in the log still holds.
  if (known === undefined) await catalog.holds.put(hold);
  await new AuditLog(services).append({
    chain: await chainOf(catalog, scope),
    id: `hold-set ${holdId}`,
    by: hold.setBy,
    event: { kind: 'hold-set', hold: holdId, scope: { ...scope }, reason: hold.reason },
  });
  return hold;
}

export async function chainOf(catalog: Pick<Catalog, 'points'>, scope: HoldScope): Promise<string> {
  if (scope.kind === 'resource') return scope.resourceArn;
  if (scope.kind === 'tag') return vaultChain;
  return (await catalog.points.find(scope.pointId))?.resourceArn ?? vaultChain;
}
