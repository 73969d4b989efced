import { randomUUID } from 'node:crypto';
import { matchesPattern } from '../wildcard.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { listFiltered } from './filters.ts';
import { assertVisible, getUsableSnapshot, getVolume, visible } from './lookup.ts';
import { assertZone } from './network/zones.ts';
import { page } from './paging.ts';
import { findFlag, findInteger, findText, getText, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Volume } from './region.ts';
import { assertRoomForTags, assertTaggable, putTags, requestedTags, tagSet } from './tags.ts';
import { checkedPerformance } from './volume-types.ts';

export interface VolumeRequest {
  readonly availabilityZone: string;
  readonly sizeGiB?: number;
  readonly snapshotId?: string;
  readonly volumeType?: string;
  readonly encrypted?: boolean;
  readonly kmsKeyId?: string;
  readonly iops?: number;
  readonly throughputMiB?: number;
  readonly isMultiAttach?: boolean;
}

export async function makeVolume(context: Ec2Context, request: VolumeRequest): Promise<Volume> {
  const snapshot = request.snapshotId ? getUsableSnapshot(context, request.snapshotId) : undefined;
  const sizeGiB = request.sizeGiB ?? snapshot?.volumeSizeGiB;
  if (sizeGiB === undefined) {
    throw new Ec2Error('MissingParameter', 'The request must contain the parameter size/snapshotId');
  }
  if (snapshot && sizeGiB < snapshot.volumeSizeGiB) {
    throw invalidParameter(
      'size',
      sizeGiB,
      `Size cannot be smaller than snapshot size (${snapshot.volumeSizeGiB} GiB).`,
    );
  }
  const volumeType = request.volumeType ?? 'gp2';
  const encrypted = request.encrypted ?? snapshot?.encrypted ?? false;
  const kmsKeyId = request.kmsKeyId ?? snapshot?.kmsKeyId;
  const sameKey = snapshot?.encrypted === encrypted && snapshot.kmsKeyId === kmsKeyId;
  const fate = fateOf(context, [request.snapshotId, kmsKeyId]);
  const volume: Volume = {
    volumeId: newResourceId('vol'),
    sequence: context.region.nextSequence(),
    createdAt: context.now,
    lineage: snapshot && sameKey ? snapshot.lineage : randomUUID(),
    sizeGiB,
    snapshotId: request.snapshotId ?? '',
    availabilityZone: request.availabilityZone,
    volumeType,
    encrypted,
    kmsKeyId,
    ...checkedPerformance({ ...request, type: volumeType, sizeGiB }),
    isMultiAttach: request.isMultiAttach,
    fate,
  };
  await context.contents.createVolume(volume.volumeId, sizeGiB, request.snapshotId);
  context.region.volumes.set(volume.volumeId, volume);
  return volume;
}

/** @param names - of the volume's snapshot and key. */
function fateOf({ settings }: Ec2Context, names: readonly (string | undefined)[]): Volume['fate'] {
  const isOneOf = (patterns: readonly string[]): boolean =>
    names.some((name) => name !== undefined && patterns.some((pattern) => matchesPattern(pattern, name)));
  if (isOneOf(settings.loseVolumesOf)) return 'lost';
  return isOneOf(settings.failVolumesOf) ? 'error' : undefined;
}

function volumeState(context: Ec2Context, volume: Volume): string {
  if (volume.attachment) return 'in-use';
  if (later(volume.createdAt, context.settings.volumeMs) > context.now) return 'creating';
  return volume.fate === 'error' ? 'error' : 'available';
}

/** Removes the volumes that EC2 found no key for. */
async function removeLost(context: Ec2Context): Promise<void> {
  for (const volume of context.region.volumes.values()) {
    if (volume.fate === 'lost' && volumeState(context, volume) !== 'creating')
      await removeVolume(context, volume);
  }
}

function attachmentSet(volume: Volume): XmlStructure[] {
  if (!volume.attachment) return [];
  const { instanceId, device, attachedAt, deleteOnTermination } = volume.attachment;
  const { volumeId } = volume;
  return [{ volumeId, instanceId, device, status: 'attached', attachTime: attachedAt, deleteOnTermination }];
}

function describeVolume(context: Ec2Context, volume: Volume): XmlStructure {
  return {
    volumeId: volume.volumeId,
    size: volume.sizeGiB,
    snapshotId: volume.snapshotId,
    availabilityZone: volume.availabilityZone,
    status: volumeState(context, volume),
    createTime: volume.createdAt,
    attachmentSet: attachmentSet(volume),
    tagSet: tagSet(context.region.tags.get(volume.volumeId)),
    volumeType: volume.volumeType,
    iops: volume.iops,
    throughput: volume.throughputMiB,
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    multiAttachEnabled: volume.isMultiAttach ?? false,
  };
}

