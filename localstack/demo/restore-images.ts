import {
  CreateSnapshotCommand,
  DescribeInstancesCommand,
  type EC2Client,
  waitUntilSnapshotCompleted,
} from '@aws-sdk/client-ec2';
import type { PointRow } from '@holdfast/engine';
import type { RestoreInput, RestoreReport } from '@holdfast/engine/model';
import type { VolumeBytes } from '../volume-bytes.ts';
import { say } from './narrate.ts';
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
  /** Runs a restore, and waits for its report. */
  readonly restore: (name: string, input: RestoreInput) => Promise<RestoreReport>;
}

export async function hashVolumes(bytes: VolumeBytes, { volumeIds }: SourceMachine): Promise<ImageState> {
  const hashes = volumeIds.map(async (id) => [id, await hashVolume(bytes, id)] as const);
  return new Map(await Promise.all(hashes));
}

/**
 * Restores the machine as volumes, as the difference to what somebody has made of one, and as a machine.
 * @returns what is not as it was.
 */
export async function restoreImages(
  { ec2, bytes, zone, restore }: ImageRestores,
  machine: SourceMachine,
  { points, states }: ImageHistory,
): Promise<readonly string[]> {
  const [, incremental, differential] = points as [PointRow, PointRow, PointRow];
  const [, afterFirst, afterSecond] = states as [ImageState, ImageState, ImageState];
  const differences: string[] = [];
  const compare = async (volumes: RestoreReport['volumes'] = [], expected: ImageState): Promise<void> => {
    if (volumes.length !== expected.size)
      differences.push(`${volumes.length} volumes were restored, not ${expected.size}`);
    for (const { sourceVolumeId, volumeId, from } of volumes) {
      const isSame = (await hashVolume(bytes, volumeId)) === expected.get(sourceVolumeId);
      say(
        `  compared ${volumeId}, from ${from}, with ${sourceVolumeId}: ${isSame ? 'the same' : 'DIFFERENT'}`,
      );
      if (!isSame) differences.push(`volume ${volumeId} is not as ${sourceVolumeId} was`);
    }
  };

  say('restoring volumes as they were two points ago, from their blocks in the vault');
  const volumes = { availabilityZone: zone };
  const restored = await restore('volumes', { point: incremental.pointId, target: { volumes } });
  await compare(restored.volumes, afterFirst);

  const damaged = machine.volumeIds[1] as string;
  say(`somebody encrypts ${damaged}; restoring it as the difference to a snapshot of what is left`);
  await writeVolume(bytes, damaged, 'pay, or it stays like this');
  const { SnapshotId: deltaFrom = '' } = await ec2.send(new CreateSnapshotCommand({ VolumeId: damaged }));
  await waitUntilSnapshotCompleted({ client: ec2, maxWaitTime: 60 }, { SnapshotIds: [deltaFrom] });
  const delta = await restore('delta', {
    point: differential.pointId,
    target: { volumes: { ...volumes, deltaFrom: [deltaFrom] } },
  });
  await compare(delta.volumes, afterSecond);

  say('launching the machine again');
  const { instance } = await restore('machine', { point: differential.pointId, target: { instance: {} } });
  const { Reservations } = await ec2.send(
    new DescribeInstancesCommand({ InstanceIds: [instance?.instanceId ?? ''] }),
  );
  const mapped = Reservations?.[0]?.Instances?.[0]?.BlockDeviceMappings ?? [];
  const launched = mapped.flatMap(({ Ebs }) => Ebs?.VolumeId ?? []);
  const hashes = await Promise.all(launched.map(async (id) => hashVolume(bytes, id)));
  const isSame = hashes.toSorted().join() === [...afterSecond.values()].toSorted().join();
  say(`  compared the volumes of ${instance?.instanceId}: ${isSame ? 'the same' : 'DIFFERENT'}`);
  if (!isSame) differences.push(`the volumes of ${instance?.instanceId} are not as they were`);
  return differences;
}
