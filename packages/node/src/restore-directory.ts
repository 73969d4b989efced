import {
  cutByPages,
  openVault,
  PointReader,
  planRestore,
  RestorePathError,
  splitDirectories,
  type OverwriteRule,
  type PointId,
  type ResourceArn,
  type RestoreOutcome,
  type RestoreShard,
  type ShardLimits,
  type SourceEntry,
} from '@holdfast/engine';
import { DirectoryTarget } from './directory-target.ts';
import type { DirectoryWork } from './directory-worker.ts';
import { openLocalVault, type LocalVaultOptions } from './local-vault.ts';
import { systemRandom } from './system-ports.ts';
import { WarmWorkers } from './warm-workers.ts';
import { directoryWorkerModule } from './worker-module.ts';
import { runPool } from './worker-pool.ts';

/** What is restored, and where to. */
export interface RestoreDirectoryOptions {
  readonly vault: LocalVaultOptions;
  readonly resourceArn: ResourceArn;
  readonly pointId: PointId;
  readonly directory: string;
  readonly paths?: readonly string[];
  readonly overwrite: OverwriteRule;
  readonly workers: number;
  readonly signal?: AbortSignal;
}

const localRestoreLimits: ShardLimits = { files: 4_000, bytes: 128 * 2 ** 20 };

const nothingYet: RestoreOutcome = {
  files: 0,
  bytes: 0,
  written: 0,
  kept: 0,
  same: 0,
  failed: [],
  carried: [],
};

/** Restores a point, or some paths of it, from a vault on this machine into a directory, with worker threads. */
export async function restoreDirectory(options: RestoreDirectoryOptions): Promise<RestoreOutcome> {
  const { vault, directory, overwrite, workers, signal } = options;
  // They load while the vault is opened and the point is cut.
  const warm = new WarmWorkers(directoryWorkerModule, workers);
  try {
    const { services, close } = await openLocalVault(vault);
    try {
      const keys = await openVault(services);
      const reader = await PointReader.open(services.store, keys, options.resourceArn, options.pointId);
      const shards = await cut(reader, options);
      const target = new DirectoryTarget({ root: directory, random: systemRandom });
      const split = (await splitDirectories(reader, shards, signal)).filter(
        (entry) => overwrite !== 'never' || !target.has(entry),
      );
      let outcome = nothingYet;
      const pool = runPool<DirectoryWork, RestoreShard, RestoreOutcome>({
        workers,
        warm,
        module: directoryWorkerModule,
        initial: {
          vault,
          secrets: await keys.export(),
          directory,
          job: { kind: 'restore', root: reader.root, overwrite },
        },
        tasks: shards,
        order: 'done',
        ...(signal && { signal }),
      });
      for await (const part of pool) outcome = sumOutcomes(outcome, part);
      await setFactsAgain(target, split);
      return outcome;
    } finally {
      close();
    }
  } finally {
    await warm.end();
  }
}

async function cut(
  reader: PointReader,
  { paths, workers, signal }: RestoreDirectoryOptions,
): Promise<readonly RestoreShard[]> {
  const limits = localRestoreLimits;
  if (paths === undefined) return cutByPages(reader, limits, signal);
  return (await planRestore(reader, { limits, workers, paths, ...(signal && { signal }) })).shards;
}

/** Of directories that several workers wrote into: each has changed the times that another had set. */
async function setFactsAgain(target: DirectoryTarget, directories: readonly SourceEntry[]): Promise<void> {
  for (const entry of directories) {
    try {
      await target.write(entry, nothing(), 'always');
    } catch (error) {
      // The outcome of the shard that it belongs to says so already.
      if (!(error instanceof RestorePathError)) throw error;
    }
  }
  await target.finish();
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

function sumOutcomes(a: RestoreOutcome, b: RestoreOutcome): RestoreOutcome {
  return {
    files: a.files + b.files,
    bytes: a.bytes + b.bytes,
    written: a.written + b.written,
    kept: a.kept + b.kept,
    same: a.same + b.same,
    failed: [...a.failed, ...b.failed],
    carried: [...a.carried, ...b.carried],
  };
}
