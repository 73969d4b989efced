import { getJson, mapConcurrent, putJson, VolumeShard, type WorkStore, WrittenSum } from '@holdfast/engine';
import { hourMs, safety } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { nextLookSeconds } from '../runtime/next-look.ts';
import { isVisibleBy } from '../image/visible-within.ts';
import { SnapshotUnwrittenError } from './snapshot-unwritten-error.ts';
import { restoreFiles, StartedSnapshots, WrittenShard } from './restore-job.ts';
import { restoreSteps } from './steps.ts';

const resultsAtOnce = 16;

const CompleteSnapshotsInput = z.object({ restoreId: z.string().min(1), pollSeconds: z.int().positive() });

/** Volumes whose snapshots are sealed, since when all are, and the calls for their blocks that EBS refused at first. */
const Sealing = z.object({
  sealed: z.array(z.string()),
  since: z.iso.datetime(),
  throttledCalls: z.int().nonnegative(),
});

/**
 * Seals the snapshots of a restore once all their blocks are written, each checked against what the workers wrote, and
 * says at every call whether they are complete. Sealing again does nothing.
 */
export const completeSnapshotsStep = defineLoop(
  restoreSteps,
  'complete-snapshots',
  // The list of a volume is added up in one call: 100 MB of checksums for the largest.
  { input: CompleteSnapshotsInput, state: Sealing, handOnBeforeMs: 600_000 },
  async (
    { work, snapshots: writer, images, clock, log },
    { restoreId, pollSeconds },
    { before, shouldStop },
  ) => {
    const started = await getJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots);
    const state = before ?? { sealed: [], since: clock.now().toISOString(), throttledCalls: 0 };
    const toSeal = Object.keys(started).filter((volume) => !state.sealed.includes(volume));
    if (toSeal.length > 0) {
      const shards = await getJson(work, restoreFiles.shards(restoreId), z.array(VolumeShard));
      const sealed = [...state.sealed];
      let { throttledCalls } = state;
      for (const [at, volume] of toSeal.entries()) {
        if (at > 0 && shouldStop()) break;
        const snapshot = started[volume] ?? '';
        const ofVolume = shards.filter((shard) => shard.volume === volume);
        const { total: written, throttledCalls: throttled } = await sumShards(work, restoreId, ofVolume);
        const outcome = await writer.complete(snapshot, written);
        sealed.push(volume);
        throttledCalls += throttled;
        log.info(`a snapshot was written: ${outcome}`, { restoreId, snapshot, blocks: written.blocks });
      }
      const since = clock.now().toISOString();
      return { done: false, waitSeconds: pollSeconds, state: { sealed, since, throttledCalls } };
    }
    const now = clock.now();
    const sinceMs = now.getTime() - new Date(state.since).getTime();
    const found = await images.describeSnapshots(Object.values(started));
    const states = new Map(found.map(({ snapshotId, state: one }) => [snapshotId, one]));
    for (const [volume, snapshot] of Object.entries(started)) {
      const is = states.get(snapshot);
      if (is === undefined && !isVisibleBy(now, new Date(state.since))) continue;
      if (is === undefined || (is !== 'pending' && is !== 'completed'))
        throw new SnapshotUnwrittenError(
          snapshot,
          volume,
          is === undefined ? 'is gone' : `is in state ${is}`,
        );
      if (is === 'pending' && sinceMs > safety.volumeHours * hourMs)
        throw new SnapshotUnwrittenError(
          snapshot,
          volume,
          `was sealed at ${state.since} and is not complete yet`,
        );
    }
    const done = Object.values(started).every((snapshot) => states.get(snapshot) === 'completed');
    if (done) await putJson(work, restoreFiles.throttled(restoreId), state.throttledCalls);
    return { done, waitSeconds: nextLookSeconds(pollSeconds, sinceMs), state };
  },
);

async function sumShards(
  work: WorkStore,
  restoreId: string,
  shards: readonly VolumeShard[],
): Promise<{ readonly total: ReturnType<WrittenSum['total']>; readonly throttledCalls: number }> {
  const sum = new WrittenSum();
  let throttled = 0;
  const read = async ({ index }: VolumeShard) =>
    getJson(work, restoreFiles.result(restoreId, index), WrittenShard);
  for await (const { blocks, checksums, throttledCalls } of mapConcurrent(shards, resultsAtOnce, read)) {
    sum.add({ blocks, checksums: Buffer.from(checksums, 'base64') });
    throttled += throttledCalls;
  }
  return { total: sum.total(), throttledCalls: throttled };
}