export async function createVolume(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  assertTaggable(input, ['volume']);
  const token = findText(input, 'ClientToken');
  const request = JSON.stringify({ ...input, ClientToken: '' });
  const earlier = token ? context.region.clientTokens.get(`CreateVolume:${token}`) : undefined;
  if (earlier && earlier.request !== request) {
    throw new Ec2Error(
      'IdempotentParameterMismatch',
      `The client token '${token}' was used with other parameters; use a new one`,
    );
  }
  await removeLost(context);
  const repeated = earlier && context.region.volumes.get(earlier.madeId);
  if (repeated) return describeVolume(context, repeated);
  if (earlier) {
    throw new Ec2Error(
      'IdempotentParameterMismatch',
      'The client token you have provided is associated with a resource that is already deleted. Please use a different client token.',
    );
  }
  const tags = requestedTags(input, 'volume');
  assertRoomForTags(tags);
  const availabilityZone = getText(input, 'AvailabilityZone');
  assertZone(context.region, availabilityZone);
  const volume = await makeVolume(context, {
    availabilityZone,
    sizeGiB: findInteger(input, 'Size'),
    snapshotId: findText(input, 'SnapshotId'),
    volumeType: findText(input, 'VolumeType'),
    encrypted: findFlag(input, 'Encrypted'),
    kmsKeyId: findText(input, 'KmsKeyId'),
    iops: findInteger(input, 'Iops'),
    throughputMiB: findInteger(input, 'Throughput'),
    isMultiAttach: findFlag(input, 'MultiAttachEnabled'),
  });
  putTags(context, volume.volumeId, tags);
  if (token) context.region.clientTokens.set(`CreateVolume:${token}`, { request, madeId: volume.volumeId });
  return { ...describeVolume(context, volume), status: 'creating' };
}

export async function describeVolumes(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  await removeLost(context);
  const ids = listTexts(input, 'VolumeId');
  for (const id of ids)
    assertVisible(
      context,
      getVolume(context, id),
      'InvalidVolume.NotFound',
      `The volume '${id}' does not exist.`,
    );
  const volumes = visible(context, context.region.volumes).filter(
    (one) => ids.length === 0 || ids.includes(one.volumeId),
  );
  const found = listFiltered(volumes, input, (volume) => ({
    tags: context.region.tags.get(volume.volumeId),
    attributes: {
      'volume-id': [volume.volumeId],
      'snapshot-id': [volume.snapshotId],
      'availability-zone': [volume.availabilityZone],
      'volume-type': [volume.volumeType],
      size: [volume.sizeGiB],
      encrypted: [volume.encrypted],
      status: [volumeState(context, volume)],
      'create-time': [volume.createdAt.toISOString()],
      'attachment.instance-id': [volume.attachment?.instanceId],
      'attachment.device': [volume.attachment?.device],
      'attachment.status': [volume.attachment && 'attached'],
      'attachment.delete-on-termination': [volume.attachment?.deleteOnTermination],
    },
  }));
  const { items, nextToken } = page(found, input, ids);
  return { volumeSet: items.map((volume) => describeVolume(context, volume)), nextToken };
}

/** Makes a volume larger, at once. */
export async function modifyVolume(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  const volume = getVolume(context, getText(input, 'VolumeId'));
  const sizeGiB = findInteger(input, 'Size') ?? volume.sizeGiB;
  if (sizeGiB < volume.sizeGiB)
    throw invalidParameter(
      'size',
      sizeGiB,
      `New size cannot be smaller than existing size (${volume.sizeGiB} GiB).`,
    );
  await context.contents.resizeVolume(volume.volumeId, sizeGiB);
  context.region.volumes.set(volume.volumeId, { ...volume, sizeGiB });
  return {
    volumeModification: {
      volumeId: volume.volumeId,
      modificationState: 'completed',
      originalSize: volume.sizeGiB,
      targetSize: sizeGiB,
      progress: 100,
      startTime: context.now,
      endTime: context.now,
    },
  };
}

export async function removeVolume(context: Ec2Context, volume: Volume): Promise<void> {
  context.region.volumes.delete(volume.volumeId);
  await context.contents.removeVolume(volume.volumeId);
}
