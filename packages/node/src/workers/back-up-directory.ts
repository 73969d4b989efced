import { isUtf8 } from 'node:buffer';
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import {
  backUpFiles,
  InvalidInputError,
  newId,
  type CommittedPoint,
  type ResourceArn,
  type RunId,
  type RunPlan,
  type ShardJson,
  type ShardLimits,
  type VaultKeys,
} from '@holdfast/engine';
import type { BackupType } from '@holdfast/engine/model';
import type { DirectoryWork } from './directory-worker.ts';
import { isWithin } from '../source/directory-identity.ts';
import { DirectorySource, vaultInside } from '../source/directory-source.ts';
import { ShardQueue, type CutNews } from './shard-queue.ts';
import { openLocalVault, type LocalVaultOptions } from '../local-vault.ts';
import { systemClock, systemRandom } from '../system-ports.ts';
import { limitsForBuffers, limitsForEntries, WarmWorkers } from './warm-workers.ts';
import { directoryWorkerModule } from './worker-module.ts';
import { runPool } from './worker-pool.ts';

/** What is backed up, and how. */
export interface BackUpDirectoryOptions {
  readonly vault: LocalVaultOptions;
  readonly directory: string;
  readonly type: BackupType;
  readonly keepDays: number;
  /** Worker threads. */
  readonly workers: number;
  /** @default small enough that all threads end at about the same time; larger where there is a base */
  readonly limits?: ShardLimits;
  readonly signal?: AbortSignal;
}

/** Units of work on one machine: smaller than in the cloud, where a worker has to start first. */
const localShardLimits: ShardLimits = { files: 4_000, bytes: 96 * 2 ** 20 };

/** With a base, little of what is listed has to be read. */
const incrementalShardLimits: ShardLimits = { files: 8_000, bytes: 512 * 2 ** 20 };

/** The name of a directory of this machine as a resource. */
export function directoryArn(directory: string): ResourceArn {
  const path = realpathSync(directory, { encoding: 'buffer' });
  if (!isUtf8(path)) {
    throw new InvalidInputError(
      `directory ${JSON.stringify(directory)} has a path that is not UTF-8, and cannot be named; rename it`,
    );
  }
  return `holdfast:directory:${hostname()}:${path.toString('utf8')}` as ResourceArn;
}

/**
 * Backs up a directory into a vault on this machine, with worker threads that each read, chunk, encrypt and store.
 * @throws {@link InvalidInputError} the vault lies in the directory, or the directory in the vault.
 */
export async function backUpDirectory(options: BackUpDirectoryOptions): Promise<CommittedPoint> {
  const { vault, directory, workers, signal } = options;
  if (isWithin(vault.root, directory) || isWithin(directory, vault.root))
    throw vaultInside(directory, vault.root);
  // They load while the vault is opened and the run is begun.
  const limits = options.type === 'full' ? limitsForBuffers : limitsForEntries;
  const warm = new WarmWorkers(directoryWorkerModule, workers, limits);
  try {
    const { services, checkpoint, close } = await openLocalVault(vault);
    try {
      // Warnings come from the workers, which put them on the point.
      const source = new DirectorySource({
        root: directory,
        clock: systemClock,
        onWarning: () => {},
        vault: vault.root,
      });
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
          signal,
          protectAll: async (plan, keys) =>
            protectAll({ plan, keys, options, warm, onLastShard: checkpoint }),
        },
      );
    } finally {
      close();
    }
  } finally {
    await warm.end();
  }
}

async function protectAll({
  plan,
  keys,
  options: { vault, directory, workers, limits, signal },
  warm,
  onLastShard,
}: {
  readonly plan: RunPlan;
  readonly keys: VaultKeys;
  readonly options: BackUpDirectoryOptions;
  readonly warm: WarmWorkers;
  /** Called when the last shard has been given out: this thread has nothing to do until it is done. */
  readonly onLastShard: () => void;
}): Promise<number> {
  const ofType = plan.base === undefined ? localShardLimits : incrementalShardLimits;
  const initial: DirectoryWork = {
    vault,
    secrets: await keys.export(),
    directory,
    job: { kind: 'protect', plan, limits: limits ?? ofType },
  };
  const queue = new ShardQueue();
  const pool = runPool<DirectoryWork, ShardJson, null>({
    workers,
    warm,
    module: directoryWorkerModule,
    initial,
    tasks: thenCall(onLastShard, queue.shards()),
    order: 'done',
    onNews: (news) => queue.take(news as CutNews),
    signal,
  });
  for await (const _ of pool);
  return queue.count;
}

async function* thenCall<Item>(call: () => void, items: AsyncIterable<Item>): AsyncGenerator<Item> {
  yield* items;
  call();
}
