import { matchesPattern } from '../wildcard.ts';
import { devicesOfImage, requestedDevices, type DeviceRequest } from './block-devices.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { describeReservation } from './instances.ts';
import { launchOptions } from './launch-options.ts';
import { getImage, getUsableSnapshot } from './lookup.ts';
import { getKeyPair } from './network/key-pairs.ts';
import {
  interfaceTags,
  makeInterface,
  planInterfaces,
  type PlannedInterface,
} from './network/network-interfaces.ts';
import { findFlag, findInteger, findStructure, findText, getText } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Instance } from './region.ts';
import { assertRoomForTags, assertTaggable, putTags, requestedTags } from './tags.ts';
import type { Tags } from './tag-history.ts';
import { makeVolume } from './volumes.ts';

const publicImageRoot = { deviceName: '/dev/xvda', sizeGiB: 8, volumeType: 'gp3', deleteOnTermination: true };

/** A launch that was checked as far as EC2 checks one before it answers. */
interface PlannedLaunch {
  readonly imageId: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly rootDeviceName: string;
  readonly architecture: string;
  readonly devices: readonly DeviceRequest[];
  readonly interfaces: readonly PlannedInterface[];
  readonly keyName?: string;
  readonly instanceProfile?: string;
  readonly tags: Tags;
}

/** Images that are not ours count as public ones with one root volume of 8 GiB, unless a setting says that they are gone. */
function imageDefaults(
  context: Ec2Context,
  imageId: string,
): Pick<Instance, 'rootDeviceName' | 'architecture'> & { readonly devices: DeviceRequest[] } {
  if (!/^ami-[0-9a-f]+$/.test(imageId))
    throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${imageId}"`);
  const image = context.region.images.has(imageId) ? getImage(context, imageId) : undefined;
  if (!image) {
    if (isOneOf(context.settings.missingImages, imageId))
      throw new Ec2Error('InvalidAMIID.NotFound', `The image id '[${imageId}]' does not exist`);
    return { rootDeviceName: publicImageRoot.deviceName, architecture: 'x86_64', devices: [publicImageRoot] };
  }
  if (image.availableAt > context.now) {
    throw new Ec2Error('InvalidAMIID.Unavailable', `The image ID '${imageId}' is not available`);
  }
  const { rootDeviceName, architecture } = image;
  return { rootDeviceName, architecture, devices: devicesOfImage(image.devices) };
}

function isOneOf(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, name));
}

/** Checks what a launch names. A DryRun goes no further, and so says nothing of capacity. */
export function planLaunch(context: Ec2Context, input: QueryStructure): PlannedLaunch {
  assertTaggable(input, ['instance', 'volume', 'network-interface', 'spot-instances-request']);
  const count = findInteger(input, 'MaxCount') ?? 1;
  if (count < 1 || count > 100) throw invalidParameter('MaxCount', count, 'Expected 1 to 100.');
  const imageId = getText(input, 'ImageId');
  const { rootDeviceName, architecture, devices: defaults } = imageDefaults(context, imageId);
  const devices = requestedDevices(input, defaults);
  for (const { snapshotId } of devices) if (snapshotId) getUsableSnapshot(context, snapshotId);
  const zone = findText(findStructure(input, 'Placement') ?? {}, 'AvailabilityZone');
  const interfaces = planInterfaces(context, input, zone);
  const availabilityZone = interfaces[0]?.subnet.availabilityZone ?? '';
  const instanceType = findText(input, 'InstanceType') ?? 'm1.small';
  if (isOneOf(context.settings.typesNotOffered, instanceType))
    throw new Ec2Error(
      'Unsupported',
      `Your requested instance type (${instanceType}) is not supported in your requested Availability Zone (${availabilityZone}).`,
    );
  const keyName = findText(input, 'KeyName');
  if (keyName !== undefined) getKeyPair(context.region, keyName);
  const profile = findStructure(input, 'IamInstanceProfile') ?? {};
  const instanceProfile = findText(profile, 'Arn') ?? findText(profile, 'Name');
  if (instanceProfile !== undefined) assertProfile(context, instanceProfile);
  return {
    imageId,
    instanceType,
    availabilityZone,
    rootDeviceName,
    architecture,
    devices,
    interfaces,
    keyName,
    instanceProfile,
    tags: instanceTags(input),
  };
}

