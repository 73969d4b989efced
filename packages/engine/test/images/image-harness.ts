import { utf8 } from '../../src/bytes.ts';
import { BackupError } from '../../src/errors.ts';
import type { ResourceArn, RunId } from '../../src/ids.ts';
import { copyBlocks } from '../../src/images/copy-blocks.ts';
import type { BlockShardReference } from '../../src/images/block-shards.ts';
import {
  type BlockListingState,
  type BlockShardLimits,
  listBlocks,
  type SnapshotOfVolume,
} from '../../src/images/list-blocks.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { volumeEntries } from '../../src/manifest/volume-entries.ts';
import type { Entry } from '../../src/manifest/page-codec.ts';
import { isEntryKey, pathKeys } from '../../src/manifest/tuple-key.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import { BufferPool } from '../../src/packs/buffer-pool.ts';
import type { ImageRecord } from '../../src/points/root.ts';
import type { BlockSource } from '../../src/ports/block-source.ts';
import { joinShards } from '../../src/protect/join-shards.ts';
import { ChunkFetcher } from '../../src/restore/chunk-fetcher.ts';
import type { PointReader } from '../../src/restore/point-reader.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import type { LeasePolicy } from '../../src/runs/generation.ts';
import { openRun, type RunRequest } from '../../src/runs/open-run.ts';
import type { RunPlan } from '../../src/runs/run-plan.ts';
import type { WriteServices } from '../../src/services.ts';
import { MemoryBlockSource } from '../../src/testing/index.ts';
import { toStream } from '../../src/to-stream.ts';
import { type BackUpOptions, Harness, minute } from '../runs/harness.ts';

/** The choices of a test about the backup of an image. */
export interface ImageOptions {
  readonly runId?: RunId | undefined;
  readonly services?: WriteServices;
  readonly source?: BlockSource;
  readonly limits?: BlockShardLimits;
  /** Asked by each step that goes over several calls. @default never */
  readonly shouldStop?: () => boolean;
  readonly keepDays?: number;
  readonly leasePolicy?: LeasePolicy;
  readonly isolated?: boolean;
  /** @default true */
  readonly blocks?: boolean;
  readonly fullReason?: string;
  readonly arn?: ResourceArn;
  /** A run whose snapshots are read once more. @default new ones are taken */
  readonly like?: RunId;
}

const buffers = new BufferPool();
export const blockBytes = 512;

/** A vault, and an instance whose volumes lie in memory: in blocks of 512 bytes, unless a test says so. */
export class ImageHarness extends Harness {
  override readonly arn = 'arn:aws:ec2:eu-central-1:111122223333:instance/i-1' as ResourceArn;
  readonly disks: MemoryBlockSource;
  /** The instance's volumes. */
  readonly volumes: string[] = [];
  readonly #taken = new Map<RunId, readonly SnapshotOfVolume[]>();

  constructor(seed: string | number = 0, emptyPages = 1) {
    super(seed);
    this.disks = new MemoryBlockSource(this.clock, { blockBytes, pageBlocks: 7, emptyPages });
  }

  addVolume(blocks: number): string {
    const volume = this.disks.makeVolume(blocks * blockBytes);
    this.volumes.push(volume);
    return volume;
  }

  requestImage(type: BackupType, options: ImageOptions = {}): RunRequest {
    const { runId, keepDays, leasePolicy, isolated, blocks = true, arn = this.arn } = options;
    const request = { ...this.request(type, { runId, keepDays, isolated, arn }), leasePolicy, blocks };
    if (options.like !== undefined) this.#taken.set(request.runId, this.snapshotsOf(options.like));
    return request;
  }

  override request(type: BackupType, options: BackUpOptions = {}): RunRequest {
    const request = super.request(type, { arn: this.arn, ...options });
    return { ...request, resourceKind: 'ec2-instance', sourceNow: async () => this.clock.now() };
  }

  /** The snapshots of a run: taken once, as a run's records say. */
  snapshotsOf(runId: RunId): readonly SnapshotOfVolume[] {
    const known = this.#taken.get(runId);
    if (known !== undefined) return known;
    const taken = this.volumes.map((volume) => ({ volume, snapshot: this.disks.takeSnapshot(volume) }));
    this.#taken.set(runId, taken);
    return taken;
  }

