import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  backUpFiles,
  newId,
  shardToJson,
  type BackupType,
  type CommittedPoint,
  type ResourceArn,
  type RunId,
  type ShardLimits,
} from '@holdfast/engine';
import type { DirectoryWork } from './directory-worker.ts';
import { DirectorySource } from './directory-source.ts';
import { openLocalVault, type LocalVaultOptions } from './local-vault.ts';
import { systemClock, systemRandom } from './system-ports.ts';
import { runPool } from './worker-pool.ts';

/** What is backed up, and how. */
export interface BackUpDirectoryOptions {
  readonly vault: LocalVaultOptions;
  readonly directory: string;
  readonly type: BackupType;
  readonly keepDays: number;
  /** Worker threads. */
  readonly workers: number;
  /** @default 128 MiB or 4,000 files, so that all threads end at about the same time */
  readonly limits?: ShardLimits;
  readonly signal?: AbortSignal;
}

/** Units of work on one machine: smaller than in the cloud, where a worker has to start first. */
const localShardLimits: ShardLimits = { files: 4_000, bytes: 128 * 2 ** 20 };

/** The name of a directory of this machine as a resource. */
export function directoryArn(directory: string): ResourceArn {
  return `holdfast:directory:${hostname()}:${realpathSync(directory)}` as ResourceArn;
}

/** Backs up a directory into a vault on this machine, with worker threads that each read, chunk, encrypt and store. */
export async function backUpDirectory(options: BackUpDirectoryOptions): Promise<CommittedPoint> {
  const { vault, directory, workers, limits = localShardLimits, signal } = options;
  const { services, close } = await openLocalVault(vault);
  try {
    // Warnings of the first listing come again from the workers, which put them on the point.
    const source = new DirectorySource({ root: directory, clock: systemClock, onWarning: () => {} });
    return await backUpFiles(
      services,
      {
        runId: newId<RunId>(systemRandom),
        resourceArn: directoryArn(directory),
        resourceKind: 'directory',
        plan: 'local',
        type: options.type,
        keepDays: options.keepDays,
        readTags: false,
      },
      {
        source,
        limits,
        ...(signal && { signal }),
        protectAll: async (shards, plan, keys) => {
          const initial: DirectoryWork = {
            vault,
            secrets: await keys.export(),
            directory,
            job: { kind: 'protect', plan },
          };
          const module = new URL('./directory-worker.ts', import.meta.url);
          const tasks = shards.map(shardToJson);
          for await (const _ of runPool({
            workers,
            module,
            initial,
            tasks,
            order: 'done',
            ...(signal && { signal }),
          }));
        },
      },
    );
  } finally {
    close();
  }
}
