import { matchesPattern } from '../wildcard.ts';
import { requestedDevices } from './block-devices.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { listFiltered } from './filters.ts';
import { assertVisible, getImage, getUsableSnapshot, visible } from './lookup.ts';
import { page } from './paging.ts';
import { findFlag, findText, getText, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Image, type ImageDevice } from './region.ts';
import { assertTaggable, putTags, requestedTags, tagSet } from './tags.ts';

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
    if (device.encrypted !== undefined || device.kmsKeyId !== undefined)
      throw invalidParameter('encrypted', String(device.encrypted), 'The snapshot decides about encryption.');
    const snapshot = device.snapshotId ? getUsableSnapshot(context, device.snapshotId) : undefined;
    return {
      deviceName: device.deviceName,
      snapshotId: device.snapshotId,
      sizeGiB: device.sizeGiB ?? snapshot!.volumeSizeGiB,
      volumeType: device.volumeType ?? 'gp2',
      iops: device.iops,
      throughputMiB: device.throughputMiB,
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
      description: findText(input, 'Description'),
      architecture: findText(input, 'Architecture') ?? 'i386',
      bootMode: findText(input, 'BootMode'),
      imdsSupport: findText(input, 'ImdsSupport'),
      tpmSupport: findText(input, 'TpmSupport'),
      enaSupport: findFlag(input, 'EnaSupport') ?? false,
      rootDeviceName,
      devices,
      availableAt: later(context.now, context.settings.instanceMs),
    },
    input,
  );
  return { imageId: image.imageId };
}

/** Images of others are those that instances were launched from; what they consist of is not known here. */
export function describeImages(context: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'ImageId');
  for (const id of ids) {
    const message = `The image id '[${id}]' does not exist`;
    if (context.region.images.has(id))
      assertVisible(context, getImage(context, id), 'InvalidAMIID.NotFound', message);
    else if (context.settings.missingImages.some((pattern) => matchesPattern(pattern, id)))
      throw new Ec2Error('InvalidAMIID.NotFound', message);
  }
  const owned = visible(context, context.region.images).filter(
    ({ imageId }) => ids.length === 0 || ids.includes(imageId),
  );
  const found = listFiltered(owned, input, (image) => ({
    tags: context.region.tags.get(image.imageId),
    attributes: { 'image-id': [image.imageId], name: [image.name], state: [stateOf(context, image)] },
  }));
  const { items, nextToken } = page(found, input, ids);
  const others = ids
    .filter((id) => !context.region.images.has(id))
    .map((imageId) => ({ imageId, imageState: 'available', isPublic: true, platformDetails: 'Linux/UNIX' }));
  return { imagesSet: [...items.map((image) => describeImage(context, image)), ...others], nextToken };
}

function stateOf({ now }: Ec2Context, { availableAt }: Image): 'pending' | 'available' {
  return availableAt > now ? 'pending' : 'available';
}

function describeImage(context: Ec2Context, image: Image): XmlStructure {
  return {
    imageId: image.imageId,
    imageState: stateOf(context, image),
    imageOwnerId: context.region.accountId,
    isPublic: false,
    name: image.name,
    description: image.description,
    creationDate: image.createdAt,
    architecture: image.architecture,
    bootMode: image.bootMode,
    imdsSupport: image.imdsSupport,
    tpmSupport: image.tpmSupport,
    enaSupport: image.enaSupport,
    platformDetails: 'Linux/UNIX',
    rootDeviceName: image.rootDeviceName,
    rootDeviceType: 'ebs',
    blockDeviceMapping: image.devices.map((device) => ({
      deviceName: device.deviceName,
      ebs: {
        snapshotId: device.snapshotId,
        volumeSize: device.sizeGiB,
        volumeType: device.volumeType,
        iops: device.iops,
        throughput: device.throughputMiB,
        deleteOnTermination: device.deleteOnTermination,
      },
    })),
    tagSet: tagSet(context.region.tags.get(image.imageId)),
  };
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
