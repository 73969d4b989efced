import {
  CreateSnapshotCommand,
  DescribeInstancesCommand,
  type EC2Client,
  type Instance,
  TerminateInstancesCommand,
  waitUntilSnapshotCompleted,
} from '@aws-sdk/client-ec2';
import type { PointRow } from '@holdfast/engine';
import type { RestoreInput, RestoreReport } from '@holdfast/engine/model';
import type { VolumeBytes } from '../volume-bytes.ts';
import { begin, say } from './narrate.ts';
import type { Proof } from './proof.ts';
import { hashVolume, writeVolume, type SourceMachine } from './source-machine.ts';

/** The hash of each volume of the machine, all of its bytes, at one time. */
export type ImageState = ReadonlyMap<string, string>;

/** Points of the machine, and what its volumes held then, in the order of the cycles. */
export interface ImageHistory {
  readonly points: readonly PointRow[];
  readonly states: readonly ImageState[];
}

export interface ImageRestores {
  readonly ec2: EC2Client;
  readonly bytes: VolumeBytes;
  readonly zone: string;
  readonly proof: Proof;
  /** Runs a restore, and waits for its report. */
  readonly restore: (name: string, input: RestoreInput) => Promise<RestoreReport>;
}

export async function hashVolumes(bytes: VolumeBytes, { volumeIds }: SourceMachine): Promise<ImageState> {
  const hashes = volumeIds.map(async (id) => [id, await hashVolume(bytes, id)] as const);
  return new Map(await Promise.all(hashes));
}

/** Restores the machine as volumes, as the difference to what somebody has made of one, and as a machine. */
export async function restoreImages(
  images: ImageRestores,
  machine: SourceMachine,
  { points, states }: ImageHistory,
): Promise<void> {
  const { ec2, bytes, zone, restore } = images;
  const [, incremental, differential] = points as [PointRow, PointRow, PointRow];
  const [, afterFirst, afterSecond] = states as [ImageState, ImageState, ImageState];

  begin(
    'restoring volumes as they were two points ago',
    'blocks in the vault are enough: snapshots may be gone',
  );
  const volumes = { availabilityZone: zone };
  const restored = await restore('volumes', { point: incremental.pointId, target: { volumes } });
  const older = { done: 'two volumes written to', came: 'both, as they were before' };
  await compare(images, older, restored.volumes, afterFirst);

  const damaged = machine.volumeIds[1] as string;
  begin(
    `somebody encrypts ${damaged}; restoring it as the difference to a snapshot of what is left`,
    'only blocks that differ are written, and the result is as if all had been',
  );
  await writeVolume(bytes, damaged, 'pay, or it stays like this');
  const { SnapshotId: deltaFrom = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId: damaged }));
  // By default it looks every 15 seconds at least.
  const patience = { client: ec2, minDelay: 1, maxDelay: 2, maxWaitTime: 60 };
  await waitUntilSnapshotCompleted(patience, { SnapshotIds: [deltaFrom] });
  const delta = await restore('delta', {
    point: differential.pointId,
    target: { volumes: { ...volumes, deltaFrom: [deltaFrom] } },
  });
  const encrypted = { done: 'a volume encrypted', came: 'it, by the difference' };
  await compare(images, encrypted, delta.volumes, afterSecond);

  begin(
    `somebody terminates ${machine.instanceId}; launching it again`,
    'it boots from what the vault has, with its settings and tags',
  );
  const source = await describe(ec2, machine.instanceId);
  await ec2.send(new TerminateInstancesCommand({ InstanceIds: [machine.instanceId] }));
  const { instance } = await restore('machine', { point: differential.pointId, target: { instance: {} } });
  const launched = await describe(ec2, instance?.instanceId ?? '');
  await compareMachines(images, source, launched, afterSecond);
}

async function describe(ec2: EC2Client, instanceId: string): Promise<Instance | undefined> {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
  return Reservations?.[0]?.Instances?.[0];
}

async function compare(
  { bytes, proof }: ImageRestores,
  { done, came }: { readonly done: string; readonly came: string },
  volumes: RestoreReport['volumes'] = [],
  expected: ImageState,
): Promise<void> {
  const found: string[] = [];
  if (volumes.length !== expected.size)
    found.push(`${volumes.length} volumes were restored, not ${expected.size}`);
  for (const { sourceVolumeId, volumeId, from } of volumes) {
    const isSame = (await hashVolume(bytes, volumeId)) === expected.get(sourceVolumeId);
    say(`  compared ${volumeId}, from ${from}, with ${sourceVolumeId}: ${isSame ? 'the same' : 'DIFFERENT'}`);
    if (!isSame) found.push(`volume ${volumeId} is not as ${sourceVolumeId} was`);
  }
  proof.add({ done, came, compared: `${volumes.length} × SHA-256 of 1 GiB` }, found);
}

async function compareMachines(
  { bytes, proof }: ImageRestores,
  source: Instance | undefined,
  launched: Instance | undefined,
  expected: ImageState,
): Promise<void> {
  const instanceId = launched?.InstanceId;
  const volumeIds = (launched?.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.VolumeId ?? []);
  const hashes = await Promise.all(volumeIds.map(async (id) => hashVolume(bytes, id)));
  const name = nameOf(launched);
  const found: string[] = [];
  if (hashes.toSorted().join() !== [...expected.values()].toSorted().join())
    found.push(`the volumes of ${instanceId} are not as they were`);
  if (name === undefined || name !== nameOf(source))
    found.push(`${instanceId} is called ${name}, and not ${nameOf(source)}`);
  if (launched?.InstanceType !== source?.InstanceType)
    found.push(`${instanceId} is a ${launched?.InstanceType}, and not a ${source?.InstanceType}`);
  const outcome = found.length === 0 ? 'the same' : 'DIFFERENT';
  say(`  compared type, name (${name}) and volumes of ${instanceId}: ${outcome}`);
  const compared = `type, name, ${hashes.length} × SHA-256 of 1 GiB`;
  proof.add({ done: 'the machine terminated', came: 'it runs again', compared }, found);
}

function nameOf(instance: Instance | undefined): string | undefined {
  return instance?.Tags?.find(({ Key }) => Key === 'Name')?.Value;
}