function assertProfile({ settings }: Ec2Context, profile: string): void {
  const name = profile.split('/').at(-1) ?? profile;
  if (isOneOf(settings.missingProfiles, name))
    throw new Ec2Error(
      'InvalidParameterValue',
      `Value (${profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name`,
    );
  if (isOneOf(settings.unpassableProfiles, name))
    throw new Ec2Error(
      'UnauthorizedOperation',
      `You are not authorized to perform this operation. User is not authorized to perform: iam:PassRole on the role of ${profile} because no identity-based policy allows the iam:PassRole action.`,
      403,
    );
}

/** The tags that are asked for, and those by which EC2 says what template it was launched from. */
function instanceTags(input: QueryStructure): Tags {
  const template = findStructure(input, 'LaunchTemplate');
  const templateId = template && findText(template, 'LaunchTemplateId');
  const tags = requestedTags(input, 'instance');
  assertRoomForTags(tags);
  if (template === undefined || templateId === undefined) return tags;
  const version = findText(template, 'Version') ?? '1';
  return { ...tags, 'aws:ec2launchtemplate:id': templateId, 'aws:ec2launchtemplate:version': version };
}

export async function runInstances(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  const { region, settings } = context;
  const token = findText(input, 'ClientToken');
  const request = JSON.stringify({ ...input, ClientToken: '' });
  const earlier = token ? region.clientTokens.get(`RunInstances:${token}`) : undefined;
  if (earlier && earlier.request !== request)
    throw new Ec2Error(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  const repeated = [...region.instances.values()].filter((one) => one.reservationId === earlier?.madeId);
  if (repeated.length > 0) return describeReservation(context, repeated);
  const reservationId = newResourceId('r');
  const instances: Instance[] = [];
  for (let index = 0; index < (findInteger(input, 'MaxCount') ?? 1); index += 1) {
    const planned = planLaunch(context, input);
    if (isOneOf(settings.noCapacityFor, planned.instanceType))
      throw new Ec2Error(
        'InsufficientInstanceCapacity',
        `We currently do not have sufficient ${planned.instanceType} capacity in the Availability Zone you requested (${planned.availabilityZone}).`,
        500,
      );
    instances.push(await makeInstance(context, input, planned, reservationId));
  }
  if (token) region.clientTokens.set(`RunInstances:${token}`, { request, madeId: reservationId });
  return describeReservation(context, instances);
}

async function makeInstance(
  context: Ec2Context,
  input: QueryStructure,
  planned: PlannedLaunch,
  reservationId: string,
): Promise<Instance> {
  const { region, now, settings } = context;
  const instanceId = newResourceId('i');
  const sequence = region.nextSequence();
  let failure: Instance['failure'];
  for (const { deviceName, deleteOnTermination, ...device } of planned.devices) {
    const volume = await makeVolume(context, { ...device, availabilityZone: planned.availabilityZone });
    if (volume.fate !== undefined)
      failure = { code: 'Client.InternalError', message: 'Client.InternalError: Client error on launch' };
    volume.attachment = {
      instanceId,
      device: deviceName,
      attachedAt: now,
      deleteOnTermination: deleteOnTermination ?? deviceName === planned.rootDeviceName,
    };
    putTags(context, volume.volumeId, requestedTags(input, 'volume'));
  }
  for (const one of planned.interfaces) makeInterface(context, instanceId, one, interfaceTags(input));
  const burstable = /^t\d/.test(planned.instanceType);
  const instance: Instance = {
    instanceId,
    reservationId,
    clientToken: findText(input, 'ClientToken'),
    sequence,
    createdAt: now,
    imageId: planned.imageId,
    instanceType: planned.instanceType,
    availabilityZone: planned.availabilityZone,
    rootDeviceName: planned.rootDeviceName,
    architecture: planned.architecture,
    ebsOptimized: findFlag(input, 'EbsOptimized') ?? false,
    keyName: planned.keyName,
    instanceProfile: planned.instanceProfile,
    userData: findText(input, 'UserData'),
    disableApiTermination: findFlag(input, 'DisableApiTermination') ?? false,
    disableApiStop: findFlag(input, 'DisableApiStop') ?? false,
    shutdownBehavior: findText(input, 'InstanceInitiatedShutdownBehavior') ?? 'stop',
    cpuCredits: burstable
      ? (findText(findStructure(input, 'CreditSpecification') ?? {}, 'CpuCredits') ??
        (planned.instanceType.startsWith('t2') ? 'standard' : 'unlimited'))
      : undefined,
    options: launchOptions(input, planned.availabilityZone),
    runsAt: later(now, settings.instanceMs),
    failure,
  };
  putTags(context, instanceId, planned.tags);
  region.instances.set(instanceId, instance);
  return instance;
}