  /** Makes a point of any type, a minute after whatever happened last. */
  async backUpImage(type: BackupType, options: ImageOptions = {}): Promise<CommittedPoint> {
    if (type === 'synthetic-full') {
      const request = this.requestImage(type, options);
      const { runId, services, shouldStop } = options;
      return this.backUp(type, { runId: runId ?? request.runId, services, shouldStop, arn: this.arn });
    }
    this.clock.advance(minute);
    const { services = this.services } = options;
    const request = this.requestImage(type, options);
    const opened = await openRun(services, request);
    if (opened.state === 'over') throw new Error(`the run is ${opened.run.state}`);
    const { plan, keys } = opened;
    const shards = await this.listImage(plan, keys, options);
    for (const shard of shards) await this.copyShard(plan, keys, shard, options);
    return this.commitImage(plan, keys, shards.length, services);
  }

  async listImage(
    plan: RunPlan,
    keys: VaultKeys,
    options: ImageOptions = {},
  ): Promise<readonly BlockShardReference[]> {
    const { services = this.services, source = this.disks, limits, fullReason } = options;
    const { shouldStop = () => false } = options;
    const volumes = this.snapshotsOf(plan.runId).map((of) => ({ ...of, fullReason }));
    let state: BlockListingState | undefined;
    for (;;) {
      const how = { source, volumes, limits, shouldStop };
      const step = await listBlocks(services, keys, plan, how, state);
      if (step.done) return step.shards;
      state = JSON.parse(JSON.stringify(step.state)) as BlockListingState;
    }
  }

  async copyShard(
    plan: RunPlan,
    keys: VaultKeys,
    shard: BlockShardReference,
    { services = this.services, source = this.disks }: ImageOptions = {},
  ) {
    return copyBlocks(services, shard, { plan, keys, source, buffers, blocksAtOnce: 4 });
  }

  async commitImage(
    plan: RunPlan,
    keys: VaultKeys,
    shards: number,
    services: WriteServices = this.services,
  ): Promise<CommittedPoint> {
    const image = imageOf(this.snapshotsOf(plan.runId));
    return commitPoint(services, keys, plan, async () => ({
      ...(await joinShards(services, keys, plan, shards)),
      image,
    }));
  }

  /** The content of each volume as it is now. */
  contentsNow(): ReadonlyMap<string, Uint8Array> {
    return new Map(
      this.volumes.map((volume) => [volume, this.disks.contentOf(this.disks.takeSnapshot(volume))]),
    );
  }

  /** The content of each volume as a run took it. */
  contentsOf(runId: RunId): ReadonlyMap<string, Uint8Array> {
    return new Map(
      this.snapshotsOf(runId).map(({ volume, snapshot }) => [volume, this.disks.contentOf(snapshot)]),
    );
  }
}

function imageOf(snapshots: readonly SnapshotOfVolume[]): ImageRecord {
  return {
    snapshots: snapshots.map(({ volume, snapshot }) => ({
      volume,
      snapshot,
      sizeGiB: 1,
      volumeType: 'gp3',
      encrypted: false,
      availabilityZone: 'eu-central-1a',
      tags: {},
    })),
    machine: { instanceId: 'i-1' },
  };
}

/** The volumes of a point, whole, as its manifest has them. */
export async function readVolumes(reader: PointReader): Promise<ReadonlyMap<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>();
  for await (const { volume, bytes } of volumeEntries(reader.manifest)) {
    const content = new Uint8Array(bytes);
    const extents = (await entriesOf(reader, volume)).map((entry) => decodeExtent(entry, 'a test'));
    const items = extents.flatMap(({ offset, chunks }) => {
      let at = offset;
      return chunks.map((reference) => {
        const tag = at;
        at += reference.plainBytes;
        return { tag, reference };
      });
    });
    for await (const { tag, chunk } of new ChunkFetcher(reader).fetch(toStream(items))) {
      if (chunk === undefined || chunk instanceof BackupError)
        throw new Error(`at ${tag}: ${chunk?.message}`);
      content.set(chunk, tag);
    }
    contents.set(volume, content);
  }
  return contents;
}

/** The entries of a volume's extents. */
async function entriesOf(reader: PointReader, volume: string): Promise<readonly Entry[]> {
  const entries = await Array.fromAsync(reader.manifest.range(pathKeys(utf8(volume))));
  return entries.filter(({ key }) => !isEntryKey(key));
}
