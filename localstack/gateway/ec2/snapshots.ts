import { matchesPattern } from '../wildcard.ts';
import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { listFiltered } from './filters.ts';
import { assertVisible, completionOf, getSnapshot, getVolume, snapshotState, visible } from './lookup.ts';
import { page } from './paging.ts';
import { findFlag, findText, getStructure, getText, listTexts } from './parameters.ts';
import type { QueryStructure, XmlStructure } from './query-protocol.ts';
import { later, newResourceId, type Ec2Context, type Snapshot, type Volume } from './region.ts';
import { assertRoomForTags, assertTaggable, putTags, requestedTags, tagSet } from './tags.ts';
import type { Tags } from './tag-history.ts';

function snapshotProgress(context: Ec2Context, snapshot: Snapshot): string {
  const state = snapshotState(context, snapshot);
  if (state !== 'pending') return state === 'error' ? '' : '100%';
  if (snapshot.writing) return `${snapshot.writing.progressPercent}%`;
  const elapsed = context.now.getTime() - snapshot.pendingSince.getTime();
  const total = completionOf(context, snapshot).getTime() - snapshot.pendingSince.getTime();
  return `${Math.min(99, Math.floor((100 * elapsed) / total))}%`;
}

function assertRate(context: Ec2Context, volumes: readonly Volume[]): void {
  const since = later(context.now, -context.settings.snapshotIntervalMs);
  for (const { volumeId } of volumes) {
    const recent = [...context.region.snapshots.values()].some(
      (snapshot) => snapshot.volumeId === volumeId && snapshot.createdAt > since,
    );
    if (recent) {
      throw new Ec2Error(
        'SnapshotCreationPerVolumeRateExceeded',
        `The maximum per volume CreateSnapshot request rate has been exceeded. Use an increasing or variable sleep interval between requests.`,
      );
    }
  }
}

/** Tells apart whether an account may have so many more pending snapshots. */
export function mayBePending(context: Ec2Context, added: number): boolean {
  const { pendingSnapshots } = context.settings;
  if (pendingSnapshots === 0) return true;
  const pending = [...context.region.snapshots.values()].filter(
    (snapshot) => snapshotState(context, snapshot) === 'pending',
  );
  return pending.length + added <= pendingSnapshots;
}

export function isSetToFail({ settings }: Ec2Context, volumeId: string): boolean {
  return settings.failSnapshotsOf.some((pattern) => matchesPattern(pattern, volumeId));
}

/** Freezes volumes at one moment; if one of them is set to fail, all of them do. */
async function makeSnapshots(
  context: Ec2Context,
  volumes: readonly Volume[],
  description: string,
  tagsOf: (volume: Volume) => Tags,
): Promise<Snapshot[]> {
  assertRate(context, volumes);
  if (!mayBePending(context, volumes.length)) {
    throw new Ec2Error(
      'PendingSnapshotLimitExceeded',
      `The maximum number of pending snapshots (${context.settings.pendingSnapshots}) has been reached.`,
    );
  }
  const tags = volumes.map((volume) => tagsOf(volume));
  for (const one of tags) assertRoomForTags(one);
  const fails = volumes.some(({ volumeId }) => isSetToFail(context, volumeId));
  const snapshots = volumes.map((volume): Snapshot => ({
    snapshotId: newResourceId('snap'),
    sequence: context.region.nextSequence(),
    createdAt: context.now,
    pendingSince: context.now,
    completesAt: later(context.now, context.settings.snapshotMs),
    volumeId: volume.volumeId,
    volumeSizeGiB: volume.sizeGiB,
    description,
    encrypted: volume.encrypted,
    kmsKeyId: volume.kmsKeyId,
    lineage: volume.lineage,
    fails,
  }));
  // The bytes first: nobody may make a volume from a snapshot that has none yet.
  for (const { snapshotId, volumeId } of snapshots)
    await context.contents.createSnapshot(snapshotId, volumeId);
  for (const [index, snapshot] of snapshots.entries()) {
    putTags(context, snapshot.snapshotId, tags[index]!);
    context.region.snapshots.set(snapshot.snapshotId, snapshot);
  }
  return snapshots;
}

