import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { findText, getText, listStructures, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import type { Ec2Context, Ec2Region } from './region.ts';
import type { Tags } from './tag-history.ts';

const maxTags = 50;

export function tagSet(tags: Tags): XmlStructure[] {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

function readTags(input: QueryStructure): Record<string, string> {
  const pairs = listStructures(input, 'Tag').map(
    (tag) => [getText(tag, 'Key'), findText(tag, 'Value') ?? ''] as const,
  );
  for (const [key] of pairs) {
    if (key.startsWith('aws:')) {
      throw invalidParameter('tag key', key, "Tag keys starting with 'aws:' are reserved for internal use");
    }
  }
  return Object.fromEntries(pairs);
}

export function requestedTags(input: QueryStructure, resourceType: string): Tags {
  const specifications = listStructures(input, 'TagSpecification');
  return Object.assign(
    {},
    ...specifications.filter((one) => findText(one, 'ResourceType') === resourceType).map(readTags),
  ) as Tags;
}

/** Refuses TagSpecifications for what the call does not make, as EC2 does. */
export function assertTaggable(input: QueryStructure, resourceTypes: readonly string[]): void {
  for (const specification of listStructures(input, 'TagSpecification')) {
    const type = getText(specification, 'ResourceType');
    if (!resourceTypes.includes(type)) {
      throw invalidParameter(
        'ResourceType',
        type,
        `'${type}' is not a valid taggable resource type for this operation.`,
      );
    }
  }
}

/** @throws {@link Ec2Error} `TagLimitExceeded`: a call that asks for too many makes nothing at all. */
export function assertRoomForTags(tags: Tags): void {
  const own = Object.keys(tags).filter((key) => !key.startsWith('aws:'));
  if (own.length > maxTags) {
    throw new Ec2Error(
      'TagLimitExceeded',
      `The maximum number of Tags for a resource (${maxTags}) has been reached.`,
    );
  }
}

export function putTags(context: Ec2Context, resourceId: string, tags: Tags): void {
  assertRoomForTags(tags);
  if (Object.keys(tags).length > 0) context.region.tags.put(resourceId, tags, context.now);
}

const typesByPrefix: Readonly<Record<string, string>> = {
  vol: 'volume',
  snap: 'snapshot',
  i: 'instance',
  ami: 'image',
  eni: 'network-interface',
  sg: 'security-group',
};
const notFoundCodes: Readonly<Record<string, string>> = {
  volume: 'InvalidVolume.NotFound',
  snapshot: 'InvalidSnapshot.NotFound',
  instance: 'InvalidInstanceID.NotFound',
  image: 'InvalidAMIID.NotFound',
  'network-interface': 'InvalidNetworkInterfaceID.NotFound',
  'security-group': 'InvalidGroup.NotFound',
};

export function resourceTypeOf(resourceId: string): string | undefined {
  return typesByPrefix[resourceId.split('-')[0] ?? ''];
}

function resourceOf(region: Ec2Region, resourceId: string): object | undefined {
  return (
    region.volumes.get(resourceId) ??
    region.snapshots.get(resourceId) ??
    region.instances.get(resourceId) ??
    region.images.get(resourceId) ??
    region.networkInterfaces.get(resourceId) ??
    region.securityGroups.get(resourceId)
  );
}

function assertTagTargets(context: Ec2Context, resourceIds: readonly string[]): void {
  if (resourceIds.length === 0)
    throw new Ec2Error('MissingParameter', 'The request must contain the parameter resourceIdSet');
  for (const resourceId of resourceIds) {
    const type = resourceTypeOf(resourceId);
    if (!type) throw new Ec2Error('InvalidID', `The ID '${resourceId}' is not valid`);
    if (!resourceOf(context.region, resourceId)) {
      throw new Ec2Error(notFoundCodes[type]!, `The ${type} ID '${resourceId}' does not exist`);
    }
  }
}

export function createTags(context: Ec2Context, input: QueryStructure): XmlStructure {
  const resourceIds = listTexts(input, 'ResourceId');
  assertTagTargets(context, resourceIds);
  const added = readTags(input);
  for (const resourceId of resourceIds) {
    putTags(context, resourceId, { ...context.region.tags.get(resourceId), ...added });
  }
  return { return: true };
}

export function deleteTags(context: Ec2Context, input: QueryStructure): XmlStructure {
  const resourceIds = listTexts(input, 'ResourceId');
  assertTagTargets(context, resourceIds);
  const given = listStructures(input, 'Tag');
  for (const resourceId of resourceIds) {
    const left = { ...context.region.tags.get(resourceId) };
    const keys = given.length > 0 ? given.map((tag) => getText(tag, 'Key')) : Object.keys(left);
    for (const key of keys) {
      const value = findText(given.find((tag) => findText(tag, 'Key') === key) ?? {}, 'Value');
      if (value === undefined || value === left[key]) delete left[key];
    }
    context.region.tags.put(resourceId, left, context.now);
  }
  return { return: true };
}
