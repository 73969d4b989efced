import {
  type Ec2Images,
  instanceOfArn,
  type MachineConfiguration,
  type VolumeConfiguration,
  volumeOfArn,
} from '@holdfast/aws';
import { type ImageRecord, NotSupportedError, type ResourceArn, type ResourceRow } from '@holdfast/engine';

export interface DescribedImage {
  readonly volumes: readonly VolumeConfiguration[];
  /** Absent for a volume by itself. */
  readonly machine?: MachineConfiguration;
}

/**
 * Describes an instance with its volumes, or a volume.
 * @throws {@link UnknownNameError} it does not exist any more.
 * @throws {@link NotSupportedError} the instance has no EBS volume.
 */
export async function describeImage(
  images: Pick<Ec2Images, 'getMachine' | 'getVolume'>,
  arn: ResourceArn,
  kind: ResourceRow['kind'],
): Promise<DescribedImage> {
  if (kind === 'ebs-volume') return { volumes: [await images.getVolume(volumeOfArn(arn))] };
  const machine = await images.getMachine(instanceOfArn(arn));
  if (machine.volumes.length === 0) {
    throw new NotSupportedError(
      `${arn} has no EBS volume, so there is nothing to take a snapshot of; remove the tag, or back up its files`,
    );
  }
  return { volumes: machine.volumes, machine };
}

/** The image as a point records it, once each volume has its snapshot. */
export function imageRecordOf(
  { volumes, machine }: DescribedImage,
  snapshotOf: ReadonlyMap<string, string>,
): ImageRecord {
  return {
    snapshots: volumes.map((volume) => ({
      volume: volume.volumeId,
      snapshot: snapshotOf.get(volume.volumeId) ?? '',
      device: volume.device,
      sizeGiB: volume.sizeGiB,
      volumeType: volume.type,
      iops: volume.iops,
      throughput: volume.throughput,
      encrypted: volume.encrypted,
      availabilityZone: volume.availabilityZone,
      tags: volume.tags,
    })),
    machine: machine && { ...machine },
  };
}
