import { requestedDevices } from './block-devices.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { listFiltered } from './filters.ts';
import { assertVisible, getImage, getInstance, getUsableSnapshot, visible } from './lookup.ts';
import { page } from './paging.ts';
import { findFlag, findText, getText, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Image, type ImageDevice } from './region.ts';
import { makeSnapshots } from './snapshots.ts';
import { assertTaggable, putTags, requestedTags, tagSet } from './tags.ts';

function imageState(context: Ec2Context, image: Image): string {
  return image.availableAt > context.now ? 'pending' : 'available';
}

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

export async function createImage(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  assertTaggable(input, ['image', 'snapshot']);
  const instance = getInstance(context, getText(input, 'InstanceId'));
  const volumes = [...context.region.volumes.values()].filter(
    (one) => one.attachment?.instanceId === instance.instanceId,
  );
  const tags = requestedTags(input, 'snapshot');
  const image = putImage(
    context,
    {
      name: getText(input, 'Name'),
      description: findText(input, 'Description') ?? '',
      architecture: instance.architecture,
      rootDeviceName: instance.rootDeviceName,
      devices: [],
      availableAt: later(context.now, Math.max(context.settings.instanceMs, context.settings.snapshotMs)),
      sourceInstanceId: instance.instanceId,
    },
    input,
  );
  const description = `Created by CreateImage(${instance.instanceId}) for ${image.imageId}`;
  const snapshots = await makeSnapshots(context, volumes, description, () => tags);
  const devices = volumes.map((volume, index): ImageDevice => ({
    deviceName: volume.attachment!.device,
    snapshotId: snapshots[index]!.snapshotId,
    sizeGiB: volume.sizeGiB,
    volumeType: volume.volumeType,
    deleteOnTermination: volume.attachment!.deleteOnTermination,
  }));
  context.region.images.set(image.imageId, { ...image, devices });
  return { imageId: image.imageId };
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
      description: findText(input, 'Description') ?? '',
      architecture: findText(input, 'Architecture') ?? 'i386',
      rootDeviceName,
      bootMode: findText(input, 'BootMode'),
      devices,
      availableAt: later(context.now, context.settings.instanceMs),
    },
    input,
  );
  return { imageId: image.imageId };
}

function describeImage(context: Ec2Context, image: Image): XmlStructure {
  const { accountId } = context.region;
  return {
    imageId: image.imageId,
    imageLocation: `${accountId}/${image.name}`,
    imageState: imageState(context, image),
    imageOwnerId: accountId,
    creationDate: image.createdAt,
    isPublic: false,
    architecture: image.architecture,
    imageType: 'machine',
    name: image.name,
    description: image.description,
    rootDeviceType: 'ebs',
    rootDeviceName: image.rootDeviceName,
    blockDeviceMapping: image.devices.map(
      ({ deviceName, snapshotId, sizeGiB, volumeType, deleteOnTermination }) => ({
        deviceName,
        ebs: { snapshotId, volumeSize: sizeGiB, deleteOnTermination, volumeType, encrypted: false },
      }),
    ),
    virtualizationType: 'hvm',
    tagSet: tagSet(context.region.tags.get(image.imageId)),
    hypervisor: 'xen',
    enaSupport: true,
    bootMode: image.bootMode,
    sourceInstanceId: image.sourceInstanceId,
  };
}

export function describeImages(context: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'ImageId');
  const owners = listTexts(input, 'Owner');
  for (const id of ids) {
    assertVisible(
      context,
      getImage(context, id),
      'InvalidAMIID.NotFound',
      `The image id '[${id}]' does not exist`,
    );
  }
  const owned = owners.length === 0 || owners.includes('self') || owners.includes(context.region.accountId);
  const images = visible(context, context.region.images).filter(
    (one) => owned && (ids.length === 0 || ids.includes(one.imageId)),
  );
  const found = listFiltered(images, input, (image) => ({
    tags: context.region.tags.get(image.imageId),
    attributes: {
      'image-id': [image.imageId],
      name: [image.name],
      description: [image.description],
      state: [imageState(context, image)],
      architecture: [image.architecture],
      'owner-id': [context.region.accountId],
      'root-device-name': [image.rootDeviceName],
      'root-device-type': ['ebs'],
      'virtualization-type': ['hvm'],
      'image-type': ['machine'],
      'is-public': [false],
      'block-device-mapping.snapshot-id': image.devices.map((device) => device.snapshotId),
      'block-device-mapping.device-name': image.devices.map((device) => device.deviceName),
    },
  }));
  const { items, nextToken } = page(found, input, ids);
  return { imagesSet: items.map((image) => describeImage(context, image)), nextToken };
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
