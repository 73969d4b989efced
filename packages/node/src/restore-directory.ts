import {
  listEntries,
  openVault,
  PointReader,
  planRestore,
  type OverwriteRule,
  type PointId,
  type ResourceArn,
  type RestoreOutcome,
  type RestoreShard,
  type ShardLimits,
} from '@holdfast/engine';
import { DirectoryTarget } from './directory-target.ts';
import type { DirectoryWork } from './directory-worker.ts';
import { openLocalVault, type LocalVaultOptions } from './local-vault.ts';
import { systemRandom } from './system-ports.ts';
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

/** Restores a point, or some paths of it, from a vault on this machine into a directory, with worker threads. */
export async function restoreDirectory(options: RestoreDirectoryOptions): Promise<RestoreOutcome> {
  const { vault, directory, overwrite, workers, paths, signal } = options;
  const { services, close } = await openLocalVault(vault);
  try {
    const keys = await openVault(services);
    const reader = await PointReader.open(services.store, keys, options.resourceArn, options.pointId);
    const { shards } = await planRestore(reader, {
      limits: localRestoreLimits,
      workers,
      ...(paths && { paths }),
      ...(signal && { signal }),
    });
    const initial: DirectoryWork = {
      vault,
      secrets: await keys.export(),
      directory,
      job: { kind: 'restore', root: reader.root, overwrite },
    };
    const module = new URL('./directory-worker.ts', import.meta.url);
    const outcomes: RestoreOutcome[] = [];
    const pool = runPool<DirectoryWork, RestoreShard, RestoreOutcome>({
      workers,
      module,
      initial,
      tasks: shards,
      order: 'done',
      ...(signal && { signal }),
    });
    for await (const outcome of pool) outcomes.push(outcome);
    await restoreDirectoryTimes(reader, options);
    return outcomes.reduce(sumOutcomes);
  } finally {
    close();
  }
}

/** Every worker's files have changed the times of directories that other workers had finished. */
async function restoreDirectoryTimes(
  reader: PointReader,
  { directory, paths, signal }: RestoreDirectoryOptions,
): Promise<void> {
  if (paths !== undefined) return;
  const target = new DirectoryTarget({ root: directory, random: systemRandom });
  for await (const listed of listEntries(reader, '', true, signal)) {
    if ('file' in listed && listed.file.entry.kind === 'directory')
      await target.write(listed.file.entry, nothing(), 'always');
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
