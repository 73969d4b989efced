import { createCipheriv, createHash } from 'node:crypto';
import { newId, toHex, utf8 } from '../../src/bytes.ts';
import type { PointId, RunId } from '../../src/ids.ts';
import { expirePoints } from '../../src/maintenance/expire-points.ts';
import { createChunkIdReader } from '../../src/maintenance/pack-chunk-ids.ts';
import { sweepPacks } from '../../src/maintenance/sweep-packs.ts';
import { BufferPool } from '../../src/packs/buffer-pool.ts';
import type { ChunkStorePolicy } from '../../src/packs/chunk-store.ts';
import { listShards } from '../../src/protect/list-shards.ts';
import { protectShard } from '../../src/protect/protect-shard.ts';
import { backUpFiles } from '../../src/runs/back-up-files.ts';
import { leasePolicyFor, type LeasePolicy } from '../../src/runs/generation.ts';
import type { CommittedPoint } from '../../src/runs/commit-point.ts';
import { runPrefix } from '../../src/runs/run-plan.ts';
import { SeededRandom } from '../../src/testing/index.ts';
import { ImageHarness, readVolumes } from '../images/image-harness.ts';
import { Dice } from '../runs/random-changes.ts';
import { day, Harness } from '../runs/harness.ts';
import { CallCounts, counted } from './call-counts.ts';

/** What is simulated. Every file is one chunk of bytes that cannot be compressed. */
export interface SimulationOptions {
  /** Each file is a block of one volume instead. @default false */
  readonly isVolume?: boolean;
  readonly files: number;
  readonly fileBytes: number;
  /** Share of the files that get a new content every day, each as likely as the next. */
  readonly churn: number;
  readonly keepDays: number;
  /** Changes to the policy that fits `keepDays`. */
  readonly policy?: Partial<LeasePolicy>;
  readonly seed?: string;
}

/** Small buffers: much of a simulated day would go into making and clearing large ones. */
const storePolicy: ChunkStorePolicy = {
  packTargetBytes: 9 * 2 ** 20,
  lookupChunks: 128,
  lookupBytes: 2 ** 20,
  rememberedChunks: 65_536,
};

/** A vault on one day, after that day's backup and maintenance. Bytes. */
export interface VaultSize {
  readonly day: number;
  /** Distinct chunks that the points need which have not expired. */
  readonly ideal: number;
  readonly packs: number;
  readonly pages: number;
  /** Everything in the bucket, roots and logs and keys included. */
  readonly stored: number;
  readonly packCount: number;
}

/**
 * A source that changes a little everywhere, every day, the real engine that backs it up, and the real maintenance:
 * points expire and packs are swept as soon as they may. Time is the harness's clock.
 */
export class VaultSimulation {
  readonly harness: Harness;
  /** Set for a volume. */
  readonly #image: ImageHarness | undefined;
  readonly calls = new CallCounts();
  readonly #options: SimulationOptions;
  readonly #policy: LeasePolicy;
  readonly #buffers = new BufferPool();
  readonly #dice: Dice;
  readonly #services: Harness['services'];
  /** Which content every file has. */
  readonly #current: number[] = [];
  /** For each day, how many contents had their last backup on it. */
  readonly #lastSeen = new Map<number, number>();
  /** What every point that was made has of every file. */
  readonly #points: { readonly day: number; readonly point: PointId; readonly serials: readonly number[] }[] =
    [];
  #serial = 0;
  #day = 0;

  constructor(options: SimulationOptions) {
    this.#options = options;
    const seed = options.seed ?? 'simulation';
    this.#policy = { ...leasePolicyFor(options.keepDays), ...options.policy };
    this.#dice = new Dice(new SeededRandom(`changes of ${seed}`));
    this.#image = options.isVolume === true ? new ImageHarness(seed) : undefined;
    this.harness = this.#image ?? new Harness(seed);
    const { files, fileBytes } = options;
    if (this.#image !== undefined)
      this.#image.volumes.push(this.#image.disks.makeVolume(files * fileBytes, undefined, fileBytes));
    const { store, catalog } = this.harness;
    this.#services = {
      ...this.harness.services,
      store: counted(store, this.calls, 'store'),
      catalog: counted(catalog, this.calls, 'catalog'),
    };
    for (let file = 0; file < options.files; file += 1) this.#change(file);
  }

