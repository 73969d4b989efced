import { joinKept, mapConcurrent, type UnkeptCount, UnkeptFacts, type WorkStore } from '@holdfast/engine';
import type * as z from 'zod';
import { restoreFiles, type RestoreJob, ShardOutcome } from '../plan-restore/restore-job.ts';
import { getJson } from '../shared/work-json.ts';

const resultsAtOnce = 16;
/** Failed files that a report spells out. */
const namedFiles = 100;
/** A state machine carries 256 KiB at most, of which this much is for failed files. */
const namedBytes = 100_000;

/** And this much for kept ones. */
const namedKeptBytes = 20_000;

/** A restore of files in numbers. */
export interface FilesReport {
  readonly files: number;
  /** Content bytes that were written. */
  readonly bytes: number;
  readonly written: number;
  /** Left as the target had them, though they differ, or cannot be told to be the same. */
  readonly kept: number;
  /** The first of those. */
  readonly keptFiles: readonly string[];
  /** Identical already. */
  readonly same: number;
  readonly failed: number;
  /** Restored as an earlier point had them, because this one could not read them. */
  readonly carried: number;
  /** What of the written files the target could not keep as the point has it. */
  readonly unkept: readonly UnkeptCount[];
  /** The first of the failed files. */
  readonly failedFiles: readonly z.infer<typeof ShardOutcome>['failed'][number][];
}

/**
 * Adds up what the shards of a restore came to.
 * @throws {@link ObjectNotFoundError} a shard has not finished.
 */
export async function addOutcomes(
  work: WorkStore,
  { restoreId, shardCount }: RestoreJob,
): Promise<FilesReport> {
  const sum = { files: 0, bytes: 0, written: 0, kept: 0, same: 0, failed: 0, carried: 0 };
  const failedFiles: FilesReport['failedFiles'][number][] = [];
  let keptFiles: FilesReport['keptFiles'] = [];
  const unkept = new UnkeptFacts();
  let bytes = 0;
  const indexes = Array.from({ length: shardCount }, (_, index) => index);
  const read = async (index: number) => getJson(work, restoreFiles.result(restoreId, index), ShardOutcome);
  for await (const outcome of mapConcurrent(indexes, resultsAtOnce, read)) {
    const { failed, carried, unkept: ofShard, keptFiles: keptOfShard, ...counts } = outcome;
    unkept.addAll(ofShard);
    keptFiles = joinKept(keptFiles, keptOfShard);
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name];
    sum.failed += failed.length;
    sum.carried += carried.length;
    for (const file of failed) {
      bytes += Buffer.byteLength(JSON.stringify(file));
      if (failedFiles.length >= namedFiles || bytes > namedBytes) break;
      failedFiles.push(file);
    }
  }
  return { ...sum, keptFiles: withinBytes(keptFiles, namedKeptBytes), unkept: unkept.list(), failedFiles };
}

/** The first names that have room. */
function withinBytes(names: readonly string[], most: number): readonly string[] {
  let bytes = 0;
  const end = names.findIndex((name) => (bytes += Buffer.byteLength(JSON.stringify(name))) > most);
  return end < 0 ? names : names.slice(0, end);
}
