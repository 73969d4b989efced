import { createHash } from 'node:crypto';
import type { Ec2Images } from '@holdfast/aws';
import type { RestoredVolume } from '@holdfast/engine/model';
import { type RestoreJob, wayOf } from './restore-job.ts';
import { tagsLike } from './launch-tags.ts';
import { VolumeFailedError } from './volume-failed-error.ts';
import { volumeShape } from './volume-shape.ts';

/**
 * Orders a volume for each snapshot of an image; ordering again gives the same volumes. They carry the tags of the
 * originals, but for Holdfast's own: a copy is not protected until somebody wants it to be.
 * @param started - snapshots that were written for the restore, by volume.
 * @throws {@link VolumeFailedError} one was ordered by an earlier call, and is gone.
 */
export async function orderVolumes(
  images: Pick<Ec2Images, 'createVolume'>,
  { restoreId, target }: RestoreJob,
  started: Readonly<Record<string, string>>,
  now: Date,
): Promise<RestoredVolume[]> {
  if (target.kind !== 'volumes') return [];
  const ordered: RestoredVolume[] = [];
  for (const snapshot of target.snapshots) {
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
    ordered.push({
      ...of,
      volumeId,
      sourceVolumeId: snapshot.volume,
      device: snapshot.device,
      sizeGiB: snapshot.sizeGiB,
      orderedAt: now.toISOString(),
      tagsLeftOff: [...leftOff],
      from: wayOf(written),
    });
  }
  return ordered;
}
