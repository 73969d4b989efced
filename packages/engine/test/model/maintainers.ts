import { expirePoint, expirePoints } from '../../src/maintenance/expire-points.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { reconcilePoints } from '../../src/maintenance/reconcile-points.ts';
import { sweepPack, sweepPacks, type SweepServices } from '../../src/maintenance/sweep-packs.ts';
import { renewResource } from '../../src/maintenance/renew-leases.ts';
import { reconcileHolds } from '../../src/holds/reconcile-holds.ts';
import type { ResourceArn } from '../../src/ids.ts';
import { defaultImageSettings } from '../../src/model/image-settings.ts';
import type { Plans } from '../../src/model/plan.ts';
import { RetentionRules } from '../../src/model/retention-rules.ts';
import { rebuildCatalog } from '../../src/rebuild/rebuild-catalog.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { AllServices } from '../../src/services.ts';
import type { Program } from './live-actor.ts';

const hourMs = 3_600_000;
/** The sweeper's own default. */
const graceHours = 24;

/** One pass over the points that are due, one after the other. */
export const expireOnce: Program = async ({ store, catalog }) => {
  const now = await store.now();
  for await (const point of catalog.points.listExpiring({ to: now }))
    await expirePoint({ store, catalog }, point, now);
  return 'expired';
};

/** One pass over the packs that are due, one after the other. */
export const sweepOnce: Program = async (services, keys) => {
  const dueBefore = new Date((await services.store.now()).getTime() - graceHours * hourMs);
  for await (const { packId } of services.catalog.packs.listDue(dueBefore))
    await sweepPack(sweepServicesOf(services, keys), packId, dueBefore);
  return 'swept';
};

/** The daily passes of the product, several items at a time. */
export const maintainOnce: Program = async (services, keys) => {
  await reconcilePoints(services, keys);
  await expirePoints(services);
  await sweepPacks(sweepServicesOf(services, keys));
  return 'maintained';
};

/** Rules of the plans in random walks: the resource's own days, and never fewer than two points. */
function plansOf(resources: readonly ResourceArn[]): Plans {
  return resources.map((_, at) => ({
    name: `keep-${2 + at * 4}`,
    schedules: {},
    retention: RetentionRules.parse({ keepDays: 2 + at * 4, minimumPoints: 2 }),
    rpoHours: 48,
    readTags: true,
    prefixes: [],
    compression: 'default',
    images: defaultImageSettings,
    shard: { files: 10_000, bytes: 2 ** 30 },
  }));
}

/** All daily steps of the product, in its order. */
export async function maintainDaily(
  services: AllServices,
  keys: VaultKeys,
  resources: readonly ResourceArn[],
): Promise<string> {
  await reconcilePoints(services, keys);
  await reconcileHolds(services, keys);
  const plans = plansOf(resources);
  for (const arn of resources) await renewResource({ ...services, plans }, keys, arn);
  await expirePoints(services);
  await sweepPacks(sweepServicesOf(services, keys));
  return 'maintained';
}

/** Everything that the vault says, written into tables that have lost it. */
export const rebuild: Program = async (services, keys) => {
  const { failures } = await rebuildCatalog(services, keys);
  return failures.count === 0 ? 'rebuilt' : failures.messages.join();
};

/** Tables that are lost while others are at work, and rebuilt. */
export const loseAndRebuild: Program = async (services, keys) => {
  await (services.catalog as unknown as { readonly tables: { lose(): Promise<void> } }).tables.lose();
  return rebuild(services, keys);
};

/** What sweeping works with. */
function sweepServicesOf({ store, catalog, index }: AllServices, keys: VaultKeys): SweepServices {
  return { store, catalog, index, listChunkIds: createChunkIdReader(store, keys) };
}
