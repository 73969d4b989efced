import {
  getJson,
  getVolume,
  PointReader,
  putJson,
  VolumeShard,
  writeSnapshotRange,
  type WrittenRange,
} from '@holdfast/engine';
import { ebsBlockBytes } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineKeptLoop } from '../runtime/define-step.ts';
import { followPart } from '../runtime/part-progress.ts';
import { restoreFiles, RestoreJob, StartedSnapshots, WrittenShard } from './restore-job.ts';
import { checkNotOver } from './check-not-over.ts';
import { restoreSteps } from './steps.ts';

/** Room for the blocks that are being read and written when the time is up, and for what they came to. */
const handOnBeforeMs = 90_000;

const WriteBlocksInput = z.object({ restoreId: z.string().min(1), shard: VolumeShard });

/** A shard under way: what was written of it, and the offset to go on with. */
const Progress = z.object({ next: z.int().nonnegative(), written: WrittenShard });

/** Writes a shard of a volume into its snapshot, as far as the time of one call goes. */
export const writeBlocksStep = defineKeptLoop(
  restoreSteps,
  'write-blocks',
  {
    input: WriteBlocksInput,
    state: Progress,
    keptAs: ({ restoreId, shard }) => restoreFiles.progress(restoreId, shard.index),
    handOnBeforeMs,
  },
  async (services, { restoreId, shard }, { before, shouldStop, timeLeftMs }) => {
    const { store, work, openKeys, snapshots: writer, blocks: source, throttledCalls, log } = services;
    const throttledBefore = throttledCalls();
    const { index, volume: name, to } = shard;
    await checkNotOver(work, restoreId);
    const job = await getJson(work, restoreFiles.job(restoreId), RestoreJob);
    const started = await getJson(work, restoreFiles.snapshots(restoreId), StartedSnapshots);
    const snapshot = started[name];
    const written = 'written' in job.target && job.target.written.find(({ volume }) => volume === name);
    if (snapshot === undefined || !written) throw new TypeError(`no snapshot is written of volume ${name}`);
    const { resourceArn, pointId, rootVersionId } = job;
    const reader = await PointReader.open(store, await openKeys(), resourceArn, pointId, rootVersionId);
    const { parent } = written;
    const part = followPart(services, restoreId, index);
    const bytesBefore = bytesOf(before?.written);
    const did = await writeSnapshotRange(reader, await getVolume(reader, name), {
      writer,
      snapshot,
      range: { from: before?.next ?? shard.from, to },
      parent: parent && { snapshot: parent.snapshot, bytes: parent.sizeGiB * 2 ** 30, source },
      shouldStop,
      onProgress: ({ bytes }) => part.note({ files: 0, bytes: bytesBefore + bytes }),
    });
    const sum = addWritten(before?.written, { ...did, throttledCalls: throttledCalls() - throttledBefore });
    const { blocks, sameBlocks: same, throttledCalls: throttled } = sum;
    log.info('wrote blocks', { restoreId, index, snapshot, blocks, same, throttledCalls: throttled });
    await part.end({ files: 0, bytes: bytesOf(sum) }, timeLeftMs());
    if (did.next !== undefined)
      return { index, done: false, state: { next: did.next, written: sum } } as const;
    await putJson(work, restoreFiles.result(restoreId, index), sum);
    return { index, done: true } as const;
  },
);

function bytesOf(written: WrittenShard | undefined): number {
  return ((written?.blocks ?? 0) + (written?.sameBlocks ?? 0)) * ebsBlockBytes;
}

function addWritten(
  before: WrittenShard | undefined,
  did: Pick<WrittenRange, 'blocks' | 'sameBlocks' | 'checksums'> & Pick<WrittenShard, 'throttledCalls'>,
): WrittenShard {
  const earlier = Buffer.from(before?.checksums ?? '', 'base64');
  return {
    blocks: (before?.blocks ?? 0) + did.blocks,
    sameBlocks: (before?.sameBlocks ?? 0) + did.sameBlocks,
    checksums: Buffer.concat([earlier, did.checksums]).toString('base64'),
    throttledCalls: (before?.throttledCalls ?? 0) + did.throttledCalls,
  };
}
