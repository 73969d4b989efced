import { createHash } from 'node:crypto';
import { fitTags, type Ec2Images } from '@holdfast/aws';
import type { RestoredVolume } from '@holdfast/engine/model';
import type { RestoreJob } from './restore-job.ts';
import { VolumeFailedError } from './volume-failed-error.ts';
import { volumeShape } from './volume-shape.ts';

/** Prefix of Holdfast's own tags. */
const ownTags = 'holdfast:';
const restoreTag = 'holdfast:restore';

/**
 * Orders a volume for each snapshot of an image; ordering again gives the same volumes. They carry the tags of the
 * originals, but for Holdfast's own: a copy is not protected until somebody wants it to be.
 * @throws {@link VolumeFailedError} one was ordered by an earlier call, and is gone.
 */
export async function orderVolumes(
  images: Pick<Ec2Images, 'createVolume'>,
  { restoreId, target }: RestoreJob,
  now: Date,
): Promise<RestoredVolume[]> {
  if (target.kind !== 'volumes') return [];
  const ordered: RestoredVolume[] = [];
  for (const snapshot of target.snapshots) {
    const original = Object.entries(snapshot.tags).filter(([name]) => !name.startsWith(ownTags));
    const { tags, leftOff } = fitTags({ [restoreTag]: restoreId }, Object.fromEntries(original));
    const keyId = target.keys[snapshot.snapshot];
    const of = { snapshotId: snapshot.snapshot, keyId };
    const volumeId = await images.createVolume({
      snapshotId: snapshot.snapshot,
      availabilityZone: target.availabilityZone,
      clientToken: createHash('sha256').update(`${restoreId}\n${snapshot.snapshot}`).digest('hex'),
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
    });
  }
  return ordered;
}
