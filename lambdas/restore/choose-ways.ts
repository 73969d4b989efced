import type { Ec2Images, Ec2Snapshot } from '@holdfast/aws';
import {
  InvalidInputError,
  type PointVolume,
  type Root,
  SnapshotMissingError,
  type VolumeSnapshot,
} from '@holdfast/engine';
import * as z from 'zod';
import type { ImageTarget, WrittenVolume } from './restore-job.ts';

/** Region and account that a restore happens in, which need not be the point's. */
export interface RestorePlace {
  readonly region: string;
  readonly account: string;
}

export function placeOfExecution(executionArn: string): RestorePlace {
  const [, , , region = '', account = ''] = executionArn.split(':');
  return { region, account };
}

/** Keys of volumes, as the machine's record has them. */
const KeysOfMachine = z.object({
  volumes: z.array(z.object({ volumeId: z.string(), kmsKeyId: z.string().optional() })),
});

/**
 * Decides what each volume is made of: the snapshot that the backup took, if it is here and complete, as that is
 * quicker and costs nothing; else one that is written out of the vault. What a delta is asked for of is written.
 * @param volumes - those whose blocks are in the vault.
 * @throws {@link SnapshotMissingError} a snapshot is gone, and its blocks are not in the vault.
 * @throws {@link InvalidInputError} the snapshot of a delta is not one of these volumes, or not one to build on.
 */
export async function chooseWays(
  images: Pick<Ec2Images, 'describeSnapshots'>,
  root: Root,
  volumes: readonly PointVolume[],
  target: ImageTarget,
  place: RestorePlace,
): Promise<ImageTarget> {
  const { snapshots } = target;
  const { deltaFrom = [] } = target.kind === 'volumes' ? target : {};
  const asked = [...snapshots.map(({ snapshot }) => snapshot), ...deltaFrom];
  const found = new Map((await images.describeSnapshots(asked)).map((one) => [one.snapshotId, one]));
  const stored = new Map(volumes.map((one) => [one.volume, one]));
  const deltas = new Map<string, WrittenVolume>();
  for (const snapshot of new Set(deltaFrom)) {
    const delta = findParent(snapshot, found, snapshots, stored);
    const other = deltas.get(delta.volume)?.parent?.snapshot;
    if (other !== undefined)
      throw new InvalidInputError(
        `"deltaFrom" names ${other} and ${snapshot}, both of volume ${delta.volume}; name the one of the volume as it is now`,
      );
    deltas.set(delta.volume, delta);
  }

  const written: WrittenVolume[] = [];
  for (const record of snapshots) {
    const native = found.get(record.snapshot);
    const blocks = stored.get(record.volume);
    const delta = deltas.get(record.volume);
    if (delta !== undefined) written.push(delta);
    else if (native?.state === 'completed' || (native !== undefined && blocks === undefined)) continue;
    else if (blocks === undefined) throw new SnapshotMissingError(record.snapshot, record.volume);
    else
      written.push({
        volume: record.volume,
        sizeGiB: gibibytesOf(blocks),
        encryption: encryptionOf(record, root.image?.machine, place),
      });
  }
  const keys = [...found].flatMap(([id, { kmsKeyId }]) =>
    kmsKeyId === undefined ? [] : [[id, kmsKeyId] as const],
  );
  return { ...target, keys: Object.fromEntries(keys), written };
}

function gibibytesOf({ bytes }: PointVolume): number {
  return Math.ceil(bytes / 2 ** 30);
}

function findParent(
  deltaFrom: string,
  found: ReadonlyMap<string, Ec2Snapshot>,
  snapshots: readonly VolumeSnapshot[],
  stored: ReadonlyMap<string, PointVolume>,
): WrittenVolume {
  const refuse = (why: string): never => {
    throw new InvalidInputError(
      `"deltaFrom" ${deltaFrom} ${why}; name a complete snapshot of the volume as it is now, or leave it out`,
    );
  };
  const parent = found.get(deltaFrom);
  if (parent === undefined) return refuse('is no snapshot of this account and region');
  if (parent.state !== 'completed') return refuse(`is in state ${parent.state}`);
  const record =
    snapshots.find(({ volume }) => volume === parent.volumeId) ??
    (snapshots.length === 1 ? snapshots[0] : undefined);
  if (record === undefined)
    return refuse(
      `is of volume ${parent.volumeId}, which the point has not: it has ${snapshots.map(({ volume }) => volume).join(', ')}`,
    );
  const blocks = stored.get(record.volume);
  if (blocks === undefined) return refuse(`is of volume ${record.volume}, whose blocks are not in the vault`);
  const sizeGiB = gibibytesOf(blocks);
  if (parent.sizeGiB > sizeGiB)
    return refuse(`has ${parent.sizeGiB} GiB, more than the ${sizeGiB} that the volume had`);
  // The new one has its parent's encryption: what was encrypted would lie there open.
  if (record.encrypted && !parent.encrypted) return refuse('is not encrypted, and the volume was');
  return {
    volume: record.volume,
    sizeGiB,
    parent: { snapshot: deltaFrom, sizeGiB: parent.sizeGiB, usedBytes: parent.usedBytes },
    encryption: parent.encrypted ? { keyArn: parent.kmsKeyId } : undefined,
  };
}

/** As the volume was encrypted, with its own key where that is known and from here; a key of elsewhere is of no use. */
function encryptionOf(
  { volume, encrypted }: VolumeSnapshot,
  machine: unknown,
  { region, account }: RestorePlace,
): WrittenVolume['encryption'] {
  if (!encrypted) return undefined;
  const keys = KeysOfMachine.safeParse(machine).data?.volumes;
  const key = keys?.find(({ volumeId }) => volumeId === volume)?.kmsKeyId;
  const [, , , ofRegion, ofAccount] = key?.split(':') ?? [];
  return { keyArn: ofRegion === region && ofAccount === account ? key : undefined };
}
