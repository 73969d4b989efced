import { LeaseTooShortError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { pointRowOf, warningsInRoot, type PointWarning, type Root } from '../points/root.ts';
import { findRootOfRun, putRoot, type StoredRoot } from '../points/root-store.ts';
import type { RunRow } from '../ports/catalog.ts';
import type { WriteServices } from '../services.ts';
import { aliveUntil } from './open-run.ts';
import type { RunPlan } from './run-plan.ts';

const dayMs = 86_400_000;

/** What the new point consists of. */
export interface PointContent {
  readonly counts: Root['counts'];
  readonly warnings: readonly PointWarning[];
  readonly manifest?: string;
  readonly packMap?: string;
  readonly pagePacks: Root['pagePacks'];
  readonly pagePacksCounted: number;
  readonly container?: Root['container'];
  readonly image?: Root['image'];
  /** The smallest lock that the store has confirmed among all objects that the point uses; absent if it uses none. */
  readonly lockedUntil?: Date;
}

/** A committed point. */
export interface CommittedPoint {
  readonly root: Root;
  readonly state: Extract<RunRow['state'], 'completed' | 'completed-with-warnings'>;
}

/**
 * Commits a run: writes the root, the single commit point, then the catalog's row from the root as read back, then
 * closes the run. A crash anywhere is mended by calling it again: a root of this run that is there already is taken up.
 *
 * @param makeContent - writes and gathers what the point consists of; not called when the root is there already.
 * @throws {@link RunClosedError} the run was cancelled or lost its resource; nothing was committed.
 * @throws {@link LeaseTooShortError} the run took so long that its leases do not cover the retention.
 */
export async function commitPoint(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  makeContent: () => Promise<PointContent>,
): Promise<CommittedPoint> {
  const { store, catalog, clock } = services;
  const committed = await findRootOfRun(store, keys, plan.resourceArn, plan.sourceTime, plan.runId);
  if (committed === undefined) await catalog.touchRun(plan.runId, aliveUntil(clock.now()));
  const stored = committed ?? (await writeRoot(services, keys, plan, await makeContent()));
  const { root } = stored;
  await catalog.putPoint(pointRowOf(root, stored));
  const state = root.warnings > 0 ? 'completed-with-warnings' : 'completed';
  await catalog.closeRun(plan.runId, { state, endedAt: await store.now(), pointId: root.point });
  return { root, state };
}

async function writeRoot(services: WriteServices, keys: VaultKeys, plan: RunPlan, content: PointContent): Promise<StoredRoot> {
  const { store, catalog, random, clock } = services;
  const now = await store.now();
  const wanted = new Date(Math.floor(now.getTime() / 1000) * 1000 + plan.keepDays * dayMs);
  const expiresAt = earlier(wanted, content.lockedUntil ?? plan.leaseUntil);
  if (expiresAt < wanted) {
    throw new LeaseTooShortError(
      `run ${plan.runId} leased what it uses until ${expiresAt.toISOString()}, and its retention of ${plan.keepDays} days ` +
        `ends ${wanted.toISOString()}: it took too long; run it again`,
    );
  }
  // The last look before the point becomes visible: a run that lost its resource must not commit.
  await catalog.touchRun(plan.runId, aliveUntil(clock.now()));
  return putRoot(
    { store, keys, random, clock, lock: { mode: plan.lockMode, until: expiresAt } },
    plan.resourceArn,
    plan.sourceTime,
    (pointId) => ({
      formatVersion: 1,
      tool: 'holdfast 0.1.0',
      vault: keys.vaultId,
      point: pointId,
      resource: plan.resourceArn,
      resourceKind: plan.resourceKind,
      plan: plan.plan,
      type: plan.type,
      ...(plan.base !== undefined && { base: plan.base.pointId }),
      chain: plan.chainPointId ?? pointId,
      run: plan.runId,
      sourceTime: plan.sourceTime.toISOString(),
      committedAt: now.toISOString(),
      expiresAt: expiresAt.toISOString(),
      retentionClass: plan.retentionClass,
      counts: content.counts,
      warnings: content.warnings.length,
      warningList: content.warnings.slice(0, warningsInRoot),
      seconds: Math.max(0, (now.getTime() - plan.startedAt.getTime()) / 1000),
      ...(content.manifest !== undefined && { manifest: content.manifest }),
      ...(content.packMap !== undefined && { packMap: content.packMap }),
      pagePacks: [...content.pagePacks],
      pagePacksCounted: content.pagePacksCounted,
      ...(content.container !== undefined && { container: content.container }),
      ...(content.image !== undefined && { image: content.image }),
      ...(plan.previous !== undefined && { previous: plan.previous }),
      options: { readTags: plan.readTags },
    }),
  );
}

function earlier(a: Date, b: Date): Date {
  return a < b ? a : b;
}
