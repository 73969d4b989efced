import { PointWarning, UnreadCounts } from '../points/unread-facts.ts';
import * as z from 'zod';
import type { RunId } from '../ids.ts';
import { PageRefText } from '../points/page-ref-text.ts';
import { PagePackRecord, Root } from '../points/root.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { runPrefix } from '../runs/run-plan.ts';
import { NameMarks } from '../signs/name-marks.ts';
import { getJson, putJson } from '../work-json.ts';
import { LeftOutFact } from './left-out.ts';

const count = z.int().nonnegative();

/**
 * A shard's finding on an object that several shards share: they must have seen the same version of it. `absent`: it is
 * gone; `failed`: it could not be read.
 */
export const LargeObject = z.object({
  path: z.base64(),
  state: z.enum(['kept', 'stored', 'absent', 'failed']),
  changeToken: z.string(),
});
export type LargeObject = z.infer<typeof LargeObject>;

/** A worker's report on its shard, or on a group of shards that it has joined, to the committer. */
export const ShardResult = z.object({
  index: count,
  /** The shard's range of keys: `from` inclusive, `to` exclusive. */
  keys: z.object({ from: z.base64().optional(), to: z.base64().optional() }),
  /** The base has exactly this range; no page was written. */
  unchanged: z.boolean(),
  /** The pages of the shard's range; absent when nothing is in it, or when it is unchanged. */
  manifest: PageRefText.optional(),
  counts: Root.shape.counts,
  /** A group has only the first ones. */
  warnings: z.array(PointWarning),
  warningCount: count,
  /** Entries with content that were read, or are as the base has them; and those that could not be read. */
  entries: z.object({ read: count, ...UnreadCounts.shape }),
  /** Facts that the source does not give of the shard's entries. */
  leftOut: z.array(z.object({ fact: LeftOutFact, entries: count, example: z.string() })),
  /** The source's message about the first entry that could not be read. */
  firstUnread: z.string().optional(),
  /** New names that an attack may have given; absent where there is none. */
  marks: NameMarks.optional(),
  /** Calls of the source that it refused as one too many, and that were made again. */
  throttledCalls: count.optional(),
  pagePacks: z.array(PagePackRecord),
  large: z.array(LargeObject),
  /** Name of this very attempt's run of pack usage: another attempt stores other packs. */
  usage: z.string(),
});
export type ShardResult = z.infer<typeof ShardResult>;

export type ResultsOf = 'shards' | 'groups';

/** Writes a result; a worker that runs twice leaves the later one. */
export async function putShardResult(
  work: WorkStore,
  runId: RunId,
  result: ShardResult,
  of: ResultsOf = 'shards',
): Promise<void> {
  await putJson(work, resultName(runId, result.index, of), result);
}

/** @throws {@link ObjectNotFoundError} the worker has not finished. */
export async function getShardResult(
  work: WorkStore,
  runId: RunId,
  index: number,
  of: ResultsOf = 'shards',
): Promise<ShardResult> {
  return getJson(work, resultName(runId, index, of), ShardResult);
}

function resultName(runId: RunId, index: number, of: ResultsOf): string {
  return `${runPrefix(runId)}${of === 'groups' ? 'groups' : 'results'}/${index}.json`;
}
