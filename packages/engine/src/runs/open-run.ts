import { safety } from '../model/safety.ts';
import { UnknownNameError } from '../errors.ts';
import type { PointId, ResourceArn, RunId } from '../ids.ts';
import { initialiseVault } from '../keys/open-vault.ts';
import { ensureVaultLocks } from '../keys/vault-locks.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { newPointId } from '../points/point-id.ts';
import type { StoredRoot } from '../points/root-store.ts';
import type { BackupType } from '../model/backup-type.ts';
import type { CompressionLevel } from '../model/compression.ts';
import type { ResourceRow } from '../ports/catalog/resources.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import { retentionClassOf } from '../model/retention-class.ts';
import type { RunServices } from '../services.ts';
import { ifThere } from '../if-there.ts';
import { chooseBase, findNewest, type BaseChoice } from './choose-base.ts';
import { keysUntil, leasePolicyFor, leaseUntilFor, type LeasePolicy } from './generation.ts';
import type { LookOptions } from './lease-pack-map.ts';
import { findDeadPacks, findPrevious, openBase, type OpenedBase } from './open-base.ts';
import { getRunPlan, settleRunPlan, type RunPlan } from './run-plan.ts';

export interface RunRequest {
  /** Chosen by the caller, the same in every repetition of one request. */
  readonly runId: RunId;
  readonly resourceArn: ResourceArn;
  readonly resourceKind: ResourceRow['kind'];
  readonly plan: string;
  readonly type: BackupType;
  readonly keepDays: number;
  readonly readTags: boolean;
  /** @default 'default' */
  readonly compression?: CompressionLevel;
  /** A full that shares no stored pack with earlier points. @default false */
  readonly isolated?: boolean;
  /** An image's blocks go into the vault: then only a point that has them is a base. @default false */
  readonly blocks?: boolean;
  /** For a synthetic full: its point and class. @default the newest point, in the store's standard class */
  readonly container?: ContainerRequest;
  /** @default the policy that fits `keepDays` */
  readonly leasePolicy?: LeasePolicy;
  readonly execution?: string;
  /** The source's clock; see `FileSource.now`. */
  readonly sourceNow: () => Promise<Date>;
}

/** A point that is kept for long, and becomes a container of its own for that (rule 8 of docs/leases.md). */
interface ContainerRequest {
  readonly pointId: PointId;
  /** The store's name of the class that the container goes into. */
  readonly storageClass: string;
}

/** `open`: go on by the plan; `over`: the run ended in an earlier repetition and nothing is left to do. */
export type OpenedRun =
  | { readonly state: 'open'; readonly plan: RunPlan; readonly keys: VaultKeys }
  | { readonly state: 'over'; readonly run: RunRow };

/** Starts a run in one go; see {@link openRunInParts}. */
export async function openRun(services: RunServices, request: RunRequest): Promise<OpenedRun> {
  for (;;) {
    const opened = await openRunInParts(services, request, {});
    if (opened.state !== 'unfinished') return opened;
  }
}

/**
 * Starts a run: makes it the resource's only one, fixes its lease date, chooses its base and leases all that the base
 * consists of, before anything is read. Takes any number of calls, and each can be repeated: the run's plan is written
 * once, when all is leased, and from then on stands.
 * @returns `unfinished` when another call has to go on.
 * @throws {@link RunOpenError} another run of the resource is at work.
 * @throws {@link RunClosedError} the run was cancelled or lost its resource between two calls.
 */
export async function openRunInParts(
  services: RunServices,
  request: RunRequest,
  options: LookOptions,
): Promise<OpenedRun | { readonly state: 'unfinished' }> {
  const { store, catalog, clock, lockMode } = services;
  const now = await store.now();
  const policy = request.leasePolicy ?? leasePolicyFor(request.keepDays);
  const leaseUntil = leaseUntilFor(now, request.keepDays, policy);
  const row = await catalog.runs.open({
    runId: request.runId,
    resourceArn: request.resourceArn,
    plan: request.plan,
    requestedType: request.type,
    type: request.type,
    leaseUntil,
    startedAt: now,
    aliveUntil: aliveUntil(clock.now()),
    state: 'open',
    execution: request.execution,
  });
  if (row.state !== 'open') return { state: 'over', run: row };
  const { until } = keysUntil(row.leaseUntil, policy);
  const keys = await initialiseVault({ ...services, lock: { mode: lockMode, until } });
  const settled = await ifThere(getRunPlan(services.work, request.runId));
  if (settled !== undefined) return { state: 'open', plan: settled, keys };
  // Who opened the run lived for one call; now it is this one that does.
  if (row.startedAt < now) await catalog.runs.touch(request.runId, aliveUntil(clock.now()));
  const plan = await decide(services, keys, { request, row, policy, now, options });
  return plan === 'unfinished' ? { state: 'unfinished' } : { state: 'open', plan, keys };
}

/** Time until which a run that shows a sign of life now counts as alive. */
export function aliveUntil(now: Date): Date {
  return new Date(now.getTime() + safety.runAliveMinutes * 60_000);
}

