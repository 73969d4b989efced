import { isDamage } from '../errors.ts';
import type { ResourceArn } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { readRoot, type StoredRoot } from '../points/root-store.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import type { RunServices } from '../services.ts';
import { newestPoints } from './choose-base.ts';
import type { LeasePolicy } from './generation.ts';
import { leaseBase, listMostlyDeadPacks, type LeasedBase } from './lease-base.ts';
import type { LookOptions } from './lease-pack-map.ts';
import type { RunPlan } from './run-plan.ts';

/** A base that a run can build on, or why it cannot. */
export interface OpenedBase {
  readonly base?: NonNullable<RunPlan['base']>;
  readonly leases?: Pick<RunPlan, 'unleasedPacks' | 'copiedPacks' | 'rewrittenPagePacks' | 'leases'>;
  /** The base's root, so that nobody reads it twice. */
  readonly stored?: StoredRoot;
  readonly reason?: string;
}

/**
 * Leases a base, or says why a full has to be made instead: a run never fails for what an older point has lost.
 * @returns `unfinished` when another call has to go on.
 */
export async function openBase(
  services: RunServices,
  keys: VaultKeys,
  point: PointRow,
  row: RunRow,
  policy: LeasePolicy,
  options: LookOptions & {
    /** The run copies blocks of an image. @default a base of snapshots is enough */
    readonly blocks?: boolean | undefined;
  },
): Promise<OpenedBase | 'unfinished'> {
  let stored: StoredRoot;
  try {
    stored = await readRoot(services.store, keys, point.resourceArn, point.pointId, point.rootVersionId);
  } catch (error) {
    if (isDamage(error))
      return { reason: `the root of the base ${point.pointId} cannot be read: ${error.message}` };
    throw error;
  }
  const { root } = stored;
  if (root.image !== undefined) {
    if (options.blocks === true && root.manifest === undefined)
      return { reason: `the base ${point.pointId} has snapshots alone, and no blocks in the vault`, stored };
    const needsBlocks = options.blocks === true || row.requestedType === 'synthetic-full';
    if (!needsBlocks || root.manifest === undefined) return { base: baseOf(root), stored };
  }
  let outcome: LeasedBase;
  try {
    outcome = await leaseBase(services, keys, root, row, policy, options);
  } catch (error) {
    if (isDamage(error))
      return { reason: `the base ${point.pointId} cannot be read: ${error.message}`, stored };
    throw error;
  }
  if (outcome.state === 'unfinished') return 'unfinished';
  if (outcome.state === 'lost') return { reason: outcome.reason, stored };
  const { pagePacks, pagePacksCounted } = outcome;
  return { base: { ...baseOf(root), pagePacks, pagePacksCounted }, leases: outcome, stored };
}

/**
 * The resource's newest root that can be read.
 * @param known - one that has been read already.
 */
export async function findPrevious(
  { store, catalog }: RunServices,
  keys: VaultKeys,
  resourceArn: ResourceArn,
  known?: StoredRoot,
): Promise<StoredRoot | undefined> {
  for await (const point of newestPoints(catalog, resourceArn)) {
    if (point.pointId === known?.root.point) return known;
    try {
      return await readRoot(store, keys, resourceArn, point.pointId, point.rootVersionId);
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
  }
  return undefined;
}

/** Finds packs that a run without a base must not share: mostly dead ones of the newest point, if readable. */
export async function findDeadPacks(
  services: RunServices,
  keys: VaultKeys,
  previous: StoredRoot | undefined,
  row: RunRow,
  policy: LeasePolicy,
  options: LookOptions,
): Promise<RunPlan['copiedPacks']> {
  if (previous === undefined) return [];
  try {
    return [...(await listMostlyDeadPacks(services, keys, previous.root, row, policy, options))];
  } catch (error) {
    if (isDamage(error)) return [];
    throw error;
  }
}

function baseOf(root: StoredRoot['root']): NonNullable<RunPlan['base']> {
  return {
    pointId: root.point,
    manifest: root.manifest,
    packMap: root.packMap,
    pagePacks: root.pagePacks,
    pagePacksCounted: root.pagePacksCounted,
  };
}
