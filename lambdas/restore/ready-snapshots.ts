import type { Ec2Images } from '@holdfast/aws';
import { SnapshotMissingError } from '@holdfast/engine';
import type { RestoredVolume } from '@holdfast/engine/model';
import { type ImageTarget, type StartedSnapshots, wayOf } from './restore-job.ts';

export interface ReadySnapshot {
  readonly snapshotId: string;
  /** The key that it is encrypted with. */
  readonly keyId?: string;
  readonly from: RestoredVolume['from'];
}

/**
 * The completed snapshots that volumes of an image can be made of: those that were written for the restore, and for the
 * other volumes those of the point itself.
 * @param started - absent while none is begun.
 * @returns by volume; `undefined` while one of them is not complete, or not written yet.
 * @throws {@link SnapshotMissingError} one does not exist any more.
 */
export async function readySnapshots(
  images: Pick<Ec2Images, 'describeSnapshots'>,
  { snapshots, written }: Pick<ImageTarget, 'snapshots' | 'written'>,
  started: StartedSnapshots = {},
): Promise<ReadonlyMap<string, ReadySnapshot> | undefined> {
  const wanted = snapshots.flatMap(({ snapshot, volume }) => {
    const ofVolume = written.find((one) => one.volume === volume);
    const snapshotId = ofVolume === undefined ? snapshot : started[volume];
    return snapshotId === undefined ? [] : [{ volume, snapshotId, from: wayOf(ofVolume) }];
  });
  const found = await images.describeSnapshots(wanted.map(({ snapshotId }) => snapshotId));
  const byId = new Map(found.map((one) => [one.snapshotId, one]));
  const ready = new Map<string, ReadySnapshot>();
  for (const { volume, snapshotId, from } of wanted) {
    const one = byId.get(snapshotId);
    if (one === undefined) throw new SnapshotMissingError(snapshotId, volume);
    if (one.state === 'completed') ready.set(volume, { snapshotId, keyId: one.kmsKeyId, from });
  }
  return ready.size === snapshots.length ? ready : undefined;
}
