import {
  getJson,
  putJson,
  addAmounts,
  addOutcomes,
  type BlockSource,
  InvalidInputError,
  type KeyRange,
  keysOfRestoreShard,
  nothingRestored,
  PointReader,
  PointSource,
  restoreEntries,
  type RestoreOutcome,
  type RestoreSource,
  selectKeys,
} from '@holdfast/engine';
import { ImageSource, openPointImage } from '@holdfast/image-files';
import * as z from 'zod';
import { defineKeptLoop } from '../runtime/define-step.ts';
import { followPart } from '../runtime/part-progress.ts';
import { restoreFiles, RestoreJob, ShardProgress } from './restore-job.ts';
import { checkNotOver } from './check-not-over.ts';
import { restoreSteps } from './steps.ts';

/** A call ends before a file, or a part of one, when less than this would be left after it. */
const reserveMs = 60_000;
/** Slowest rate that a restore gets along with: 5 GiB, which may be compared at once, and not in parts, in half a call. */
const bytesPerMs = 15_500;

const RestoreShardInput = z.object({
  restoreId: z.string().min(1),
  shard: z.object({
    index: z.int().nonnegative(),
    from: z.base64().optional(),
    to: z.base64().optional(),
  }),
});

/** Restores one shard, as far as the time of one call goes; its outcome lies in the work bucket in the end. */
export const restoreShardStep = defineKeptLoop(
  restoreSteps,
  'restore-shard',
  {
    input: RestoreShardInput,
    state: ShardProgress,
    keptAs: ({ restoreId, shard }) => restoreFiles.progress(restoreId, shard.index),
    handOnBeforeMs: reserveMs,
  },
  async (services, { restoreId, shard }, { before, timeLeftMs, keep }) => {
    const { store, work, openKeys, openTarget, targetBuckets, blocks, log } = services;
    const part = followPart(services, restoreId, shard.index);
    const doneBefore = before?.done ?? { files: 0, bytes: 0 };
    let done = doneBefore;
    const job = await getJson(work, restoreFiles.job(restoreId), RestoreJob);
    const { target } = job;
    // The plan lies in a bucket; what may be written to is decided by this function's own configuration.
    if (target.kind !== 'bucket' || !targetBuckets.includes(target.bucket)) {
      const name = target.kind === 'bucket' ? `bucket ${target.bucket}` : target.kind;
      throw new InvalidInputError(
        `${name} is not a restore target any more; add it to restoreTargets, deploy and restore again`,
      );
    }
    const reader = await PointReader.open(
      store,
      await openKeys(),
      job.resourceArn,
      job.pointId,
      job.rootVersionId,
    );
    const { index } = shard;
    const from = before?.next ?? shard.from;
    const outcomeWith = (did: RestoreOutcome) => addOutcomes(before?.outcome ?? nothingRestored, did);
    const progressOf = ({ next, begun, ...did }: RestoreOutcome) =>
      next && { next: Buffer.from(next).toString('base64'), begun, outcome: outcomeWith(did), done };
    const { source, selection } = filesOf(reader, job, blocks);
    const did = await restoreEntries(source, {
      range: keysOfRestoreShard({ from, to: shard.to }),
      selection,
      target: openTarget(target.bucket, target.prefix),
      overwrite: job.overwrite,
      begun: before?.begun,
      shouldStop: (nextBytes) => timeLeftMs() < reserveMs + nextBytes / bytesPerMs,
      onProgress: (progress) => {
        done = addAmounts([doneBefore, progress]);
        part.note(done);
      },
      remember: async (soFar) => {
        const state = progressOf(soFar);
        if (state === undefined) return;
        await keep(state);
        // Told of first: either whoever ends the restore finds the upload, or its end is seen here.
        await checkNotOver(work, restoreId);
      },
    });
    const outcome = outcomeWith(did);
    const state = progressOf(did);
    if (state !== undefined) {
      await part.end(done, timeLeftMs());
      log.info('restored a part of a shard', { restoreId, index, files: outcome.files });
      return { index, done: false, state } as const;
    }
    await putJson(work, restoreFiles.result(restoreId, index), outcome);
    await part.end({ files: outcome.files, bytes: Math.max(done.bytes, outcome.bytes) }, timeLeftMs());
    const { files, bytes, written, kept, same, failed } = outcome;
    const numbers = { files, bytes, written, kept, same, failed: failed.length };
    log.info('restored a shard', { restoreId, index, ...numbers });
    return { index, done: true } as const;
  },
);

function filesOf(
  reader: PointReader,
  { paths }: RestoreJob,
  blocks: BlockSource,
): { readonly source: RestoreSource; readonly selection: readonly KeyRange[] } {
  if (reader.root.image === undefined)
    return { source: new PointSource(reader), selection: selectKeys(paths) };
  // It has the files of the paths, and no others.
  const image = openPointImage(reader, { openSnapshots: async () => Promise.resolve(blocks) });
  return { source: new ImageSource(image, paths ?? []), selection: [{}] };
}
