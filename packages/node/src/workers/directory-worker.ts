import {
  BufferPool,
  PointReader,
  shardFromJson,
  VaultKeys,
  type RestoreOutcome,
  type Root,
  type ShardJson,
  type VaultSecrets,
} from '@holdfast/engine';
import { localPages, openLocalVault, type LocalVaultOptions } from '../local-vault.ts';
import { protectTask, type ProtectedShard, type ProtectJob } from './protect-task.ts';
import type { RestoreTask } from './restore-queue.ts';
import { type DirectoryRestore, restorerOf } from './restore-shards.ts';
import { helpToFill } from './shared-file.ts';
import { serveTasks, type TaskReports } from './worker-tasks.ts';

/** First message to a worker of a backup or a restore. A worker has the vault's keys in memory, as its parent has. */
export interface DirectoryWork {
  readonly vault: LocalVaultOptions;
  readonly secrets: VaultSecrets;
  readonly job:
    | ({ readonly kind: 'protect' } & ProtectJob)
    | { readonly kind: 'restore'; readonly root: Root; readonly restore: DirectoryRestore };
}

// The worker of back-up-directory.ts and restore-directory.ts: one shard a task.
serveTasks(async (initial: unknown) => {
  const { vault, secrets, job } = initial as DirectoryWork;
  const { services } = await openLocalVault(vault);
  const keys = VaultKeys.import(secrets);
  if (job.kind === 'protect') {
    const opened = { services, keys, buffers: new BufferPool() };
    return async (task: unknown, reports: TaskReports): Promise<ProtectedShard> =>
      protectTask(opened, job, shardFromJson(task as ShardJson), reports);
  }
  const reader = new PointReader(services.store, keys, job.root, { pages: localPages });
  let asking: TaskReports | undefined;
  const restore = restorerOf(reader, job.restore, (file) => asking?.tell(file));
  return async (given: unknown, reports: TaskReports): Promise<RestoreOutcome | undefined> => {
    const task = given as RestoreTask;
    if ('help' in task) return helpToFill(reader, task.help).then(() => undefined);
    asking = reports;
    return restore(task.shard);
  };
});