/** One call that opens a run. */
interface Opening {
  readonly request: RunRequest;
  readonly row: RunRow;
  readonly policy: LeasePolicy;
  readonly now: Date;
  readonly options: LookOptions;
}

async function decide(
  services: RunServices,
  keys: VaultKeys,
  opening: Opening,
): Promise<RunPlan | 'unfinished'> {
  const { store, catalog, work, lockMode } = services;
  const { request, row, policy, now, options } = opening;
  const { needed, until } = keysUntil(row.leaseUntil, policy);
  await ensureVaultLocks(store, { mode: lockMode, until: needed }, until);
  const settled = await settleBase(services, keys, opening);
  if (settled === 'unfinished') return 'unfinished';
  const { choice, opened } = settled;
  const previous = await findPrevious(services, keys, request.resourceArn, opened?.stored);
  const earlier = await findNewest(catalog, request.resourceArn, now);
  const isolated = request.isolated === true && choice.type === 'full';
  const leases = opened?.base && opened.leases;
  // Steps may run at the same time; one of them decides for all.
  const plan = await settleRunPlan(work, {
    ...factsOf(request),
    ...(await placeInTime(services, request, choice, opened?.stored, previous)),
    type: choice.type,
    typeReason: choice.reason,
    chainPointId: choice.type === 'synthetic-full' ? undefined : choice.base?.chainPointId,
    lockMode,
    generationDays: policy.generationDays,
    isolated,
    startedAt: row.startedAt,
    leaseUntil: row.leaseUntil,
    base: choice.base && opened?.base,
    earlier: earlier?.pointId,
    unleasedPacks: leases?.unleasedPacks ?? [],
    copiedPacks:
      choice.type === 'full' && !isolated
        ? await findDeadPacks(services, keys, previous, row, policy, options)
        : (leases?.copiedPacks ?? []),
    rewrittenPagePacks: leases?.rewrittenPagePacks ?? [],
    leases: leases?.leases ?? [],
    previous: previous && {
      point: previous.root.point,
      sha256: previous.sha256,
      expiresAt: previous.root.expiresAt,
    },
  });
  await catalog.runs.update(request.runId, {
    type: plan.type,
    typeReason: plan.typeReason,
    basePointId: plan.base?.pointId,
    chainPointId: plan.chainPointId,
  });
  return plan;
}

/** Leases the base that the run builds on; without one that can be read the run is a full. */
async function settleBase(
  services: RunServices,
  keys: VaultKeys,
  { request: { resourceArn, type, container, blocks }, row, policy, now, options }: Opening,
): Promise<{ readonly choice: BaseChoice; readonly opened?: OpenedBase | undefined } | 'unfinished'> {
  const choice = await chooseBase(services.catalog, resourceArn, type, now, container?.pointId);
  const how = { ...options, blocks };
  const opened = choice.base && (await openBase(services, keys, choice.base, row, policy, how));
  if (opened === 'unfinished') return 'unfinished';
  const settled: BaseChoice =
    choice.base !== undefined && opened?.base === undefined
      ? { type: 'full', reason: opened?.reason ?? `the base ${choice.base.pointId} cannot be read` }
      : choice;
  if (container !== undefined && settled.type === 'full') {
    throw new UnknownNameError(
      `point ${container.pointId} cannot become a container: ${settled.reason ?? 'it cannot be read'}`,
    );
  }
  return { choice: settled, opened };
}

function factsOf(request: RunRequest) {
  const { runId, resourceArn, resourceKind, plan, keepDays, readTags } = request;
  return {
    runId,
    resourceArn,
    resourceKind,
    plan,
    keepDays,
    readTags,
    compression: request.compression ?? 'default',
    retentionClass: retentionClassOf(keepDays),
    storageClass: request.container?.storageClass,
  };
}

/** Sets the source time of the state that is read, and the point that is named after it. */
async function placeInTime(
  { random }: RunServices,
  request: RunRequest,
  { type }: BaseChoice,
  base: StoredRoot | undefined,
  previous: StoredRoot | undefined,
): Promise<Pick<RunPlan, 'pointId' | 'sourceTime' | 'settledBeforeMs'>> {
  const observed = await request.sourceNow();
  // A container is as old as its original.
  const sourceTime =
    base !== undefined && type === 'synthetic-full'
      ? new Date(base.root.sourceTime)
      : laterThan(previous, observed);
  return {
    pointId: newPointId(sourceTime, random),
    sourceTime,
    settledBeforeMs: observed.getTime() - safety.sourceSettleMs,
  };
}

/**
 * Keeps points ordered by source time, and names by its seconds: a run that opens within the second of the one before
 * it, or on a clock that is a little behind, still comes after it.
 */
function laterThan(previous: StoredRoot | undefined, observed: Date): Date {
  const earliestMs = previous === undefined ? 0 : Date.parse(previous.root.sourceTime) + 1_000;
  return observed.getTime() >= earliestMs ? observed : new Date(earliestMs);
}
