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

const instanceArn = 'arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0' as ResourceArn;

/** Commits a point of an image with all its blocks in the vault: a full. */
export async function putImagePoint(
  services: AllServices,
  { arn = instanceArn, volumes, machine }: PlantedImage,
): Promise<Root> {
  const opened = await openRun(services, {
    runId: newId<RunId>(services.random),
    resourceArn: arn,
    resourceKind: arn.includes(':instance/') ? 'ec2-instance' : 'ebs-volume',
    plan: 'daily',
    type: 'full',
    keepDays: 35,
    readTags: true,
    blocks: true,
    sourceNow: async () => Promise.resolve(services.clock.now()),
  });
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
  const zeros = new Uint8Array(blockBytes);
  source.makeVolume(content.length, volume, blockBytes);
  for (let index = 0; index * blockBytes < content.length; index += 1) {
    const block = content.slice(index * blockBytes, (index + 1) * blockBytes);
    if (Buffer.compare(block, zeros.subarray(0, block.length)) !== 0) source.write(volume, index, block);
  }
}

function recordOf({ volume, content, record }: PlantedVolume): VolumeSnapshot {
  return {
    volume,
    snapshot: volume.replace('vol-', 'snap-'),
    sizeGiB: Math.ceil(content.length / 2 ** 30),
    volumeType: 'gp3',
    encrypted: false,
    availabilityZone: 'eu-central-1a',
    tags: {},
    ...record,
  };
}
