import type { Ec2Images } from '@holdfast/aws';
import { safety, dayMs } from '@holdfast/engine/model';
import { SnapshotFailedError } from './snapshot-errors.ts';
import type { TakenImage } from './image-record.ts';
import { isVisibleBy } from './visible-within.ts';

const completeWithinMs = safety.snapshotDays * dayMs;

/** Reasons to give for states that do not lead to `completed`, where EC2 itself gives none. */
const failedStates: ReadonlyMap<string, string> = new Map([
  ['error', 'EC2 gives no reason'],
  ['recoverable', 'somebody deleted it, and it lies in the Recycle Bin'],
]);

export interface SnapshotProgress {
  readonly done: boolean;
  /** Percent of all volumes together. */
  readonly progress: number;
}

/**
 * Asks EC2 how far snapshots are.
 * @throws {@link SnapshotFailedError} one of them failed, was deleted, or is not complete after eight days.
 */
export async function snapshotProgress(
  images: Pick<Ec2Images, 'describeSnapshots'>,
  { image, takenAt }: TakenImage,
  now: Date,
): Promise<SnapshotProgress> {
  const found = await images.describeSnapshots(image.snapshots.map(({ snapshot }) => snapshot));
  const byId = new Map(found.map((snapshot) => [snapshot.snapshotId, snapshot]));
  let copied = 0;
  let done = true;
  let gibibytes = 0;
  for (const { snapshot, volume, sizeGiB } of image.snapshots) {
    const { state, stateMessage, progress } = byId.get(snapshot) ?? { state: 'absent', progress: 0 };
    const failure = failedStates.get(state);
    if (failure !== undefined) throw new SnapshotFailedError(snapshot, volume, stateMessage ?? failure);
    if (state === 'absent' && isVisibleBy(now, takenAt)) {
      throw new SnapshotFailedError(snapshot, volume, 'it does not exist any more');
    }
    if (state !== 'completed' && now.getTime() - takenAt.getTime() > completeWithinMs) {
      throw new SnapshotFailedError(snapshot, volume, `it is at ${progress} % after eight days`);
    }
    done &&= state === 'completed';
    copied += sizeGiB * (state === 'completed' ? 100 : progress);
    gibibytes += sizeGiB;
  }
  return { done, progress: Math.floor(copied / Math.max(1, gibibytes)) };
}
