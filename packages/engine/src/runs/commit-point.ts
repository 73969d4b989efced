import { productVersion } from '../model/product-version.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { RunClosedError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { defaultRetryPolicy, retryUnavailable } from '../packs/retry.ts';
import { pointRowOf, warningsInRoot, type Root } from '../points/root.ts';
import { findRoot, putRoot, type StoredRoot } from '../points/root-store.ts';
import { isDegraded } from '../points/unread.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import type { RunServices } from '../services.ts';
import { extendLeases, findExtension, startExtension } from './extend-leases.ts';
import type { LookOptions } from './lease-pack-map.ts';
import { aliveUntil } from './open-run.ts';
import type { PointContent } from './point-content.ts';
import { runPrefix, type RunPlan } from './run-plan.ts';
import { dayMs } from '../model/time.ts';
import { NameMarks } from '../signs/name-marks.ts';
import { findJson, putJson } from '../work-json.ts';
import type { RunId } from '../ids.ts';

/** The content, under locks that last until the expiry. */
interface LeasedContent {
  readonly content: PointContent;
  readonly now: Date;
  readonly expiresAt: Date;
}

export interface CommittedPoint {
  readonly root: Root;
  readonly state: Extract<RunRow['state'], 'completed' | 'completed-with-warnings' | 'degraded'>;
}

export interface CommitOptions extends LookOptions {
  /**
   * Adds what may be nowhere but in the sealed root, just before that is written: content by itself can be written down
   * between two calls.
   */
  readonly seal?: (content: PointContent) => Promise<PointContent>;
}

/** Commits a run in one go; see {@link commitPointInParts}. */
export async function commitPoint(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  makeContent: () => Promise<PointContent>,
  options: CommitOptions = {},
): Promise<CommittedPoint> {
  for (;;) {
    const committed = await commitPointInParts(services, keys, plan, makeContent, options);
    if (committed.state !== 'unfinished') return committed;
  }
}

/**
 * Commits a run: writes the root, the single commit point, then the catalog's row from the root as read back, then the
 * entry in the audit log, then closes the run. A crash anywhere is mended by calling it again: it continues with a root
 * of this run that is there already. Takes any number of calls: as many as it takes to make the content, and to lease
 * anew what it consists of if the run took longer than its slack.
 *
 * @param makeContent - writes and gathers the point's content, or a part of it; not called when the root is there
 * already, nor while the content is being leased anew.
 * @returns `unfinished` when another call has to go on.
 * @throws {@link RunClosedError} the run was cancelled or lost its resource; nothing was committed.
 * @throws {@link LeaseTooShortError} the run took so long that its leases do not cover the retention, and something
 * that it uses cannot be leased any more.
 */
export async function commitPointInParts(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  makeContent: () => Promise<PointContent | 'unfinished'>,
  options: CommitOptions,
): Promise<CommittedPoint | { readonly state: 'unfinished' }> {
  const { store, catalog } = services;
  const committed = await findRoot(store, keys, plan.resourceArn, plan.pointId);
  const stored = committed ?? (await makeAndWrite(services, keys, plan, makeContent, options));
  if (stored === 'unfinished') return { state: 'unfinished' };
  const { root } = stored;
  const state = isDegraded(root) ? 'degraded' : root.warnings > 0 ? 'completed-with-warnings' : 'completed';
  // The point exists: giving up here would report a failure of what has succeeded.
  const record = async (): Promise<void> => {
    const marks = await findJson(services.work, marksName(plan.runId), NameMarks);
    await catalog.points.put({ ...pointRowOf(root, stored), ...(marks && { marks }) });
    await recordCommit(services, stored);
    await catalog.runs.close(plan.runId, { state, endedAt: await store.now(), pointId: root.point });
  };
  await retryUnavailable(record, services, defaultRetryPolicy);
  return { root, state };
}

function marksName(runId: RunId): string {
  return `${runPrefix(runId)}marks.json`;
}

async function recordCommit(services: RunServices, { root, sha256 }: StoredRoot): Promise<void> {
  const { point, run, type, plan, expiresAt, resource } = root;
  await new AuditLog(services).append({
    chain: resource,
    id: `commit ${point}`,
    by: `run ${run}`,
    event: { kind: 'commit', point, run, type, plan, rootSha256: sha256, expiresAt },
  });
}

async function makeAndWrite(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  makeContent: () => Promise<PointContent | 'unfinished'>,
  options: CommitOptions,
): Promise<StoredRoot | 'unfinished'> {
  const { store, catalog, clock } = services;
  try {
    await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
    const leased = await makeAndLease(services, keys, plan, makeContent, options);
    if (leased === 'unfinished') return leased;
    const content = (await options.seal?.(leased.content)) ?? leased.content;
    // The root has no place for them, and whoever mends a crash finds the root alone.
    if (content.marks !== undefined) await putJson(services.work, marksName(plan.runId), content.marks);
    return await writeRoot(services, keys, plan, { ...leased, content });
  } catch (error) {
    // Another attempt at this commit may have been faster, and has closed the run.
    const stored =
      error instanceof RunClosedError && (await findRoot(store, keys, plan.resourceArn, plan.pointId));
    if (stored) return stored;
    throw error;
  }
}

/**
 * Makes the content, under locks that last for the retention, counted from now: a run that stalled has to extend them
 * first.
 */
async function makeAndLease(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  makeContent: () => Promise<PointContent | 'unfinished'>,
  options: LookOptions,
): Promise<LeasedContent | 'unfinished'> {
  let extension = await findExtension(services.work, plan.runId);
  for (;;) {
    const content =
      extension === undefined
        ? await makeContent()
        : await extendLeases(services, keys, plan, extension, options);
    if (content === 'unfinished') return 'unfinished';
    const now = await services.store.now();
    const expiresAt = new Date(Math.ceil((now.getTime() + plan.keepDays * dayMs) / 1000) * 1000);
    if (expiresAt <= (content.lockedUntil ?? plan.leaseUntil)) return { content, now, expiresAt };
    extension = await startExtension(services, plan, content, now);
  }
}

async function writeRoot(
  services: RunServices,
  keys: VaultKeys,
  plan: RunPlan,
  { content, now, expiresAt }: LeasedContent,
): Promise<StoredRoot> {
  const { store, catalog, random, clock } = services;
  // The last look before the point becomes visible: a run that lost its resource must not commit.
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  const lock = { mode: plan.lockMode, until: expiresAt } as const;
  return putRoot(
    { store, keys, random, clock, lock },
    {
      formatVersion: 1,
      tool: `holdfast ${productVersion}`,
      vault: keys.vaultId,
      point: plan.pointId,
      resource: plan.resourceArn,
      resourceKind: plan.resourceKind,
      plan: plan.plan,
      type: plan.type,
      ...(plan.base !== undefined && { base: plan.base.pointId }),
      chain: plan.chainPointId ?? plan.pointId,
      run: plan.runId,
      sourceTime: plan.sourceTime.toISOString(),
      committedAt: now.toISOString(),
      expiresAt: expiresAt.toISOString(),
      retentionClass: plan.retentionClass,
      counts: content.counts,
      warnings: content.warningCount ?? content.warnings.length,
      warningList: content.warnings.slice(0, warningsInRoot),
      unread: content.unread,
      seconds: Math.max(0, (now.getTime() - plan.startedAt.getTime()) / 1000),
      manifest: content.manifest,
      packMap: content.packMap,
      pagePacks: [...content.pagePacks],
      pagePacksCounted: content.pagePacksCounted,
      container: content.container,
      image: content.image,
      previous: plan.previous,
      options: { readTags: plan.readTags },
    },
  );
}
