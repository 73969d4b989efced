import { createHash } from 'node:crypto';
import type { Ec2Images } from '@holdfast/aws';
import type { VolumeSnapshot } from '@holdfast/engine';
import type { RestoredVolume, RestoreJob } from '../plan-restore/restore-job.ts';

/** What Holdfast's own tags begin with. */
const ownTags = 'holdfast:';
const restoreTag = 'holdfast:restore';
const withIops: ReadonlySet<string> = new Set(['gp3', 'io1', 'io2']);

/**
 * Orders a volume for each snapshot of an image; ordering again gives the same volumes. They carry the tags of the
 * originals, but for Holdfast's own: a copy is not protected until somebody wants it to be.
 */
export async function orderVolumes(
  images: Pick<Ec2Images, 'createVolume'>,
  { restoreId, target }: RestoreJob,
): Promise<RestoredVolume[]> {
  if (target.kind !== 'volumes') return [];
  const ordered: RestoredVolume[] = [];
  for (const snapshot of target.snapshots) {
    const type = target.type ?? snapshot.volumeType;
    const tags = Object.entries(snapshot.tags).filter(([name]) => !name.startsWith(ownTags));
    const volumeId = await images.createVolume({
      snapshotId: snapshot.snapshot,
      availabilityZone: target.availabilityZone,
      clientToken: createHash('sha256').update(`${restoreId}\n${snapshot.snapshot}`).digest('hex'),
      type,
      ...performanceOf(snapshot, type),
      tags: { ...Object.fromEntries(tags), [restoreTag]: restoreId },
    });
    ordered.push({
      volumeId,
      snapshotId: snapshot.snapshot,
      sourceVolumeId: snapshot.volume,
      ...(snapshot.device === undefined ? {} : { device: snapshot.device }),
      sizeGiB: snapshot.sizeGiB,
    });
  }
  return ordered;
}

/** What was set for one type of volume means nothing for another; EC2 refuses it for most. */
function performanceOf({ volumeType, iops, throughput }: VolumeSnapshot, type: string) {
  if (type !== volumeType) return {};
  return {
    ...(iops === undefined || !withIops.has(type) ? {} : { iops }),
    ...(throughput === undefined || type !== 'gp3' ? {} : { throughput }),
  };
}
