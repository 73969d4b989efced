import type { Ec2Images } from '@holdfast/aws';
import { type ImageRecord, SnapshotMissingError } from '@holdfast/engine';

export interface ReadySnapshot {
  readonly snapshotId: string;
  /** The key that it is encrypted with. */
  readonly keyId?: string;
}

/**
 * The completed snapshots that volumes of an image can be made of: those of the point itself.
 * @returns by volume; `undefined` while one of them is not complete.
 * @throws {@link SnapshotMissingError} one does not exist any more.
 */
export async function readySnapshots(
  images: Pick<Ec2Images, 'describeSnapshots'>,
  { snapshots }: ImageRecord,
): Promise<ReadonlyMap<string, ReadySnapshot> | undefined> {
  const found = await images.describeSnapshots(snapshots.map(({ snapshot }) => snapshot));
  const byId = new Map(found.map((one) => [one.snapshotId, one]));
  const ready = new Map<string, ReadySnapshot>();
  for (const { snapshot, volume } of snapshots) {
    const one = byId.get(snapshot);
    if (one === undefined) throw new SnapshotMissingError(snapshot, volume);
    if (one.state === 'completed') ready.set(volume, { snapshotId: snapshot, keyId: one.kmsKeyId });
  }
  return ready.size === snapshots.length ? ready : undefined;
}
