import { createHash } from 'node:crypto';
import type { Ec2Images } from '@holdfast/aws';
import type { VolumeSnapshot } from '@holdfast/engine';
import type { RestoredVolume } from '@holdfast/engine/model';
import { type ImageTarget, type StartedSnapshots, wayOf } from './restore-job.ts';
import { tagsLike } from './launch-tags.ts';
import { VolumeFailedError } from './volume-failed-error.ts';
import { volumeShape } from './volume-shape.ts';

/**
 * Orders a volume of a snapshot of an image; ordering again gives the same volume. It carries the tags of the original,
 * but for Holdfast's own: a copy is not protected until somebody wants it to be.
 * @param started - snapshots that were written for the restore, by volume.
 * @throws {@link VolumeFailedError} it was ordered by an earlier call, and is gone.
 */
export async function orderVolume(
  images: Pick<Ec2Images, 'createVolume'>,
  restoreId: string,
  target: Extract<ImageTarget, { kind: 'volumes' }>,
  snapshot: VolumeSnapshot,
  started: StartedSnapshots,
  now: Date,
): Promise<RestoredVolume> {
  const written = target.written.find(({ volume }) => volume === snapshot.volume);
  const snapshotId = (written && started[snapshot.volume]) ?? snapshot.snapshot;
  const { tags, leftOff } = tagsLike(snapshot.tags, { restoreId }, target.tagKey);
  const keyId = written === undefined ? target.keys[snapshot.snapshot] : written.encryption?.keyArn;
  const of = { snapshotId, keyId };
  const volumeId = await images.createVolume({
    snapshotId,
    availabilityZone: target.availabilityZone,
    clientToken: createHash('sha256').update(`${restoreId}\n${snapshotId}`).digest('hex'),
    ...volumeShape(snapshot, target),
    tags,
  });
  if (volumeId === undefined)
    throw new VolumeFailedError({ ...of, volumeId: `of this restore` }, 'was made and is gone again');
  return {
    ...of,
    volumeId,
    sourceVolumeId: snapshot.volume,
    device: snapshot.device,
    sizeGiB: snapshot.sizeGiB,
    orderedAt: now.toISOString(),
    tagsLeftOff: [...leftOff],
    from: wayOf(written),
  };
}
