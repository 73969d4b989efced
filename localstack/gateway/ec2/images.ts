import { requestedDevices } from './block-devices.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { getImage, getUsableSnapshot } from './lookup.ts';
import { findFlag, findText, getText } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Image, type ImageDevice } from './region.ts';
import { assertTaggable, putTags, requestedTags } from './tags.ts';

function putImage(
  context: Ec2Context,
  image: Omit<Image, 'imageId' | 'sequence' | 'createdAt'>,
  tags: QueryStructure,
): Image {
  const twin = [...context.region.images.values()].find((one) => one.name === image.name);
  if (twin) {
    throw new Ec2Error(
      'InvalidAMIName.Duplicate',
      `AMI name ${image.name} is already in use by AMI ${twin.imageId}`,
    );
  }
  const made: Image = {
    ...image,
    imageId: newResourceId('ami'),
    sequence: context.region.nextSequence(),
    createdAt: context.now,
  };
  putTags(context, made.imageId, requestedTags(tags, 'image'));
  context.region.images.set(made.imageId, made);
  return made;
}

export function registerImage(context: Ec2Context, input: QueryStructure): XmlStructure {
  assertTaggable(input, ['image', 'snapshot']);
  const rootDeviceName = findText(input, 'RootDeviceName') ?? '/dev/sda1';
  const devices = requestedDevices(input, []).map((device): ImageDevice => {
    const snapshot = device.snapshotId ? getUsableSnapshot(context, device.snapshotId) : undefined;
    return {
      deviceName: device.deviceName,
      snapshotId: device.snapshotId,
      sizeGiB: device.sizeGiB ?? snapshot!.volumeSizeGiB,
      volumeType: device.volumeType ?? 'gp2',
      deleteOnTermination: device.deleteOnTermination ?? true,
    };
  });
  if (!devices.some((device) => device.deviceName === rootDeviceName && device.snapshotId)) {
    throw invalidParameter(
      'RootDeviceName',
      rootDeviceName,
      'Give a block device mapping with a snapshot for it.',
    );
  }
  const image = putImage(
    context,
    {
      name: getText(input, 'Name'),
      architecture: findText(input, 'Architecture') ?? 'i386',
      rootDeviceName,
      devices,
      availableAt: later(context.now, context.settings.instanceMs),
    },
    input,
  );
  return { imageId: image.imageId };
}

export async function deregisterImage(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  const image = getImage(context, getText(input, 'ImageId'));
  context.region.images.delete(image.imageId);
  if (findFlag(input, 'DeleteAssociatedSnapshots')) {
    for (const { snapshotId } of image.devices) {
      if (!snapshotId) continue;
      context.region.snapshots.delete(snapshotId);
      await context.contents.removeSnapshot(snapshotId);
    }
  }
  return { return: true };
}
