import type { ResourceArn, RunId } from '../../src/ids.ts';
import { copyBlocks } from '../../src/images/copy-blocks.ts';
import { listBlocks } from '../../src/images/list-blocks.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { BufferPool } from '../../src/packs/buffer-pool.ts';
import type { ChunkStorePolicy } from '../../src/packs/chunk-store.ts';
import { commitPoint } from '../../src/runs/commit-point.ts';
import type { LeasePolicy } from '../../src/runs/generation.ts';
import { openRun } from '../../src/runs/open-run.ts';
import { FakeClock, MemoryBlockSource } from '../../src/testing/index.ts';
import type { Dice } from './dice.ts';
import type { Program } from './live-actor.ts';

const blockBytes = 512;
const volumeBlocks = 200;

/** The work of a run of a volume. */
interface VolumeRun {
  readonly runId: RunId;
  readonly type: BackupType;
  readonly plan: string;
  readonly keepDays: number;
  readonly takenAt: Date;
  /** @default that of the days */
  readonly leasePolicy?: LeasePolicy;
}

/** Small buffers: making large ones would take up most of the time. */
const storePolicy: ChunkStorePolicy = {
  packTargetBytes: 9 * 2 ** 20,
  lookupChunks: 128,
  lookupBytes: 2 ** 17,
  rememberedChunks: 1_000,
};

/** A volume whose blocks the model changes and backs up. Blocks repeat, so that packs are shared. */
export class WalkedVolume {
  readonly arn: ResourceArn;
  // Of a time that stands still: no token of a snapshot ends.
  readonly #disks = new MemoryBlockSource(new FakeClock(), { blockBytes, pageBlocks: 7 });
  readonly #volume = this.#disks.makeVolume(volumeBlocks * blockBytes);
  readonly #snapshots: string[] = [];
  readonly #buffers = new BufferPool();

  constructor(arn: ResourceArn) {
    this.arn = arn;
  }

  /** Writes and trims some blocks; now and then snapshots go that a next run would compare with. */
  change(dice: Dice): void {
    for (let change = dice.number(8); change > 0; change -= 1) {
      const index = dice.number(volumeBlocks);
      if (dice.number(5) === 0) this.#disks.trim(this.#volume, index);
      else this.write(index, dice.number(12));
    }
    if (dice.number(6) > 0) return;
    for (const snapshot of this.#snapshots.splice(0)) this.#disks.removeSnapshot(snapshot);
  }

  write(index: number, content: number): void {
    this.#disks.write(this.#volume, index, new Uint8Array(blockBytes).fill(content));
  }

  /** Takes the snapshot of a run. @returns the volume's content, and a program that copies its blocks and commits. */
  backUp({ runId, type, plan: planName, keepDays, takenAt, leasePolicy }: VolumeRun): {
    content: Uint8Array;
    program: Program;
  } {
    const disks = this.#disks;
    const [volume, snapshot] = [this.#volume, disks.takeSnapshot(this.#volume)];
    this.#snapshots.push(snapshot);
    const program: Program = async (services) => {
      const opened = await openRun(services, {
        runId,
        resourceArn: this.arn,
        resourceKind: 'ebs-volume',
        plan: planName,
        type,
        keepDays,
        leasePolicy,
        readTags: false,
        blocks: true,
        sourceNow: async () => Promise.resolve(takenAt),
      });
      if (opened.state === 'over') return 'over';
      const { plan, keys } = opened;
      const listed = await listBlocks(services, keys, plan, {
        source: disks,
        volumes: [{ volume, snapshot }],
        limits: { blocks: 40, extents: 65_536 },
        shouldStop: () => false,
      });
      if (!listed.done) throw new TypeError('a listing that is never told to stop has stopped');
      const buffers = this.#buffers;
      for (const shard of listed.shards)
        await copyBlocks(services, shard, { plan, keys, source: disks, storePolicy, buffers });
      const { root } = await commitPoint(services, keys, plan, async () => ({
        ...(await joinShards(services, keys, plan, listed.shards.length)),
        image: { snapshots: [] },
      }));
      return root.point;
    };
    return { content: disks.contentOf(snapshot), program };
  }
}
