import {
  cutShard,
  FactCounts,
  protectShard,
  putShardResult,
  shardToJson,
  warningOf,
  type AllServices,
  type BufferPool,
  type LeftOutFact,
  type PointWarning,
  type ProtectShardOptions,
  type RunPlan,
  type Shard,
  type ShardJson,
  type ShardLimits,
  type SharingPolicy,
  type SourceEntry,
  type SourceEntryError,
  type VaultKeys,
} from '@holdfast/engine';
import { DirectorySource } from '../source/directory-source.ts';
import { localPages } from '../local-vault.ts';
import { systemClock } from '../system-ports.ts';
import { growingShards, type CutNews } from './shard-queue.ts';
import type { TaskReports } from './worker-tasks.ts';

/** A backup as each of its workers has to know it. */
export interface ProtectJob {
  readonly directory: string;
  /** The vault's, which is never read as a source. */
  readonly vaultRoot: string;
  readonly plan: RunPlan;
  readonly limits: ShardLimits;
  readonly sharing: SharingPolicy;
  /** Files that the first shard may have in any case, and its bytes, where nobody waits for it to be listed; else 0. */
  readonly firstFiles: number;
}

export interface ProtectedShard {
  readonly files: number;
  readonly bytes: number;
}

/** Packs are smaller than for S3, where every request counts: half the memory, and the disk does not mind. */
const localStore: ProtectShardOptions['storePolicy'] = {
  packTargetBytes: 10 * 2 ** 20,
  lookupChunks: 128,
  lookupBytes: 2 * 2 ** 20,
  rememberedChunks: 32_768,
};

/** A disk answers at once, and the memory of several workers is limited. */
const localReadAhead: ProtectShardOptions['readAhead'] = {
  entries: 16,
  entryBytes: 2 ** 20,
  bytes: 8 * 2 ** 20,
};

type Following = Omit<Shard, 'index'>;

/** A worker's shard and what follows it. */
interface CutOff {
  readonly shard: Shard;
  readonly listed?: readonly SourceEntry[];
  /** The shard's last entry if that is large, of which more may be left to others. */
  readonly large?: SourceEntry | undefined;
  readonly following: readonly Following[];
}

/** Cuts the worker's shard off a range. */
async function cut(
  source: DirectorySource,
  given: Shard,
  { limits, sharing, firstFiles }: ProtectJob,
  signal: AbortSignal | undefined,
): Promise<CutOff> {
  const isAlone = given.index === 0 && firstFiles > 0;
  const scale = isAlone ? 1 : Math.min(1, (given.index + 1) / growingShards);
  const files = Math.max(Math.ceil(limits.files * scale), isAlone ? firstFiles : 0);
  const scaled = { files, bytes: Math.ceil(limits.bytes * scale), largeBytes: sharing.sharedFromBytes };
  const { listed, shard, stretches, large, rest } = await cutShard(source, given.paths, scaled, signal);
  const following = [...stretches, ...(rest === undefined ? [] : [{ paths: rest }])];
  return { shard: { ...shard, index: given.index }, listed, large, following };
}

function draftToJson(draft: Following): ShardJson {
  return shardToJson({ index: 0, ...draft });
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

export interface ProtectServices {
  readonly services: AllServices;
  readonly keys: VaultKeys;
  readonly buffers: BufferPool;
}

/** Protects one shard. What its listing could not show is noted with what it came to. */
export async function protectTask(
  { services, keys, buffers }: ProtectServices,
  job: ProtectJob,
  given: Shard,
  { tell, waits }: TaskReports,
  signal?: AbortSignal,
): Promise<ProtectedShard> {
  const warnings: SourceEntryError[] = [];
  const source = new DirectorySource({
    root: job.directory,
    clock: systemClock,
    onWarning: (warning) => warnings.push(warning),
    vault: job.vaultRoot,
  });
  const { shard, listed, large, following }: CutOff =
    given.stretch === undefined ? await cut(source, given, job, signal) : { shard: given, following: [] };
  const { index } = given;
  const tellOf = (drafts: readonly Following[], goesOn: boolean): void =>
    tell({ index, following: drafts.map(draftToJson), goesOn } satisfies CutNews);
  // Another worker goes on at once; but of a large content the rest comes first: two workers that read two copies of an
  // image side by side would find nothing stored that the other one is just reading.
  const behindContent = large === undefined ? [] : following;
  if (large === undefined && following.length > 0) tellOf(following, true);
  const result = await protectShard(services, shard, {
    keys,
    plan: job.plan,
    source,
    buffers,
    storePolicy: localStore,
    pages: localPages,
    readAhead: localReadAhead,
    onSourceRead: waits,
    listed,
    sharing: {
      policy: job.sharing,
      last: large,
      onRest: (rest) => tellOf(rest === undefined ? behindContent : [rest, ...behindContent], false),
    },
    signal,
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
