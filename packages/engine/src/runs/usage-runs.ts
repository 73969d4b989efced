import type { RunId } from '../ids.ts';
import { decodeUsage, encodeUsage, type PackDelta } from '../manifest/pack-usage.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { runPrefix } from './run-plan.ts';

/** Writes a sorted run of pack deltas: of one attempt at a shard, or of the leases that were moved. */
export async function putUsage(
  work: WorkStore,
  runId: RunId,
  part: string,
  deltas: readonly PackDelta[],
): Promise<void> {
  await work.put(usageName(runId, part), encodeUsage(deltas));
}

/** Reads a run of deltas back, when it is iterated. */
export async function* readUsage(work: WorkStore, runId: RunId, part: string): AsyncGenerator<PackDelta> {
  const name = usageName(runId, part);
  yield* decodeUsage([await work.get(name)], name);
}

function usageName(runId: RunId, part: string): string {
  return `${runPrefix(runId)}usage/${part}`;
}
