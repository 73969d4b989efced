import {
  addFailures,
  addRenewals,
  AuditLog,
  type Catalog,
  createChunkIdReader,
  expirePoints,
  noRenewals,
  openVault,
  reconcilePoints,
  renewResource,
  type ResourceArn,
  type RunId,
  type StepFailures,
  sweepPacks,
  type AllServices,
} from '@holdfast/engine';
import { dayMs, safety } from '@holdfast/engine/model';
import {
  localCaller,
  type LocalVault,
  type LocalVaultOptions,
  localPlan,
  openLocalVault,
} from './local-vault.ts';

export interface LocalMaintenance {
  readonly pointsRenewed: number;
  readonly pointsExpired: number;
  readonly packsSwept: number;
  readonly bytesSwept: number;
  readonly failures: StepFailures;
}

/**
 * Removes what the points of a vault in a directory no longer need, in the order of the state machine: finds what the
 * catalog lacks, keeps the newest point of each directory on, and removes points whose retention has ended, and packs
 * whose lease has; and, as the lifecycle of a bucket does, what runs left each other. Safe to run at any time, also beside
 * backups, and to interrupt.
 */
export async function maintainLocalVault(
  vault: LocalVaultOptions,
  signal?: AbortSignal,
): Promise<LocalMaintenance> {
  const { services, close } = await openLocalVault(vault);
  try {
    await removeOldWork(services);
    return await maintain(services, signal);
  } finally {
    close();
  }
}

async function maintain(services: AllServices, signal: AbortSignal | undefined): Promise<LocalMaintenance> {
  const { store, catalog, index } = services;
  const keys = await openVault(services);
  const audit = new AuditLog(services);
  const by = localCaller();
  const { report: reconciled } = await reconcilePoints(services, keys);
  let renewed = noRenewals;
  for (const arn of await listArns(catalog)) {
    const onProlonged = async (
      { pointId }: { pointId: string },
      expiresAt: Date,
      reasons: readonly string[],
    ) => {
      const until = expiresAt.toISOString();
      const event = { kind: 'prolong' as const, point: pointId, expiresAt: until, reasons: [...reasons] };
      await audit.append({ chain: arn, id: `prolong ${pointId} ${until}`, by, event });
    };
    const { report } = await renewResource({ ...services, plans: [localPlan], onProlonged }, keys, arn);
    renewed = addRenewals(renewed, report);
    signal?.throwIfAborted();
  }
  let failures = addFailures(reconciled.failures, addFailures(renewed.failures, renewed.unreadable));
  // A point that could not be kept on today must not be removed today.
  if (failures.count > 0)
    return { pointsRenewed: renewed.renewed, pointsExpired: 0, packsSwept: 0, bytesSwept: 0, failures };
  const expired = await expirePoints({
    store,
    catalog,
    beforeRemoval: async ({ pointId, resourceArn, expiresAt }) => {
      const event = { kind: 'expire' as const, point: pointId, expiresAt: expiresAt.toISOString() };
      await audit.append({ chain: resourceArn, id: `expire ${pointId}`, by, event });
      return 'done';
    },
  });
  const swept = await sweepPacks({ store, catalog, index, listChunkIds: createChunkIdReader(store, keys) });
  failures = addFailures(expired.failures, swept.failures);
  return {
    pointsRenewed: renewed.renewed,
    pointsExpired: expired.expired,
    packsSwept: swept.swept,
    bytesSwept: swept.bytes,
    failures,
  };
}

/** Has a folder for each run: see `runPrefix`. */
const runsFolder = 'runs';

async function removeOldWork({ work, catalog, clock }: LocalVault['services']): Promise<void> {
  const now = clock.now();
  const before = new Date(now.getTime() - safety.workObjectDays * dayMs);
  for (const { name, changedAt } of work.listFolders(runsFolder)) {
    if (changedAt >= before) continue;
    const run = await catalog.runs.find(name as RunId);
    // Nothing ends a run of this machine that takes longer than all those days.
    const isAlive = run !== undefined && run.endedAt === undefined && run.aliveUntil > now;
    if (!isAlive) await work.removeFolder(`${runsFolder}/${name}`);
  }
}

async function listArns(catalog: Catalog): Promise<ReadonlySet<ResourceArn>> {
  const arns = new Set<ResourceArn>();
  for await (const { resourceArn } of catalog.points.listExpiring({})) arns.add(resourceArn);
  return arns;
}