function describeSnapshot(context: Ec2Context, snapshot: Snapshot): XmlStructure {
  const state = snapshotState(context, snapshot);
  return {
    snapshotId: snapshot.snapshotId,
    volumeId: snapshot.volumeId,
    status: state,
    statusMessage: state === 'error' ? 'the snapshot failed' : undefined,
    startTime: snapshot.createdAt,
    completionTime: state === 'completed' ? completionOf(context, snapshot) : undefined,
    progress: snapshotProgress(context, snapshot),
    ownerId: context.region.accountId,
    volumeSize: snapshot.volumeSizeGiB,
    fullSnapshotSizeInBytes:
      state === 'completed' ? context.contents.bytesWritten(snapshot.snapshotId) : undefined,
    description: snapshot.description,
    encrypted: snapshot.encrypted,
    kmsKeyId: snapshot.kmsKeyId,
    storageTier: 'standard',
    tagSet: tagSet(context.region.tags.get(snapshot.snapshotId)),
  };
}

export async function createSnapshot(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  assertTaggable(input, ['snapshot']);
  const volume = getVolume(context, getText(input, 'VolumeId'));
  const tags = requestedTags(input, 'snapshot');
  const [snapshot] = await makeSnapshots(context, [volume], findText(input, 'Description') ?? '', () => tags);
  return {
    ...describeSnapshot(context, snapshot!),
    status: 'pending',
    progress: '',
    completionTime: undefined,
  };
}

