import type { RunId } from '../../src/ids.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { listShards } from '../../src/protect/list-shards.ts';
import { shardFromJson, shardToJson, type Shard } from '../../src/protect/shards.ts';
import { openRun, type OpenedRun } from '../../src/runs/open-run.ts';
import { runPrefix } from '../../src/runs/run-plan.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { Harness, minute } from './harness.ts';

/** Shards of a few files. */
const limits = { files: 4, bytes: 2 ** 30 };

/** A source of ten files, and no vault yet. */
export async function withFiles(seed: string): Promise<Harness> {
  const harness = new Harness(seed);
  for (let file = 0; file < 10; file += 1) harness.source.plant(`file ${file}`, harness.random.bytes(200));
  harness.clock.advance(minute);
  return harness;
}

/** Opens a run; a full finds no chunk that another attempt has stored, so that attempts differ. */
export async function open(
  harness: Harness,
  type: 'full' | 'incremental',
  runId?: RunId,
): Promise<Extract<OpenedRun, { state: 'open' }>> {
  const opened = await openRun(harness.services, harness.request(type, { isolated: true, runId }));
  if (opened.state === 'over') throw new Error('the run is over');
  return opened;
}

/** The shards of a run, as they are handed from process to process. */
export async function shardsOf(harness: Harness, runId: RunId): Promise<readonly Shard[]> {
  const step = await listShards({
    source: harness.source,
    work: harness.work,
    random: harness.random,
    workPrefix: runPrefix(runId),
    limits,
    shouldStop: () => false,
  });
  if (!step.done) throw new Error('the listing stopped');
  return step.shards.map((shard) => shardFromJson(JSON.parse(JSON.stringify(shardToJson(shard)))));
}

/** Commits a run whose shards have been protected, as its last step does. */
export async function commit(
  harness: Harness,
  { plan, keys }: Pick<Extract<OpenedRun, { state: 'open' }>, 'plan' | 'keys'>,
  shards: readonly Shard[],
): Promise<CommittedPoint> {
  return commitPoint(harness.services, keys, plan, async () =>
    joinShards(harness.services, keys, plan, shards.length),
  );
}
