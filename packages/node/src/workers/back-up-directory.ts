import { isUtf8 } from 'node:buffer';
import { realpathSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import {
  backUpFiles,
  BufferPool,
  defaultSharingPolicy,
  failRun,
  InvalidInputError,
  UnknownNameError,
  newId,
  shardFromJson,
  type AllServices,
  type CommittedPoint,
  type PointCounts,
  type ProgressEvent,
  type ReportProgress,
  type ResourceArn,
  type RunId,
  type RunPlan,
  type ShardJson,
  type ShardLimits,
  type SharingPolicy,
  type VaultKeys,
  type WriteServices,
} from '@holdfast/engine';
import type { BackupType, CompressionLevel } from '@holdfast/engine/model';
import type { DirectoryWork } from './directory-worker.ts';
import { isMissing } from '../errno.ts';
import { isWithin } from '../source/directory-identity.ts';
import { DirectorySource, vaultInside } from '../source/directory-source.ts';
import { ShardQueue, type CutNews } from './shard-queue.ts';
import { localPlan, openLocalVault, type LocalVaultOptions } from '../local-vault.ts';
import { makeProcessMark, type ProcessMark } from '../store/process-mark.ts';
import { systemClock, systemRandom } from '../system-ports.ts';
import { protectTask, type ProtectedShard } from './protect-task.ts';
import { startHere } from './start-here.ts';
import { WarmWorkers } from './warm-workers.ts';
import { directoryWorkerModule } from './worker-module.ts';
import { runPool } from './worker-pool.ts';

export interface BackUpDirectoryOptions {
  readonly vault: LocalVaultOptions;
  readonly directory: string;
  readonly type: BackupType;
  readonly keepDays: number;
  /** @default 'default' */
  readonly compression?: CompressionLevel;
  readonly workers: number;
  /** @default small enough that all threads end at about the same time; larger where there is a base */
  readonly limits?: ShardLimits;
  /** @default {@link defaultSharingPolicy} */
  readonly sharing?: SharingPolicy;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/** Shards are smaller on one machine than in the cloud, where a worker has to start first. */
const localShardLimits: ShardLimits = { files: 4_000, bytes: 96 * 2 ** 20 };

/** With a base, little of what is listed has to be read. */
const incrementalShardLimits: ShardLimits = { files: 8_000, bytes: 512 * 2 ** 20 };

/** Files of a base that one thread compares about as fast as two do, of which one has to start first. */
const fewBaseFiles = 10_000;

/** Part by which a directory with few files may have grown since its base and still be one shard. */
const usualGrowth = 1.1;

/**
 * Files of a base up to which this thread works, too, instead of only sharing out: a thread less has to start. With more,
 * threads would wait for their next shard while this one is in the middle of its own.
 */
const workHereBaseFiles = 25_000;

/** About what a thread takes of a processor to start: whoever waits that long never spends more than twice what it takes. */
const startThreadMs = 200;

/** About what this thread takes to compare a file. */
const compareFileMs = 0.05;

/**
 * Name of a directory of this machine as a resource.
 * @throws {@link UnknownNameError} there is no such directory.
 */
export function directoryArn(directory: string): ResourceArn {
  const path = realPathOf(directory);
  if (!isUtf8(path)) {
    throw new InvalidInputError(
      `directory ${JSON.stringify(directory)} has a path that is not UTF-8, and cannot be named; rename it`,
    );
  }
  return `holdfast:directory:${hostname()}:${path.toString('utf8')}` as ResourceArn;
}

function realPathOf(directory: string): Buffer {
  try {
    return realpathSync(directory, { encoding: 'buffer' });
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new UnknownNameError(`directory ${JSON.stringify(directory)} does not exist; name one that does`, {
      cause: error,
    });
  }
}

/**
 * Backs up a directory into a vault on this machine, with worker threads that each read, chunk, encrypt and store.
 * @throws {@link InvalidInputError} the vault lies in the directory, or the directory in the vault.
 * @throws {@link RunOpenError} it is being backed up already, or another machine that did so died.
 */
export async function backUpDirectory(options: BackUpDirectoryOptions): Promise<CommittedPoint> {
  const { vault, directory, workers, signal } = options;
  const resourceArn = directoryArn(directory);
  if (isWithin(vault.root, directory) || isWithin(directory, vault.root))
    throw vaultInside(directory, vault.root);
  const warm = new WarmWorkers(directoryWorkerModule);
  try {
    const { services, checkpoint, close } = await openLocalVault(vault);
    try {
      const before = await findCountsBefore(services, resourceArn);
      const baseFiles = options.type === 'full' ? undefined : before?.files;
      const own = ownPartOf(baseFiles);
      // Threads load while the run is begun.
      if (own === 'none') warm.start(workers);
      if (own === 'shared') warm.start(workers - 1);
      // Warnings come from the workers, which put them on the point.
      const source = new DirectorySource({
        root: directory,
        clock: systemClock,
        onWarning: () => {},
        vault: vault.root,
      });
      await services.catalog.resources.put({
        arn: resourceArn,
        kind: 'directory',
        plan: localPlan.name,
        seenAt: systemClock.now(),
      });
      const mark = makeProcessMark();
      const request = {
        resourceArn,
        resourceKind: 'directory',
        plan: localPlan.name,
        type: options.type,
        keepDays: options.keepDays,
        compression: options.compression,
        readTags: false,
        execution: mark.text,
      } as const;
      await closeDeadRun(services, resourceArn, mark);
      return await backUpFiles(
        services,
        { ...request, runId: newId<RunId>(systemRandom) },
        {
          source,
          signal,
          protectAll: async (plan, keys) =>
            protectAll(services, { plan, keys, options, warm, own, before, onLastShard: checkpoint }),
        },
      );
    } finally {
      close();
    }
  } finally {
    await warm.end();
  }
}

/** This thread's part of a backup: it begins alone, shares the work with threads from the start on, or leaves it to them. */
type OwnPart = 'first' | 'shared' | 'none';

function ownPartOf(baseFiles: number | undefined): OwnPart {
  if (baseFiles === undefined || baseFiles > workHereBaseFiles) return 'none';
  return baseFiles > fewBaseFiles ? 'shared' : 'first';
}

/** Counts of the newest point, with which a backup will probably compare the directory. */
async function findCountsBefore(
  { catalog }: WriteServices,
  resourceArn: ResourceArn,
): Promise<PointCounts | undefined> {
  for await (const { counts } of catalog.points.list(resourceArn)) return counts;
  return undefined;
}

/**
 * About all there is to do: as much as the newest point has, unless there is more already. Of files that are compared, most
 * are not read, and their number says more than their bytes.
 */
function totalsOf(
  done: ProtectedShard,
  before: PointCounts | undefined,
  { base }: Pick<RunPlan, 'base'>,
): Pick<ProgressEvent, 'filesTotal' | 'bytesTotal'> {
  if (before === undefined || before.files < done.files || before.logicalBytes < done.bytes) return {};
  const { files: filesTotal, logicalBytes } = before;
  return base === undefined && logicalBytes > 0 ? { filesTotal, bytesTotal: logicalBytes } : { filesTotal };
}

/**
 * Closes the run of a process that was killed, or died with the machine: the next run need not wait until it counts as
 * abandoned.
 */
async function closeDeadRun(
  services: WriteServices,
  resourceArn: ResourceArn,
  mark: ProcessMark,
): Promise<void> {
  for await (const { runId, state, execution } of services.catalog.runs.list({ resourceArn })) {
    if (execution === undefined || !mark.hasEnded(execution)) return;
    if (state === 'open' || state === 'cancelling')
      await failRun(services, runId, {
        name: 'RunClosedError',
        message: 'its process has ended without a point',
      });
    return;
  }
}

async function protectAll(
  services: AllServices,
  {
    plan,
    keys,
    options: { vault, directory, workers, limits, sharing = defaultSharingPolicy, onProgress, signal },
    warm,
    own,
    before,
    onLastShard,
  }: {
    readonly plan: RunPlan;
    readonly keys: VaultKeys;
    readonly options: BackUpDirectoryOptions;
    readonly warm: WarmWorkers;
    readonly own: OwnPart;
    readonly before: PointCounts | undefined;
    /** Called when the last shard has been given out: this thread has nothing to do until it is done. */
    readonly onLastShard: () => void;
  },
): Promise<readonly number[]> {
  const ofType = plan.base === undefined ? localShardLimits : incrementalShardLimits;
  const baseFiles = own === 'first' ? (before?.files ?? 0) : 0;
  const firstFiles = limits === undefined ? Math.ceil(baseFiles * usualGrowth) : 0;
  const job = { directory, vaultRoot: vault.root, plan, limits: limits ?? ofType, sharing, firstFiles };
  const queue = new ShardQueue(onLastShard);
  const tasks = queue.shards();
  let [files, bytes] = [0, 0];
  const add = (shard: ProtectedShard): void => {
    files += shard.files;
    bytes += shard.bytes;
    onProgress?.({ step: 'protect', files, bytes, ...totalsOf({ files, bytes }, before, plan) });
  };
  const protectInThreads = async (threads: number): Promise<void> => {
    const pool = runPool<DirectoryWork, ShardJson, ProtectedShard>({
      workers: threads,
      warm,
      module: directoryWorkerModule,
      initial: { vault, secrets: await keys.export(), job: { kind: 'protect', ...job } },
      tasks,
      order: 'done',
      onNews: (news) => queue.take(news as CutNews),
      signal,
    });
    for await (const shard of pool) add(shard);
  };
  if (own === 'none') {
    await protectInThreads(workers);
  } else {
    const opened = { services, keys, buffers: new BufferPool() };
    const patienceMs = own === 'shared' ? 0 : startThreadMs + baseFiles * compareFileMs;
    const shared = Promise.withResolvers<void>();
    const tell = (news: unknown): void => {
      const { following } = news as CutNews;
      queue.take(news as CutNews);
      if (following.some(({ stretch }) => stretch?.mustRead === true)) shared.resolve();
    };
    const reports = { tell, waits: () => {} };
    await startHere(
      tasks,
      async (shard) => add(await protectTask(opened, job, shardFromJson(shard), reports, signal)),
      {
        patience: Promise.race([shared.promise, setTimeout(patienceMs, undefined, { ref: false })]),
        joinIn: async () => (workers > 1 ? protectInThreads(workers - 1) : undefined),
      },
    );
  }
  return queue.order;
}
