import type { HoldId } from '../../src/ids.ts';
import { applyHold } from '../../src/holds/apply-hold.ts';
import { releaseHold, releasePoints } from '../../src/holds/release-hold.ts';
import { setHold } from '../../src/holds/set-hold.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import { objectNameOf } from '../../src/packs/object-names.ts';
import type { PackRow } from '../../src/ports/catalog/packs.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import type { AllServices } from '../../src/services.ts';
import type { Program } from './live-actor.ts';

/** Sets a legal hold on a point, as the product does. */
export async function holdPoint(
  services: AllServices,
  keys: VaultKeys,
  { pointId }: PointRow,
  holdId: HoldId,
): Promise<void> {
  const scope = { kind: 'point', pointId } as const;
  const hold = await setHold(services, { holdId, scope, setBy: 'somebody', reason: 'a case' });
  await applyHold(services, keys, hold);
}

/** Lets go of what {@link holdPoint} holds, as the product does. */
export async function letGo(services: AllServices, keys: VaultKeys, holdId: HoldId): Promise<void> {
  await releaseHold(services, { holdId, releasedBy: 'somebody', reason: 'the case is closed' });
  await releasePoints(services, keys, new Set([holdId]));
}

/** A hold that is set, and released at some time. */
export function holdForAWhile(point: PointRow, holdId: HoldId): Program {
  return async (services, keys) => {
    await holdPoint(services, keys, point, holdId);
    await letGo(services, keys, holdId);
    return 'released';
  };
}

/** Rule 9 taken away: a hold keeps packs by the store's flag, and not by leases. */
export async function flagAll(
  { store, catalog }: AllServices,
  point: PointRow,
  packs: readonly PackRow[],
  holdId: HoldId,
  on: boolean,
): Promise<void> {
  if (on) await catalog.points.addHold(point.pointId, holdId);
  else await catalog.points.removeHold(point.pointId, holdId);
  await store.setLegalHold(point.rootName, point.rootVersionId, on);
  for (const pack of packs) await store.setLegalHold(objectNameOf(pack), pack.versionId as string, on);
}
