import { devicesOfImage, requestedDevices } from './block-devices.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { describeInstance, instanceState, stateOf } from './instance-description.ts';
import { listFiltered } from './filters.ts';
import { assertVisible, getImage, getInstance, getUsableSnapshot, visible } from './lookup.ts';
import { page } from './paging.ts';
import { findFlag, findInteger, findStructure, findText, getText, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Instance } from './region.ts';
import { assertTaggable, putTags, requestedTags } from './tags.ts';
import { makeVolume } from './volumes.ts';

const publicImageRoot = { deviceName: '/dev/xvda', sizeGiB: 8, volumeType: 'gp3', deleteOnTermination: true };

/** Images that are not ours count as public ones with one root volume of 8 GiB. */
function imageDefaults(
  context: Ec2Context,
  imageId: string,
): Pick<Instance, 'rootDeviceName' | 'architecture'> & {
  readonly devices: ReturnType<typeof devicesOfImage>;
} {
  if (!/^ami-[0-9a-f]+$/.test(imageId))
    throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${imageId}"`);
  const image = context.region.images.has(imageId) ? getImage(context, imageId) : undefined;
  if (!image) {
    return { rootDeviceName: publicImageRoot.deviceName, architecture: 'x86_64', devices: [publicImageRoot] };
  }
  if (image.availableAt > context.now) {
    throw new Ec2Error('InvalidAMIID.Unavailable', `The image ID '${imageId}' is not available`);
  }
  const { rootDeviceName, architecture } = image;
  return { rootDeviceName, architecture, devices: devicesOfImage(image.devices) };
}

export async function runInstances(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  assertTaggable(input, ['instance', 'volume', 'network-interface', 'spot-instances-request']);
  const token = findText(input, 'ClientToken');
  const earlier = token ? context.region.clientTokens.get(`RunInstances:${token}`) : undefined;
  const repeated = [...context.region.instances.values()].filter(
    (one) => one.reservationId === earlier?.madeId,
  );
  if (repeated.length > 0) return describeReservation(context, repeated);
  const count = findInteger(input, 'MaxCount') ?? 1;
  if (count < 1 || count > 100) throw invalidParameter('MaxCount', count, 'Expected 1 to 100.');
  const reservationId = newResourceId('r');
  const instances: Instance[] = [];
  for (let index = 0; index < count; index += 1)
    instances.push(await makeInstance(context, input, reservationId));
  if (token) context.region.clientTokens.set(`RunInstances:${token}`, { request: '', madeId: reservationId });
  return describeReservation(context, instances);
}

async function makeInstance(
  context: Ec2Context,
  input: QueryStructure,
  reservationId: string,
): Promise<Instance> {
  const imageId = getText(input, 'ImageId');
  const { rootDeviceName, architecture, devices: defaults } = imageDefaults(context, imageId);
  const devices = requestedDevices(input, defaults);
  for (const { snapshotId } of devices) if (snapshotId) getUsableSnapshot(context, snapshotId);
  const sequence = context.region.nextSequence();
  const profile = findStructure(input, 'IamInstanceProfile');
  const instance: Instance = {
    instanceId: newResourceId('i'),
    reservationId,
    sequence,
    createdAt: context.now,
    imageId,
    instanceType: findText(input, 'InstanceType') ?? 'm1.small',
    availabilityZone:
      findText(findStructure(input, 'Placement') ?? {}, 'AvailabilityZone') ?? `${context.region.name}a`,
    rootDeviceName,
    architecture,
    ebsOptimized: findFlag(input, 'EbsOptimized') ?? false,
    privateIp: `10.0.${Math.floor(sequence / 250) % 250}.${(sequence % 250) + 4}`,
    securityGroupIds: listTexts(input, 'SecurityGroupId'),
    keyName: findText(input, 'KeyName'),
    subnetId: findText(input, 'SubnetId'),
    instanceProfile: profile && (findText(profile, 'Arn') ?? findText(profile, 'Name')),
    runsAt: later(context.now, context.settings.instanceMs),
  };
  for (const { deviceName, deleteOnTermination, ...device } of devices) {
    const volume = await makeVolume(context, { ...device, availabilityZone: instance.availabilityZone });
    volume.attachment = {
      instanceId: instance.instanceId,
      device: deviceName,
      attachedAt: context.now,
      deleteOnTermination: deleteOnTermination ?? deviceName === rootDeviceName,
    };
    putTags(context, volume.volumeId, requestedTags(input, 'volume'));
  }
  putTags(context, instance.instanceId, requestedTags(input, 'instance'));
  context.region.instances.set(instance.instanceId, instance);
  return instance;
}

function describeReservation(context: Ec2Context, instances: readonly Instance[]): XmlStructure {
  return {
    reservationId: instances[0]?.reservationId,
    ownerId: context.region.accountId,
    groupSet: [],
    instancesSet: instances.map((instance) => describeInstance(context, instance)),
  };
}

export function describeInstances(context: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'InstanceId');
  for (const id of ids) {
    const message = `The instance ID '${id}' does not exist`;
    assertVisible(context, getInstance(context, id), 'InvalidInstanceID.NotFound', message);
  }
  const instances = visible(context, context.region.instances).filter(
    (one) => ids.length === 0 || ids.includes(one.instanceId),
  );
  const found = listFiltered(instances, input, (instance) => {
    const attached = [...context.region.volumes.values()].filter(
      (one) => one.attachment?.instanceId === instance.instanceId,
    );
    return {
      tags: context.region.tags.get(instance.instanceId),
      attributes: {
        'instance-id': [instance.instanceId],
        'reservation-id': [instance.reservationId],
        'image-id': [instance.imageId],
        'instance-type': [instance.instanceType],
        'instance-state-name': [instanceState(context, instance)],
        'instance-state-code': [stateOf(instanceState(context, instance))['code'] as number],
        'availability-zone': [instance.availabilityZone],
        'root-device-name': [instance.rootDeviceName],
        'root-device-type': ['ebs'],
        architecture: [instance.architecture],
        'subnet-id': [instance.subnetId],
        'key-name': [instance.keyName],
        'owner-id': [context.region.accountId],
        'private-ip-address': [instance.privateIp],
        'block-device-mapping.volume-id': attached.map((one) => one.volumeId),
        'block-device-mapping.device-name': attached.map((one) => one.attachment?.device),
      },
    };
  });
  const { items, nextToken } = page(found, input, ids);
  const reservations = Map.groupBy(items, (instance) => instance.reservationId);
  return {
    reservationSet: [...reservations.values()].map((one) => describeReservation(context, one)),
    nextToken,
  };
}
