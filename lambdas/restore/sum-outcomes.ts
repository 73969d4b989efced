import { getJson, addCounts, joinKept, mapConcurrent, UnkeptFacts, type WorkStore } from '@holdfast/engine';
import { FilesReport, ShardOutcome } from '@holdfast/engine/model';
import * as z from 'zod';
import { restoreFiles, type RestoreJob } from './restore-job.ts';

const resultsAtOnce = 16;
/** Results added between two looks at the clock. */
const groupSize = 256;
/** Failed files that a report spells out. */
const namedFiles = 100;
/** A state machine carries 256 KiB at most, of which this much is for failed files. */
const namedBytes = 100_000;

/** Share of the 256 KiB for kept files. */
const namedKeptBytes = 20_000;

/** Sum over the first `next` shards, as one call leaves it to the next. */
export const OutcomeSum = z.object({ next: z.int(), failedBytes: z.int(), report: FilesReport });
type OutcomeSum = z.infer<typeof OutcomeSum>;

/**
 * Adds up what the shards of a restore came to, as far as the time of one call goes.
 * @throws {@link ObjectNotFoundError} a shard has not finished.
 */
export async function sumOutcomes(
  work: WorkStore,
  { restoreId, shardCount }: RestoreJob,
  { before, shouldStop }: { readonly before: OutcomeSum | undefined; readonly shouldStop: () => boolean },
): Promise<
  { readonly done: true; readonly report: FilesReport } | { readonly done: false; readonly state: OutcomeSum }
> {
  const read = async (index: number) => getJson(work, restoreFiles.result(restoreId, index), ShardOutcome);
  let sum = before ?? nothingAdded();
  for (let isFirst = true; sum.next < shardCount; isFirst = false) {
    if (!isFirst && shouldStop()) return { done: false, state: sum };
    const length = Math.min(groupSize, shardCount - sum.next);
    const indexes = Array.from({ length }, (_, at) => sum.next + at);
    for await (const outcome of mapConcurrent(indexes, resultsAtOnce, read)) sum = add(sum, outcome);
  }
  const { report } = sum;
  return { done: true, report: { ...report, keptFiles: withinBytes(report.keptFiles, namedKeptBytes) } };
}

function add({ next, failedBytes, report }: OutcomeSum, outcome: z.infer<typeof ShardOutcome>): OutcomeSum {
  const { failed, carried, unkept: ofShard, keptFiles: keptOfShard, ...counts } = outcome;
  const facts = new UnkeptFacts();
  facts.addAll(report.unkept);
  facts.addAll(ofShard);
  const sum = {
    ...addCounts(report, { ...counts, failed: failed.length, carried: carried.length }),
    keptFiles: [...joinKept(report.keptFiles, keptOfShard)],
    unkept: [...facts.list()],
  };
  let bytes = failedBytes;
  for (const file of failed) {
    bytes += Buffer.byteLength(JSON.stringify(file));
    if (sum.failedFiles.length >= namedFiles || bytes > namedBytes) break;
    sum.failedFiles.push(file);
  }
  return { next: next + 1, failedBytes: bytes, report: sum };
}

function nothingAdded(): OutcomeSum {
  const counts = { files: 0, bytes: 0, written: 0, kept: 0, same: 0, failed: 0, carried: 0 };
  return { next: 0, failedBytes: 0, report: { ...counts, keptFiles: [], unkept: [], failedFiles: [] } };
}

/** The first names that fit into `most` bytes of JSON. */
function withinBytes(names: readonly string[], most: number): string[] {
  let bytes = 0;
  const end = names.findIndex((name) => (bytes += Buffer.byteLength(JSON.stringify(name))) > most);
  return end < 0 ? [...names] : names.slice(0, end);
}
