import { makeCatalogServices } from '@holdfast/aws';
import {
  compactTime,
  newestPoints,
  openVault,
  readRoot,
  type PointRow,
  type ResourceArn,
  type Root,
  type RunRow,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import type { App } from './deployed.ts';
import { runExecution, type Ended } from './executions.ts';

/** Cycles are named by the second that they are due in; a test runs several within one. */
let last = 0;

/** Runs one cycle of a plan to its end, as its schedule would start it. */
export async function runCycle(app: App, plan: string, type: BackupType): Promise<Ended> {
  const scheduledAt = new Date((last = Math.max(last + 1_000, Date.now())));
  const cycleId = `${plan}-${type}-${compactTime(scheduledAt)}`;
  const input = { plan, type, scheduledAt: scheduledAt.toISOString(), cycleId };
  return runExecution(app.sfn, app.machines.cycle, cycleId, input);
}

export async function runGoodCycle(app: App, plan: string, type: BackupType): Promise<void> {
  const { status, error, reason } = await runCycle(app, plan, type);
  if (status !== 'SUCCEEDED')
    throw new Error(`the ${type} cycle of plan ${plan} ${status}: ${error}: ${reason}`);
}

export function arnOfBucket(bucket: string): ResourceArn {
  return `arn:aws:s3:::${bucket}` as ResourceArn;
}

/** A resource's points, the oldest first. */
export async function listPoints(app: App, arn: ResourceArn): Promise<PointRow[]> {
  return (await Array.fromAsync(newestPoints(app.catalog, arn))).toReversed();
}

/** A resource's newest point. @throws {@link Error} it has none. */
export async function newestPoint(app: App, arn: ResourceArn): Promise<PointRow> {
  const newest = (await listPoints(app, arn)).at(-1);
  if (newest === undefined) throw new Error(`${arn} has no point`);
  return newest;
}

/** A resource's newest run. @throws {@link Error} it has none. */
export async function newestRun(app: App, resourceArn: ResourceArn): Promise<RunRow> {
  for await (const run of app.catalog.runs.list({ resourceArn })) return run;
  throw new Error(`${resourceArn} has no run`);
}

export async function readPoint(app: App, { resourceArn, pointId, rootVersionId }: PointRow): Promise<Root> {
  const services = makeCatalogServices(app.clients, {
    vaultBucket: app.vaultBucket,
    catalogTable: app.outputs['CatalogTableName'] ?? '',
    kmsKeyArn: app.outputs['KeyArn'] ?? '',
  });
  const stored = await readRoot(
    services.store,
    await openVault(services),
    resourceArn,
    pointId,
    rootVersionId,
  );
  return stored.root;
}