function includedVolumes(context: Ec2Context, specification: QueryStructure): Volume[] {
  const instanceId = getText(specification, 'InstanceId');
  const instance = context.region.instances.get(instanceId);
  if (!instance) {
    throw new Ec2Error('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
  }
  const attached = [...context.region.volumes.values()].filter(
    (one) => one.attachment?.instanceId === instanceId,
  );
  const isBoot = (volume: Volume): boolean => volume.attachment?.device === instance.rootDeviceName;
  const excluded = listTexts(specification, 'ExcludeDataVolumeId');
  for (const volumeId of excluded) {
    const volume = attached.find((one) => one.volumeId === volumeId);
    if (!volume || isBoot(volume)) {
      throw invalidParameter(
        'ExcludeDataVolumeIds',
        volumeId,
        `It is not a data volume of instance ${instanceId}.`,
      );
    }
  }
  const withoutBoot = findFlag(specification, 'ExcludeBootVolume') === true;
  return attached.filter((one) => !excluded.includes(one.volumeId) && !(withoutBoot && isBoot(one)));
}

export async function createSnapshots(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  assertTaggable(input, ['snapshot']);
  const volumes = includedVolumes(context, getStructure(input, 'InstanceSpecification'));
  if (volumes.length === 0) {
    throw new Ec2Error(
      'InvalidParameterCombination',
      'No volumes are left to snapshot; exclude fewer of them',
    );
  }
  const copy = findText(input, 'CopyTagsFromSource');
  if (copy !== undefined && copy !== 'volume')
    throw invalidParameter('CopyTagsFromSource', copy, "Expected 'volume'.");
  const requested = requestedTags(input, 'snapshot');
  const snapshots = await makeSnapshots(context, volumes, findText(input, 'Description') ?? '', (volume) => ({
    ...(copy ? context.region.tags.get(volume.volumeId) : {}),
    ...requested,
  }));
  return {
    snapshotSet: snapshots.map((snapshot) => ({
      snapshotId: snapshot.snapshotId,
      volumeId: snapshot.volumeId,
      state: 'pending',
      progress: '',
      startTime: snapshot.createdAt,
      volumeSize: snapshot.volumeSizeGiB,
      ownerId: context.region.accountId,
      description: snapshot.description,
      encrypted: snapshot.encrypted,
      tagSet: tagSet(context.region.tags.get(snapshot.snapshotId)),
    })),
  };
}

export function describeSnapshots(context: Ec2Context, input: QueryStructure): XmlStructure {
  const { accountId, tags } = context.region;
  const ids = listTexts(input, 'SnapshotId');
  const owners = listTexts(input, 'Owner');
  for (const id of ids) {
    assertVisible(
      context,
      getSnapshot(context, id),
      'InvalidSnapshot.NotFound',
      `The snapshot '${id}' does not exist.`,
    );
  }
  const owned = owners.length === 0 || owners.includes('self') || owners.includes(accountId);
  const snapshots = visible(context, context.region.snapshots).filter(
    (one) => owned && (ids.length === 0 || ids.includes(one.snapshotId)),
  );
  const found = listFiltered(snapshots, input, (snapshot) => ({
    tags: tags.get(snapshot.snapshotId),
    attributes: {
      'snapshot-id': [snapshot.snapshotId],
      'volume-id': [snapshot.volumeId],
      'volume-size': [snapshot.volumeSizeGiB],
      status: [snapshotState(context, snapshot)],
      progress: [snapshotProgress(context, snapshot)],
      'start-time': [snapshot.createdAt.toISOString()],
      description: [snapshot.description],
      encrypted: [snapshot.encrypted],
      'owner-id': [accountId],
      'owner-alias': [],
      'storage-tier': ['standard'],
      'transfer-type': [],
    },
  }));
  const { items, nextToken } = page(found, input, ids);
  return { snapshotSet: items.map((one) => describeSnapshot(context, one)), nextToken };
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LockSnapshot.html */
export function lockSnapshot(context: Ec2Context, input: QueryStructure): XmlStructure {
  const snapshot = getSnapshot(context, getText(input, 'SnapshotId'));
  const mode = getText(input, 'LockMode');
  if (mode !== 'governance' && mode !== 'compliance')
    throw invalidParameter('LockMode', mode, 'it is governance or compliance');
  const until = new Date(getText(input, 'ExpirationDate'));
  if (Number.isNaN(until.getTime()) || until <= context.now)
    throw invalidParameter('ExpirationDate', getText(input, 'ExpirationDate'), 'it has to lie ahead');
  if (snapshot.lock?.mode === 'compliance' && until < snapshot.lock.until)
    throw invalidParameter(
      'ExpirationDate',
      until.toISOString(),
      'a lock in compliance mode cannot be shortened',
    );
  context.region.snapshots.set(snapshot.snapshotId, {
    ...snapshot,
    lock: { mode, createdAt: context.now, until },
  });
  return {
    snapshotId: snapshot.snapshotId,
    lockState: mode,
    lockCreatedOn: context.now.toISOString(),
    lockExpiresOn: until.toISOString(),
  };
}

/** @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLockedSnapshots.html */
export function describeLockedSnapshots(context: Ec2Context, input: QueryStructure): XmlStructure {
  const ids = listTexts(input, 'SnapshotId');
  const locked = [...context.region.snapshots.values()].filter(
    ({ snapshotId, lock }) => lock !== undefined && (ids.length === 0 || ids.includes(snapshotId)),
  );
  const stateOf = ({ lock }: (typeof locked)[number]): string =>
    lock !== undefined && lock.until > context.now ? lock.mode : 'expired';
  const found = listFiltered(locked, input, (one) => ({
    tags: {},
    attributes: { 'lock-state': [stateOf(one)] },
  }));
  const { items, nextToken } = page(found, input, ids);
  return {
    snapshotSet: items.map((one) => ({
      ownerId: context.region.accountId,
      snapshotId: one.snapshotId,
      lockState: stateOf(one),
      lockCreatedOn: one.lock?.createdAt.toISOString(),
      lockExpiresOn: one.lock?.until.toISOString(),
    })),
    nextToken,
  };
}

export async function deleteSnapshot(context: Ec2Context, input: QueryStructure): Promise<XmlStructure> {
  const { snapshotId, lock } = getSnapshot(context, getText(input, 'SnapshotId'));
  const image = [...context.region.images.values()].find((one) =>
    one.devices.some((device) => device.snapshotId === snapshotId),
  );
  if (image) {
    throw new Ec2Error(
      'InvalidSnapshot.InUse',
      `The snapshot ${snapshotId} is currently in use by ${image.imageId}`,
    );
  }
  if (lock !== undefined && lock.until > context.now)
    throw new Ec2Error(
      'SnapshotLocked',
      `The snapshot ${snapshotId} is locked until ${lock.until.toISOString()}`,
    );
  context.region.snapshots.delete(snapshotId);
  await context.contents.removeSnapshot(snapshotId);
  return { return: true };
}
