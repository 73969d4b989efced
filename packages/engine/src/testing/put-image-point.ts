import { newId } from '../bytes.ts';
import type { ResourceArn, RunId } from '../ids.ts';
import { copyBlocks } from '../images/copy-blocks.ts';
import { listBlocks } from '../images/list-blocks.ts';
import { ebsBlockBytes } from '../model/ebs-blocks.ts';
import type { Root, VolumeSnapshot } from '../points/root.ts';
import { joinShards } from '../protect/join-shards.ts';
import { commitPoint } from '../runs/commit-point.ts';
import { openRun } from '../runs/open-run.ts';
import type { AllServices } from '../services.ts';
import { MemoryBlockSource } from './memory-block-source.ts';

/** A volume to put into a point. */
export interface PlantedVolume {
  readonly volume: string;
  readonly content: Uint8Array;
  /** @default 512 KiB */
  readonly blockBytes?: number;
  readonly record?: Partial<VolumeSnapshot>;
}

export interface PlantedImage {
  /** @default that of an instance */
  readonly arn?: ResourceArn;
  readonly volumes: readonly PlantedVolume[];
  readonly machine?: Record<string, unknown>;
}

const plainRecord = {
  sizeGiB: 8,
  volumeType: 'gp3',
  encrypted: false,
  availabilityZone: 'eu-central-1a',
  tags: {},
};
const instanceArn = 'arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0' as ResourceArn;

/** Commits a point of an image whose blocks are in its snapshots alone. */
export async function putSnapshotPoint(
  services: AllServices,
  {
    arn = instanceArn,
    snapshots,
    machine,
  }: Pick<PlantedImage, 'arn' | 'machine'> & {
    readonly snapshots: readonly (Pick<VolumeSnapshot, 'volume' | 'snapshot'> & Partial<VolumeSnapshot>)[];
  },
): Promise<Root> {
  const opened = await openRun(services, { ...requestOf(services, arn), blocks: false });
  if (opened.state === 'over') throw new TypeError(`run ${opened.run.runId} is over`);
  const files = snapshots.length;
  const [logicalBytes, readBytes, newBytes, storedBytes] = [files * 8 * 2 ** 30, 0, 0, 0];
  const counts = {
    files,
    filesChanged: files,
    filesRemoved: 0,
    logicalBytes,
    readBytes,
    newBytes,
    storedBytes,
  };
  const committed = await commitPoint(services, opened.keys, opened.plan, async () =>
    Promise.resolve({
      counts,
      warnings: [],
      unread: { carried: 0, missing: 0 },
      pagePacks: [],
      pagePacksCounted: 0,
      image: { snapshots: snapshots.map((one) => ({ ...plainRecord, ...one })), machine },
    }),
  );
  return committed.root;
}

function requestOf(services: AllServices, arn: ResourceArn) {
  return {
    runId: newId<RunId>(services.random),
    resourceArn: arn,
    resourceKind: arn.includes(':instance/') ? ('ec2-instance' as const) : ('ebs-volume' as const),
    plan: 'daily',
    type: 'full' as const,
    keepDays: 35,
    readTags: true,
    sourceNow: async () => Promise.resolve(services.clock.now()),
  };
}

/** Commits a point of an image with all its blocks in the vault: a full. */
export async function putImagePoint(
  services: AllServices,
  { arn = instanceArn, volumes, machine }: PlantedImage,
): Promise<Root> {
  const opened = await openRun(services, { ...requestOf(services, arn), blocks: true });
  if (opened.state === 'over') throw new TypeError(`run ${opened.run.runId} is over`);
  const { plan, keys } = opened;
  const source = new MemoryBlockSource(services.clock);
  const snapshots = volumes.map(recordOf);
  for (const [at, volume] of volumes.entries()) {
    fill(source, volume);
    source.takeSnapshot(volume.volume, snapshots[at]?.snapshot);
  }
  const listed = await listBlocks(services, keys, plan, {
    source,
    volumes: snapshots,
    shouldStop: () => false,
  });
  if (!listed.done) throw new TypeError('a listing that nothing stops has an end');
  for (const shard of listed.shards) await copyBlocks(services, shard, { keys, plan, source });
  const committed = await commitPoint(services, keys, plan, async () => ({
    ...(await joinShards(services, keys, plan, listed.shards.length)),
    image: { snapshots, machine },
  }));
  return committed.root;
}

function fill(
  source: MemoryBlockSource,
  { volume, content, blockBytes = ebsBlockBytes }: PlantedVolume,
): void {
  source.makeVolume(content.length, volume, blockBytes);
  writeBlocks(source, { volume, content, blockBytes });
}

/** Writes those blocks of a volume that have other bytes than in what it had before. @param before - its content. */
export function writeBlocks(
  source: MemoryBlockSource,
  { volume, content, blockBytes }: Required<Omit<PlantedVolume, 'record'>>,
  before: Uint8Array = new Uint8Array(content.length),
): void {
  for (let at = 0; at < content.length; at += blockBytes) {
    const [block, had] = [content, before].map((bytes) => bytes.slice(at, at + blockBytes));
    if (block !== undefined && had !== undefined && Buffer.compare(block, had) !== 0)
      source.write(volume, at / blockBytes, block);
  }
}

function recordOf({ volume, content, record }: PlantedVolume): VolumeSnapshot {
  const snapshot = volume.replace('vol-', 'snap-');
  return { ...plainRecord, volume, snapshot, sizeGiB: Math.ceil(content.length / 2 ** 30), ...record };
}
