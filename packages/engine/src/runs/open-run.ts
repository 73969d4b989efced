import { ObjectNotFoundError } from '../errors.ts';
import type { ResourceArn, RunId } from '../ids.ts';
import { initialiseVault } from '../keys/open-vault.ts';
import { ensureVaultLocks } from '../keys/vault-locks.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { newPointId, resourceKeyOf } from '../points/point-id.ts';
import { readRoot, type StoredRoot } from '../points/root-store.ts';
import type { BackupType, PointRow, ResourceRow, RunRow } from '../ports/catalog.ts';
import type { WriteServices } from '../services.ts';
import { chooseBase, newestPoints, type BaseChoice } from './choose-base.ts';
import { leaseUntilFor } from './generation.ts';
import { leaseBase } from './lease-base.ts';
import { getRunPlan, settleRunPlan, type RunPlan } from './run-plan.ts';

/** How long a run counts as alive after its last sign of life: longer than any worker may take. */
const aliveMinutes = 30;

/** A time stamp of a source may stand still for this long while the content changes again. Milliseconds. */
const settleMs = 3_000;

/** What somebody asked for. */
export interface RunRequest {
  /** Chosen by the caller, the same in every repetition of one request. */
  readonly runId: RunId;
  readonly resourceArn: ResourceArn;
  readonly resourceKind: ResourceRow['kind'];
  readonly plan: string;
  readonly type: BackupType;
  readonly keepDays: number;
  readonly readTags: boolean;
  /** A full that shares no stored pack with earlier points. @default false */
  readonly isolated?: boolean;
  readonly execution?: string;
  /** The source's clock; see `FileSource.now`. */
  readonly sourceNow: () => Promise<Date>;
}

/** `open`: go on by the plan; `over`: the run ended in an earlier repetition and nothing is left to do. */
export type OpenedRun =
  | { readonly state: 'open'; readonly plan: RunPlan; readonly keys: VaultKeys }
  | { readonly state: 'over'; readonly run: RunRow };

/**
 * Starts a run: makes it the resource's only one, fixes its lease date, chooses its base and leases all that the base
 * consists of, before anything is read. Can be repeated: the decisions of the first time stand.
 * @throws {@link RunOpenError} another run of the resource is at work.
 */
export async function openRun(services: WriteServices, request: RunRequest): Promise<OpenedRun> {
  const { store, catalog, clock, lockMode } = services;
  const now = await store.now();
  const leaseUntil = leaseUntilFor(now, request.keepDays, resourceKeyOf(request.resourceArn));
  const row = await catalog.openRun({
    runId: request.runId,
    resourceArn: request.resourceArn,
    plan: request.plan,
    requestedType: request.type,
    type: request.type,
    leaseUntil,
    startedAt: now,
    aliveUntil: aliveUntil(clock.now()),
    state: 'open',
    ...(request.execution !== undefined && { execution: request.execution }),
  });
  if (row.state !== 'open') return { state: 'over', run: row };
  const keys = await initialiseVault({ ...services, lock: { mode: lockMode, until: row.leaseUntil } });
  const plan = (await findPlan(services, request.runId)) ?? (await decide(services, keys, request, row, now));
  return { state: 'open', plan, keys };
}

/** Until when a run that shows a sign of life now counts as alive. */
export function aliveUntil(now: Date): Date {
  return new Date(now.getTime() + aliveMinutes * 60_000);
}