  /** Makes the day's changes and point, expires and sweeps what is due, and goes on to the next day. */
  async runDay(): Promise<void> {
    const { clock, store, catalog, index } = this.harness;
    if (this.#day > 0) this.#changeSome();
    const { root } = await (this.#image === undefined
      ? this.#backUpFiles()
      : this.#backUpVolume(this.#image));
    this.#points.push({
      day: this.#day,
      point: root.point,
      serials: [...this.#current],
    });
    await expirePoints({ store, catalog });
    const listChunkIds = createChunkIdReader(store, await this.harness.keys());
    await sweepPacks({ store, catalog, index, listChunkIds });
    this.#day += 1;
    clock.advance(day);
  }

  async #backUpVolume(image: ImageHarness): Promise<CommittedPoint> {
    const first = this.#day === 0;
    return image.backUpImage(first ? 'full' : 'incremental', {
      services: this.#services,
      keepDays: this.#options.keepDays,
      leasePolicy: this.#policy,
      limits: { blocks: first ? filesOfPack : this.#options.files, extents: 65_536 },
    });
  }

  async #backUpFiles(): Promise<CommittedPoint> {
    const { source, random, arn } = this.harness;
    const { files, keepDays } = this.#options;
    const first = this.#day === 0;
    return backUpFiles(
      this.#services,
      {
        runId: newId<RunId>(random),
        resourceArn: arn,
        resourceKind: 's3-bucket',
        plan: 'daily',
        type: first ? 'full' : 'incremental',
        keepDays,
        readTags: false,
        leasePolicy: this.#policy,
      },
      {
        source,
        protectAll: async (plan, keys) => {
          const limits = { files: first ? filesOfPack : files, bytes: 2 ** 40 };
          const { work } = this.#services;
          const workPrefix = runPrefix(plan.runId);
          const where = { source, work, random, workPrefix };
          const listed = await listShards({ ...where, limits, shouldStop: () => false });
          if (!listed.done) throw new Error('a listing that is never told to stop has stopped');
          for (const shard of listed.shards)
            await protectShard(this.#services, shard, {
              keys,
              plan,
              source,
              storePolicy,
              buffers: this.#buffers,
            });
          return listed.shards.map(({ index }) => index);
        },
      },
    );
  }

  /** What the vault holds now, and what it would have to hold at least. */
  async measure(): Promise<VaultSize> {
    const { store, catalog, arn } = this.harness;
    const points = new Set((await Array.fromAsync(catalog.points.list(arn))).map(({ pointId }) => pointId));
    const oldest = this.#points.find(({ point }) => points.has(point))?.day ?? this.#day;
    let chunks = this.#options.files;
    for (const [last, count] of this.#lastSeen) if (last >= oldest) chunks += count;
    const sizes = { packs: 0, pages: 0, stored: 0, packCount: 0 };
    for await (const { name, bytes } of store.listVersions('')) {
      sizes.stored += bytes;
      if (name.startsWith('packs/')) {
        sizes.packs += bytes;
        sizes.packCount += 1;
      }
      if (name.startsWith('pages/')) sizes.pages += bytes;
    }
    return { day: this.#day, ideal: chunks * this.#options.fileBytes, ...sizes };
  }

  /** Restores the oldest and the newest point that there is. @returns how many entries are not what they were. */
  async countWrong(): Promise<number> {
    const { catalog, arn } = this.harness;
    const there = new Set((await Array.fromAsync(catalog.points.list(arn))).map(({ pointId }) => pointId));
    const kept = this.#points.filter(({ point }) => there.has(point));
    let wrong = 0;
    for (const { point, serials } of kept.length < 2 ? kept : [kept[0], kept.at(-1)].filter(isDefined)) {
      if (this.#image !== undefined) {
        wrong += await this.#countWrongBlocks(this.#image, point, serials);
        continue;
      }
      const { state, outcome } = await this.harness.restore(point);
      wrong += outcome.failed.length + Math.abs(state.size - serials.length);
      for (const [file, serial] of serials.entries()) {
        const restored = state.get(toHex(utf8(pathOf(file))))?.content;
        if (restored === undefined || hashOf(restored) !== hashOf(this.#contentOf(serial))) wrong += 1;
      }
    }
    return wrong;
  }

  async #countWrongBlocks(image: ImageHarness, point: PointId, serials: readonly number[]): Promise<number> {
    const [content] = (await readVolumes(await image.open(point))).values();
    const { fileBytes } = this.#options;
    return serials.filter((serial, at) => {
      const block = content?.subarray(at * fileBytes, (at + 1) * fileBytes);
      return block === undefined || Buffer.compare(block, this.#contentOf(serial)) !== 0;
    }).length;
  }

  #changeSome(): void {
    const { files, churn } = this.#options;
    for (let file = 0; file < files; file += 1) {
      if (this.#dice.below(1_000_000) >= churn * 1_000_000) continue;
      const last = this.#day - 1;
      this.#lastSeen.set(last, (this.#lastSeen.get(last) ?? 0) + 1);
      this.#change(file);
    }
  }

  #change(file: number): void {
    this.#serial += 1;
    this.#current[file] = this.#serial;
    const content = this.#contentOf(this.#serial);
    const [volume = ''] = this.#image?.volumes ?? [];
    if (this.#image === undefined) this.harness.source.plant(pathOf(file), content);
    else this.#image.disks.write(volume, file, content);
  }

  #contentOf(serial: number): Uint8Array {
    const key = Buffer.alloc(16);
    key.writeUInt32BE(serial);
    return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(
      new Uint8Array(this.#options.fileBytes),
    );
  }
}

/** The first day fills packs of as many chunks as 32 MiB hold of the usual ones. */
const filesOfPack = 28;

function pathOf(file: number): string {
  return `folder ${file % 10}/${file}`;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function isDefined<Item>(item: Item | undefined): item is Item {
  return item !== undefined;
}
