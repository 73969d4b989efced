import { joinKept, mapConcurrent, UnkeptFacts, type WorkStore } from '@holdfast/engine';
import { FilesReport, ShardOutcome } from '@holdfast/engine/model';
import * as z from 'zod';
import { restoreFiles, type RestoreJob } from './restore-job.ts';
import { findJson, getJson, putJson } from '../runtime/work-json.ts';

const resultsAtOnce = 16;
/** Results that are added before the clock is looked at. */
const groupSize = 256;
/** Failed files that a report spells out. */
const namedFiles = 100;
/** A state machine carries 256 KiB at most, of which this much is for failed files. */
const namedBytes = 100_000;

/** And this much for kept ones. */
const namedKeptBytes = 20_000;

/** What the first shards came to, as one call leaves it to the next. */
const Sum = z.object({ next: z.int(), failedBytes: z.int(), report: FilesReport });
type Sum = z.infer<typeof Sum>;

/**
 * Adds up what the shards of a restore came to, over any number of calls.
 * @returns `undefined` when another call has to go on.
 * @throws {@link ObjectNotFoundError} a shard has not finished.
 */
export async function sumOutcomes(
  work: WorkStore,
  { restoreId, shardCount }: RestoreJob,
  shouldStop: () => boolean,
): Promise<FilesReport | undefined> {
  const read = async (index: number) => getJson(work, restoreFiles.result(restoreId, index), ShardOutcome);
  let sum = (await findJson(work, restoreFiles.sum(restoreId), Sum)) ?? nothingAdded();
  for (let isFirst = true; sum.next < shardCount; isFirst = false) {
    if (!isFirst && shouldStop()) {
      await putJson(work, restoreFiles.sum(restoreId), sum);
      return undefined;
    }
    const length = Math.min(groupSize, shardCount - sum.next);
    const indexes = Array.from({ length }, (_, at) => sum.next + at);
    for await (const outcome of mapConcurrent(indexes, resultsAtOnce, read)) sum = add(sum, outcome);
  }
  const { report } = sum;
  return { ...report, keptFiles: withinBytes(report.keptFiles, namedKeptBytes) };
}

function add({ next, failedBytes, report }: Sum, outcome: z.infer<typeof ShardOutcome>): Sum {
  const { failed, carried, unkept: ofShard, keptFiles: keptOfShard, ...counts } = outcome;
  const facts = new UnkeptFacts();
  facts.addAll(report.unkept);
  facts.addAll(ofShard);
  const sum = {
    ...report,
    failed: report.failed + failed.length,
    carried: report.carried + carried.length,
    keptFiles: [...joinKept(report.keptFiles, keptOfShard)],
    unkept: [...facts.list()],
  };
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name];
  let bytes = failedBytes;
  for (const file of failed) {
    bytes += Buffer.byteLength(JSON.stringify(file));
    if (sum.failedFiles.length >= namedFiles || bytes > namedBytes) break;
    sum.failedFiles.push(file);
  }
  return { next: next + 1, failedBytes: bytes, report: sum };
}

function nothingAdded(): Sum {
  const counts = { files: 0, bytes: 0, written: 0, kept: 0, same: 0, failed: 0, carried: 0 };
  return { next: 0, failedBytes: 0, report: { ...counts, keptFiles: [], unkept: [], failedFiles: [] } };
}

/** The first names that have room. */
function withinBytes(names: readonly string[], most: number): string[] {
  let bytes = 0;
  const end = names.findIndex((name) => (bytes += Buffer.byteLength(JSON.stringify(name))) > most);
  return end < 0 ? [...names] : names.slice(0, end);
}
