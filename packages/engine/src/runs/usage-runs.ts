import type { RunId } from '../ids.ts';
import { decodeUsage, encodeUsage, type PackDelta } from '../manifest/pack-usage.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { runPrefix } from './run-plan.ts';

/** Deltas in one object. A run of more goes on in the next one, so that merging many runs holds little of each. */
const deltasAnObject = 5_000;

/** Writes a sorted run of pack deltas: of one attempt at a shard, of moved leases, or of several runs merged. */
export async function putUsage(
  work: WorkStore,
  runId: RunId,
  part: string,
  deltas: Iterable<PackDelta> | AsyncIterable<PackDelta>,
): Promise<void> {
  let object = 0;
  let some: PackDelta[] = [];
  for await (const delta of deltas) {
    some.push(delta);
    if (some.length < deltasAnObject) continue;
    await work.put(usageName(runId, part, object), encodeUsage(some));
    [object, some] = [object + 1, []];
  }
  await work.put(usageName(runId, part, object), encodeUsage(some));
}

/** Reads a run of deltas lazily. Memory: one object of it. */
export async function* readUsage(work: WorkStore, runId: RunId, part: string): AsyncGenerator<PackDelta> {
  for (let object = 0, isLast = false; !isLast; object += 1) {
    const name = usageName(runId, part, object);
    let deltas = 0;
    for await (const delta of decodeUsage([await work.get(name)], name)) {
      deltas += 1;
      yield delta;
    }
    isLast = deltas < deltasAnObject;
  }
}

function usageName(runId: RunId, part: string, object: number): string {
  return `${runPrefix(runId)}usage/${part}${object === 0 ? '' : `.${object}`}`;
}
