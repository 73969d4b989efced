import { Ec2Error, invalidParameter } from './ec2-error.ts';
import { later, type Ec2Context, type Image, type Instance, type Snapshot, type Volume } from './region.ts';

/** Resources that a Describe call already sees: EC2's reads lag behind its writes. */
export function visible<T extends { readonly createdAt: Date }>(
  context: Ec2Context,
  resources: ReadonlyMap<string, T>,
): T[] {
  return [...resources.values()].filter((resource) => isVisible(context, resource));
}

/** @throws {@link Ec2Error} with the code given, when the resource is too new to be seen. */
export function assertVisible(
  context: Ec2Context,
  resource: { readonly createdAt: Date },
  code: string,
  message: string,
): void {
  if (!isVisible(context, resource)) throw new Ec2Error(code, message);
}

function isVisible(context: Ec2Context, resource: { readonly createdAt: Date }): boolean {
  return later(resource.createdAt, context.settings.readLagMs) <= context.now;
}

/** @throws {@link Ec2Error} `InvalidVolume.NotFound` */
export function getVolume(context: Ec2Context, volumeId: string): Volume {
  if (!/^vol-[0-9a-f]+$/.test(volumeId)) {
    throw invalidParameter('volumeId', volumeId, "Expected: 'vol-...'.");
  }
  const volume = context.region.volumes.get(volumeId);
  if (!volume) throw new Ec2Error('InvalidVolume.NotFound', `The volume '${volumeId}' does not exist.`);
  return volume;
}

/**
 * End of a snapshot's pending time: as set when it began, or sooner if the delay has been shortened since; for one that
 * is being written, when its timeout is over.
 */
export function completionOf(
  { settings }: Ec2Context,
  { pendingSince, completesAt, writing }: Snapshot,
): Date {
  if (writing) return later(writing.usedAt, writing.timeoutMs);
  const asSetNow = later(pendingSince, settings.snapshotMs);
  return asSetNow < completesAt ? asSetNow : completesAt;
}

export function snapshotState(context: Ec2Context, snapshot: Snapshot): 'pending' | 'completed' | 'error' {
  if (completionOf(context, snapshot) > context.now) return 'pending';
  return snapshot.fails || snapshot.writing ? 'error' : 'completed';
}

/** @throws {@link Ec2Error} `InvalidSnapshot.NotFound` */
export function getSnapshot(context: Ec2Context, snapshotId: string): Snapshot {
  if (!/^snap-[0-9a-f]+$/.test(snapshotId)) {
    throw new Ec2Error('InvalidSnapshotID.Malformed', `Invalid id: "${snapshotId}" (expecting "snap-...")`);
  }
  const snapshot = context.region.snapshots.get(snapshotId);
  if (!snapshot)
    throw new Ec2Error('InvalidSnapshot.NotFound', `The snapshot '${snapshotId}' does not exist.`);
  return snapshot;
}

/** @throws {@link Ec2Error} `IncorrectState` when nothing can be made from it yet. */
export function getUsableSnapshot(context: Ec2Context, snapshotId: string): Snapshot {
  const snapshot = getSnapshot(context, snapshotId);
  if (snapshotState(context, snapshot) !== 'completed') {
    throw new Ec2Error('IncorrectState', `Snapshot '${snapshotId}' is not 'completed'.`);
  }
  return snapshot;
}

/** @throws {@link Ec2Error} `InvalidInstanceID.NotFound` */
export function getInstance(context: Ec2Context, instanceId: string): Instance {
  if (!/^i-[0-9a-f]+$/.test(instanceId)) {
    throw new Ec2Error('InvalidInstanceID.Malformed', `Invalid id: "${instanceId}"`);
  }
  const instance = context.region.instances.get(instanceId);
  if (!instance)
    throw new Ec2Error('InvalidInstanceID.NotFound', `The instance ID '${instanceId}' does not exist`);
  return instance;
}

/** @throws {@link Ec2Error} `InvalidAMIID.NotFound` */
export function getImage(context: Ec2Context, imageId: string): Image {
  if (!/^ami-[0-9a-f]+$/.test(imageId))
    throw new Ec2Error('InvalidAMIID.Malformed', `Invalid id: "${imageId}"`);
  const image = context.region.images.get(imageId);
  if (!image) throw new Ec2Error('InvalidAMIID.NotFound', `The image id '[${imageId}]' does not exist`);
  return image;
}