async function findPlan({ work }: WriteServices, runId: RunId): Promise<RunPlan | undefined> {
  try {
    return await getRunPlan(work, runId);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}

async function decide(
  services: WriteServices,
  keys: VaultKeys,
  request: RunRequest,
  row: RunRow,
  now: Date,
): Promise<RunPlan> {
  const { store, catalog, work, lockMode } = services;
  const { leaseUntil } = row;
  await ensureVaultLocks(store, { mode: lockMode, until: leaseUntil });
  const choice = await chooseBase(catalog, request.resourceArn, request.type, now);
  const leased = choice.base && (await tryBase(services, keys, choice.base, row));
  const decided: BaseChoice =
    choice.base !== undefined && leased?.base === undefined
      ? { type: 'full', reason: leased?.reason ?? `the base ${choice.base.pointId} cannot be read` }
      : choice;
  const previous = await findPrevious(services, keys, request.resourceArn);
  const observed = await request.sourceNow();
  // A container is as old as what it was made of.
  const sourceTime =
    leased?.sourceTime !== undefined && decided.type === 'synthetic-full'
      ? leased.sourceTime
      : laterThan(previous, observed);
  // Of steps that run at the same time, one decides for all.
  const plan = await settleRunPlan(work, {
    runId: request.runId,
    pointId: newPointId(sourceTime, services.random),
    resourceArn: request.resourceArn,
    resourceKind: request.resourceKind,
    plan: request.plan,
    type: decided.type,
    ...(decided.reason !== undefined && { typeReason: decided.reason }),
    ...(decided.base !== undefined &&
      decided.type !== 'synthetic-full' && { chainPointId: decided.base.chainPointId }),
    keepDays: request.keepDays,
    retentionClass: retentionClassOf(request.keepDays),
    lockMode,
    readTags: request.readTags,
    isolated: request.isolated === true && decided.type === 'full',
    startedAt: row.startedAt,
    leaseUntil,
    sourceTime,
    settledBeforeMs: observed.getTime() - settleMs,
    ...(decided.base !== undefined && leased?.base !== undefined && { base: leased.base }),
    unleasedPacks: [...(leased?.unleasedPacks ?? [])],
    ...(previous && { previous: { point: previous.root.point, sha256: previous.sha256 } }),
  });
  await catalog.updateRun(request.runId, {
    type: plan.type,
    ...(plan.typeReason !== undefined && { typeReason: plan.typeReason }),
    ...(plan.base !== undefined && { basePointId: plan.base.pointId }),
    ...(plan.chainPointId !== undefined && { chainPointId: plan.chainPointId }),
  });
  return plan;
}

/**
 * Points are ordered by source time, and names by its seconds: a run that opens within the second of the one before it,
 * or on a clock that is a little behind, still comes after it.
 */
function laterThan(previous: StoredRoot | undefined, observed: Date): Date {
  const earliestMs = previous === undefined ? 0 : Date.parse(previous.root.sourceTime) + 1_000;
  return observed.getTime() >= earliestMs ? observed : new Date(earliestMs);
}

interface TriedBase {
  readonly base?: NonNullable<RunPlan['base']>;
  readonly unleasedPacks?: RunPlan['unleasedPacks'];
  readonly sourceTime?: Date;
  readonly reason?: string;
}

/** Leases a base, or says why a full has to be made instead: a run never fails for what an older point has lost. */
async function tryBase(
  services: WriteServices,
  keys: VaultKeys,
  point: PointRow,
  row: RunRow,
): Promise<TriedBase> {
  let stored: StoredRoot;
  try {
    stored = await readRoot(services.store, keys, point.resourceArn, point.pointId, point.rootVersionId);
  } catch (error) {
    if (isLost(error))
      return { reason: `the root of the base ${point.pointId} cannot be read: ${(error as Error).message}` };
    throw error;
  }
  const { root } = stored;
  if (root.image !== undefined) return { base: baseOf(root), sourceTime: new Date(root.sourceTime) };
  const outcome = await leaseBase(services, keys, root, row);
  if (outcome.state === 'lost') return { reason: outcome.reason };
  return {
    base: { ...baseOf(root), pagePacks: outcome.pagePacks },
    unleasedPacks: outcome.unleasedPacks,
    sourceTime: new Date(root.sourceTime),
  };
}

function baseOf(root: StoredRoot['root']): NonNullable<RunPlan['base']> {
  return {
    pointId: root.point,
    ...(root.manifest !== undefined && { manifest: root.manifest }),
    ...(root.packMap !== undefined && { packMap: root.packMap }),
    pagePacks: root.pagePacks,
    pagePacksCounted: root.pagePacksCounted,
  };
}

async function findPrevious(
  { store, catalog }: WriteServices,
  keys: VaultKeys,
  resourceArn: ResourceArn,
): Promise<StoredRoot | undefined> {
  for await (const point of newestPoints(catalog, resourceArn)) {
    try {
      return await readRoot(store, keys, resourceArn, point.pointId, point.rootVersionId);
    } catch (error) {
      if (!isLost(error)) throw error;
    }
  }
  return undefined;
}

function isLost(error: unknown): boolean {
  return error instanceof Error && ['ObjectNotFoundError', 'StoredBytesDamagedError'].includes(error.name);
}

/** Packs of neighbours in time lie together: lifecycle rules and caps on locks go by this name. */
function retentionClassOf(keepDays: number): string {
  return keepDays <= 14 ? 'short' : keepDays <= 100 ? 'standard' : 'long';
}
