import { type AuditEntry, AuditLog, TargetUnavailableError, verifyAudit } from '@holdfast/engine';
import { MemoryBlockSource, MemoryTarget, MemoryUploads } from '@holdfast/engine/testing';
import { expect } from 'vitest';
import type { RestoreReport } from '@holdfast/engine/model';
import { completeSnapshotsStep } from '../../../lambdas/restore/complete-snapshots.ts';
import { startSnapshotsStep } from '../../../lambdas/restore/start-snapshots.ts';
import { writeBlocksStep } from '../../../lambdas/restore/write-blocks.ts';
import { finishRestoreStep } from '../../../lambdas/restore/finish-restore.ts';
import { launchInstanceStep } from '../../../lambdas/restore/launch-instance.ts';
import { planRestoreStep } from '../../../lambdas/restore/plan-restore.ts';
import { restoreShardStep } from '../../../lambdas/restore/restore-shard.ts';
import { restoreVolumesStep } from '../../../lambdas/restore/restore-volumes.ts';
import type { StepContext } from '../../../lambdas/runtime/define-step.ts';
import { type Deployment, PLENTY, readJson, untilDone } from './deployment.ts';
import { MemoryImages } from './memory-images.ts';
import { MemoryLaunches } from './memory-launches.ts';

export const EXECUTION = 'arn:aws:states:us-east-1:000000000000:execution:restore:one';

/** Where files are restored to, which the configuration allows. */
export const TARGET = { bucket: 'restores', prefix: 'back/' };

/** A target that takes large objects in parts of 1 MiB. */
function makeTarget() {
  const uploads = new MemoryUploads();
  return { uploads, target: new MemoryTarget(undefined, undefined, { uploads, bytes: 2 ** 20 }) };
}

export function makeRestoring(
  deployment: Deployment,
  images = new MemoryImages(deployment.clock),
  { target, uploads } = makeTarget(),
) {
  const opened: string[] = [];
  const launches = new MemoryLaunches();
  const blocks = new MemoryBlockSource(deployment.clock, { blockBytes: 4096 });
  let refused = 0;
  const deps = {
    ...deployment,
    audit: new AuditLog(deployment.services),
    images,
    launches,
    restoreRoles: ['arn:aws:iam::000000000000:role/web'],
    tagKey: 'team:backup',
    checkBucket: async (bucket: string) => {
      await Promise.resolve();
      if (bucket === 'gone') throw new TargetUnavailableError('bucket gone does not exist; make it');
    },
    openTarget: (bucket: string, prefix: string) => {
      opened.push(`${bucket}/${prefix}`);
      return target;
    },
    openUploads: () => target,
    ownBuckets: ['vault', 'work'],
    workBucket: 'work',
    targetBuckets: ['restores', 'gone', 'vault'],
    region: 'us-east-1',
    restoreWorkers: 5,
    snapshots: images.written,
    blocks,
    throttledCalls: () => (refused += 3),
  };
  return {
    target,
    uploads,
    opened,
    images,
    launches,
    blocks,
    startSnapshots: startSnapshotsStep.over(deps),
    writeBlocks: writeBlocksStep.over(deps),
    completeSnapshots: completeSnapshotsStep.over(deps),
    planRestore: planRestoreStep.over(deps),
    restoreShard: restoreShardStep.over(deps),
    restoreVolumes: restoreVolumesStep.over(deps),
    launchInstance: launchInstanceStep.over(deps),
    finishRestore: finishRestoreStep.over(deps),
  };
}

export type Restoring = ReturnType<typeof makeRestoring>;

/** Does for files what the restore machine does. */
export async function restoreFiles(
  deployment: Deployment,
  restoring: Restoring,
  request: unknown,
  context: StepContext = PLENTY,
) {
  const plan = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  const shards = (await readJson(deployment.work, plan.shards.key)) as unknown[];
  for (const shard of shards) {
    const event = { execution: EXECUTION, restoreId: plan.restoreId, shard };
    while (!(await restoring.restoreShard(event, context)).done);
  }
  return endRestore(restoring, { execution: EXECUTION, restoreId: plan.restoreId }, context);
}

/** Entries of the audit log about restores; checks that the log is whole. */
export async function restoresOnTheLog({ store }: Deployment): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  const { problems } = await verifyAudit(store, { onEntry: (entry) => entries.push(entry) });
  expect(problems).toEqual([]);
  return entries.filter(({ event }) => event.kind.startsWith('restore'));
}

/** Ends a restore as the machine does, whatever time a call gets. */
export async function endRestore(
  restoring: Pick<Restoring, 'finishRestore'>,
  event: unknown,
  context: StepContext = PLENTY,
): Promise<RestoreReport> {
  return untilDone(async () => restoring.finishRestore(event, context));
}
