import {
  keysOfRestoreShard,
  PointReader,
  protectShard,
  putShardResult,
  restoreRange,
  shardFromJson,
  VaultKeys,
  type RestoreOutcome,
  type RestoreShard,
  type Root,
  type RunPlan,
  type ShardJson,
  type SourceEntryError,
  type VaultSecrets,
  type OverwriteRule,
} from '@holdfast/engine';
import { DirectorySource } from './directory-source.ts';
import { DirectoryTarget } from './directory-target.ts';
import { openLocalVault, type LocalVaultOptions } from './local-vault.ts';
import { systemClock, systemRandom } from './system-ports.ts';
import { serveTasks } from './worker-tasks.ts';

/** What a worker of a backup or a restore is told when it starts. It has the vault's keys in memory, as its parent has. */
export interface DirectoryWork {
  readonly vault: LocalVaultOptions;
  readonly secrets: VaultSecrets;
  readonly directory: string;
  readonly job:
    | { readonly kind: 'protect'; readonly plan: RunPlan }
    | { readonly kind: 'restore'; readonly root: Root; readonly overwrite: OverwriteRule };
}

// The worker of back-up-directory.ts and restore-directory.ts: one shard a task.
serveTasks(async (initial: unknown) => {
  const { vault, secrets, directory, job } = initial as DirectoryWork;
  const { services } = await openLocalVault(vault);
  const keys = VaultKeys.import(secrets);
  if (job.kind === 'protect') {
    return async (task: unknown): Promise<null> => {
      const warnings: SourceEntryError[] = [];
      const source = new DirectorySource({
        root: directory,
        clock: systemClock,
        onWarning: (warning) => warnings.push(warning),
      });
      const result = await protectShard(services, shardFromJson(task as ShardJson), {
        keys,
        plan: job.plan,
        source,
      });
      if (warnings.length > 0) {
        const listed = warnings.map(({ reason, message }) => ({ path: '', reason, message }));
        await putShardResult(services.work, job.plan.runId, {
          ...result,
          warnings: [...result.warnings, ...listed],
        });
      }
      return null;
    };
  }
  const reader = new PointReader(services.store, keys, job.root);
  return async (task: unknown): Promise<RestoreOutcome> => {
    const target = new DirectoryTarget({ root: directory, random: systemRandom });
    return restoreRange(reader, {
      range: keysOfRestoreShard(task as RestoreShard),
      target,
      overwrite: job.overwrite,
    });
  };
});
