import {
  BufferPool,
  cutShard,
  FactCounts,
  PointReader,
  protectShard,
  putShardResult,
  shardFromJson,
  shardToJson,
  VaultKeys,
  warningOf,
  type AllServices,
  type LeftOutFact,
  type PointWarning,
  type ProtectShardOptions,
  type RestoreOutcome,
  type RestoreShard,
  type Root,
  type RunPlan,
  type Shard,
  type ShardJson,
  type ShardLimits,
  type SourceEntry,
  type SourceEntryError,
  type VaultSecrets,
} from '@holdfast/engine';
import { DirectorySource } from '../source/directory-source.ts';
import { openLocalVault, type LocalVaultOptions } from '../local-vault.ts';
import { systemClock } from '../system-ports.ts';
import { type DirectoryRestore, restorerOf } from './restore-shards.ts';
import { growingShards, type CutNews } from './shard-queue.ts';
import { serveTasks, type TaskReports } from './worker-tasks.ts';

/** First message to a worker of a backup or a restore. A worker has the vault's keys in memory, as its parent has. */
export interface DirectoryWork {
  readonly vault: LocalVaultOptions;
  readonly secrets: VaultSecrets;
  readonly job:
    | {
        readonly kind: 'protect';
        readonly directory: string;
        readonly plan: RunPlan;
        readonly limits: ShardLimits;
      }
    | { readonly kind: 'restore'; readonly root: Root; readonly restore: DirectoryRestore };
}

export interface ProtectedShard {
  readonly files: number;
  readonly bytes: number;
}

/** Packs are smaller than for S3, where every request counts: half the memory, and the disk does not mind. */
const localStore: ProtectShardOptions['storePolicy'] = {
  packTargetBytes: 12 * 2 ** 20,
  lookupChunks: 128,
  lookupBytes: 8 * 2 ** 20,
  rememberedChunks: 32_768,
};

/** A disk answers at once, and the memory of several workers is limited. */
const localReadAhead: ProtectShardOptions['readAhead'] = {
  entries: 16,
  entryBytes: 2 ** 20,
  bytes: 16 * 2 ** 20,
};

/** Cuts the worker's shard off a range, and tells at once what follows, so that another worker can go on with that. */
async function cut(
  source: DirectorySource,
  given: Shard,
  limits: ShardLimits,
  tell: (news: CutNews) => void,
): Promise<{ readonly shard: Shard; readonly listed: readonly SourceEntry[] }> {
  const scale = Math.min(1, (given.index + 1) / growingShards);
  const { listed, shard, stretches, rest } = await cutShard(source, given.paths, {
    files: Math.ceil(limits.files * scale),
    bytes: Math.ceil(limits.bytes * scale),
  });
  const following = [...stretches, ...(rest === undefined ? [] : [{ paths: rest }])];
  tell({ following: following.map((one) => shardToJson({ index: 0, ...one })) });
  return { shard: { ...shard, index: given.index }, listed };
}

function isLeftOut({ reason }: SourceEntryError): boolean {
  return reason === 'left-out';
}

/**
 * Makes a warning of what a listing could not show: it may have changed or be new, so the point lacks it as it is now.
 */
function noteOf(error: SourceEntryError): PointWarning {
  const isLacking = error.reason !== 'vanished';
  return warningOf(error, error.path, isLacking ? 'missing' : undefined);
}

type ProtectJob = Extract<DirectoryWork['job'], { readonly kind: 'protect' }>;

/** Protects one shard. What its listing could not show is noted with what it came to. */
async function protectTask(
  { services, keys, buffers }: { services: AllServices; keys: VaultKeys; buffers: BufferPool },
  { vault }: DirectoryWork,
  job: ProtectJob,
  given: Shard,
  { tell, waits }: TaskReports,
): Promise<ProtectedShard> {
  const warnings: SourceEntryError[] = [];
  const source = new DirectorySource({
    root: job.directory,
    clock: systemClock,
    onWarning: (warning) => warnings.push(warning),
    vault: vault.root,
  });
  const { shard, listed } =
    given.stretch === undefined ? await cut(source, given, job.limits, tell) : { shard: given };
  const result = await protectShard(services, shard, {
    keys,
    plan: job.plan,
    source,
    buffers,
    storePolicy: localStore,
    readAhead: localReadAhead,
    onSourceRead: waits,
    listed,
  });
  if (warnings.length > 0) {
    const leftOut = new FactCounts<LeftOutFact>();
    leftOut.addAll(result.leftOut);
    for (const { path } of warnings.filter(isLeftOut)) leftOut.add(path, ['special-files']);
    const told = warnings.filter((warning) => !isLeftOut(warning)).map(noteOf);
    const missing = told.filter(({ unread }) => unread !== undefined).length;
    await putShardResult(services.work, job.plan.runId, {
      ...result,
      warnings: [...result.warnings, ...told],
      leftOut: [...leftOut.list()],
      entries: { ...result.entries, missing: result.entries.missing + missing },
    });
  }
  return { files: result.counts.files, bytes: result.counts.logicalBytes };
}

// The worker of back-up-directory.ts and restore-directory.ts: one shard a task.
serveTasks(async (initial: unknown) => {
  const work = initial as DirectoryWork;
  const { vault, secrets, job } = work;
  const { services } = await openLocalVault(vault);
  const keys = VaultKeys.import(secrets);
  if (job.kind === 'protect') {
    const opened = { services, keys, buffers: new BufferPool() };
    return async (task: unknown, reports: TaskReports): Promise<ProtectedShard> =>
      protectTask(opened, work, job, shardFromJson(task as ShardJson), reports);
  }
  const restore = restorerOf(new PointReader(services.store, keys, job.root), job.restore);
  return async (task: unknown): Promise<RestoreOutcome> => restore(task as RestoreShard);
});
