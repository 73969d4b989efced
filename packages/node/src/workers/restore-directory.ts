import { resolve } from 'node:path';
import {
  addOutcomes,
  AuditLog,
  type AuditRecord,
  isDamage,
  openVault,
  newId,
  nothingRestored,
  planRestore,
  type PointId,
  PointReader,
  type ReportProgress,
  type ResourceArn,
  type RestoreShard,
  type ShardLimits,
  splitDirectories,
  thenFinish,
} from '@holdfast/engine';
import type { OverwriteRule, ShardOutcome } from '@holdfast/engine/model';
import { DirectoryTarget } from '../target/directory-target.ts';
import type { DirectoryWork } from './directory-worker.ts';
import { localCaller, openLocalVault, type LocalVaultOptions } from '../local-vault.ts';
import { systemRandom } from '../system-ports.ts';
import { RestoreQueue, type RestoreTask } from './restore-queue.ts';
import { type DirectoryRestore, restorerOf } from './restore-shards.ts';
import type { SharedFile } from './shared-file.ts';
import { WarmWorkers } from './warm-workers.ts';
import { directoryWorkerModule } from './worker-module.ts';
import { runPool } from './worker-pool.ts';

export interface RestoreDirectoryOptions {
  readonly vault: LocalVaultOptions;
  readonly resourceArn: ResourceArn;
  readonly pointId: PointId;
  readonly directory: string;
  readonly paths?: readonly string[];
  readonly overwrite: OverwriteRule;
  readonly workers: number;
  /** @default small enough that all workers end at about the same time */
  readonly limits?: ShardLimits;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/**
 * Entries of a point up to which it is cut by the sizes of its files: a page has some hundred of them, so that the parts
 * of a small point would be unequal. With more, reading them all would keep the workers waiting.
 */
const exactEntries = 2_000;

const localRestoreLimits: ShardLimits = { files: 4_000, bytes: 128 * 2 ** 20 };

/** Restores a point, or some paths of it, from a vault on this machine into a directory, with worker threads. */
export async function restoreDirectory(options: RestoreDirectoryOptions): Promise<ShardOutcome> {
  // Threads load while the vault is opened and the point is cut. For a single file they would take longer than it does.
  const isOneFile = options.paths?.length === 1 && options.paths[0]?.endsWith('/') === false;
  const warm = isOneFile ? undefined : new WarmWorkers(directoryWorkerModule, options.workers);
  try {
    const { services, close } = await openLocalVault(options.vault);
    try {
      const keys = await openVault(services);
      const reader = await PointReader.open(services.store, keys, options.resourceArn, options.pointId);
      const audit = new AuditLog(services);
      const restore = newId(systemRandom);
      const log = async (event: AuditRecord['event']): Promise<unknown> =>
        audit.append({
          chain: options.resourceArn,
          id: `${event.kind} ${restore}`,
          by: localCaller(),
          event,
        });
      const target = resolve(options.directory);
      await log({ kind: 'restore-started', restore, point: options.pointId, target });
      const outcome = await restoreShards(reader, options, warm);
      const state = outcome.failed.length === 0 ? 'completed' : 'completed-with-failures';
      await log({ kind: 'restore-ended', restore, state, files: outcome.files, bytes: outcome.bytes });
      return outcome;
    } finally {
      close();
    }
  } finally {
    await warm?.end();
  }
}

/** @param warm - the threads that restore; without them, this one does. */
async function restoreShards(
  reader: PointReader,
  options: RestoreDirectoryOptions,
  warm: WarmWorkers | undefined,
): Promise<ShardOutcome> {
  const { vault, directory, overwrite, signal, paths, limits = localRestoreLimits } = options;
  const shards = await cut(reader, options);
  const target = new DirectoryTarget({ root: directory, random: systemRandom, vault: vault.root });
  const split = await splitDirectories(reader, shards, signal);
  return thenFinish(target, async () => {
    const above = directoriesAbove(paths ?? []);
    const shared = await target.prepare(split.restored, [...above, ...split.paths], overwrite);
    const workers = target.foldsNames() ? 1 : options.workers;
    const shareAboveBytes = workers > 1 ? limits.bytes : undefined;
    const job = { directory, vaultRoot: vault.root, overwrite, paths, shared, shareAboveBytes };
    const queue = new RestoreQueue(shards);
    const parts =
      warm === undefined
        ? restoreHere(reader, job, shards, signal)
        : runPool<DirectoryWork, RestoreTask, ShardOutcome | undefined>({
            workers,
            warm,
            module: directoryWorkerModule,
            initial: {
              vault,
              secrets: await reader.keys.export(),
              job: { kind: 'restore', root: reader.root, restore: job },
            },
            tasks: queue.tasks(),
            order: 'done',
            onNews: (news) => queue.addFile(news as SharedFile),
            signal,
          });
    let sum = nothingRestored;
    for await (const part of parts) {
      // Of a worker that has helped another one, whose outcome has the file.
      if (part === undefined) continue;
      queue.endShard();
      sum = addOutcomes(sum, part);
      options.onProgress?.({ step: 'restore', files: sum.files, bytes: sum.bytes });
    }
    return sum;
  });
}

/** Restores in this thread. */
async function* restoreHere(
  reader: PointReader,
  job: DirectoryRestore,
  shards: readonly RestoreShard[],
  signal: AbortSignal | undefined,
): AsyncGenerator<ShardOutcome> {
  const restore = restorerOf(reader, job);
  for (const shard of shards) yield await restore(shard, signal);
}

async function cut(
  reader: PointReader,
  { paths, workers, limits = localRestoreLimits, signal }: RestoreDirectoryOptions,
): Promise<readonly RestoreShard[]> {
  const options = { limits, workers, paths, signal };
  try {
    return (await planRestore(reader, { ...options, exactEntries })).shards;
  } catch (error) {
    if (paths !== undefined || !isDamage(error)) throw error;
    // Parts without the damaged page can still be restored.
    return (await planRestore(reader, { ...options, exactEntries: 0 })).shards;
  }
}

/** Directories above selected paths that are not selected themselves: several workers may write into them, too. */
function directoriesAbove(paths: readonly string[]): readonly Uint8Array[] {
  const selected = (directory: string): boolean =>
    paths.some((path) => path.endsWith('/') && directory.startsWith(path));
  const above = paths.flatMap((path) => {
    const parts = path.replace(/\/$/, '').split('/').slice(0, -1);
    return parts.map((_, at) => `${parts.slice(0, at + 1).join('/')}/`);
  });
  return [...new Set(above)].filter((path) => !selected(path)).map((path) => Buffer.from(path.slice(0, -1)));
}
