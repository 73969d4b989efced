import { newId, toBase64 } from '../bytes.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { PackUsage } from '../manifest/pack-usage.ts';
import type { PageRef } from '../manifest/page-store.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import { mergeInto, type Change } from '../manifest/tree-merge.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import type { BufferPool } from '../packs/buffer-pool.ts';
import { ChunkStore, type ChunkStorePolicy } from '../packs/chunk-store.ts';
import { PagePackWriter, type PagePackWriterOptions } from '../packs/page-pack-writer.ts';
import type { PagePackReader, PagePackReaderPolicy } from '../packs/page-pack-reader.ts';
import type { StoredPack } from '../packs/store-pack.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { findPageRef, pageRefToText } from '../points/page-ref-text.ts';
import { LeaseKeeper } from '../runs/lease-keeper.ts';
import { aliveUntil } from '../runs/open-run.ts';
import { packLeaseOf, packWritingOf } from '../runs/pack-writing.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import { putUsage } from '../runs/usage-runs.ts';
import type { WriteServices } from '../services.ts';
import { originOf } from './base-files.ts';
import { ChunkCopier } from './chunk-copier.ts';
import { putShardResult, type ShardResult } from './shard-result.ts';

export interface ShardBenchOptions {
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  /** @default sizes that fit into a worker with 512 MiB */
  readonly storePolicy?: ChunkStorePolicy | undefined;
  /** @default caches of the base's pages that spare a bucket requests */
  readonly pages?: PagePackReaderPolicy | undefined;
  /** Shared by a worker that takes one shard after the other. @default a pool of this shard's own */
  readonly buffers?: BufferPool | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A worker's findings on its shard. */
type Findings = Pick<
  ShardResult,
  'warnings' | 'warningCount' | 'entries' | 'leftOut' | 'firstUnread' | 'marks' | 'throttledCalls' | 'large'
> & {
  readonly counts: Omit<ShardResult['counts'], 'newBytes' | 'storedBytes'>;
};

/** All that a worker writes one shard with, files and blocks alike: the base, leases, stores of chunks and of pages. */
export class ShardBench {
  readonly #services: WriteServices;
  readonly #options: ShardBenchOptions;
  readonly #baseRoot: PageRef | undefined;
  readonly #pages: PagePackReader;
  readonly #sink: PagePackWriter;
  readonly keeper: LeaseKeeper;
  readonly chunks: ChunkStore;
  /** The base's manifest. */
  readonly baseTree: TreeReader;
  /** Effect of the changes on the pack map. */
  readonly usage = new PackUsage();
  /** Absent when no mostly dead pack is given up. */
  readonly copier: ChunkCopier | undefined;

  private constructor(
    services: WriteServices,
    options: ShardBenchOptions,
    writing: PagePackWriterOptions,
    sink: PagePackWriter,
  ) {
    const { store, catalog, index } = services;
    const { keys, plan, signal } = options;
    this.#services = services;
    this.#options = options;
    this.#sink = sink;
    this.#pages = createPageReader(store, keys, plan.base?.pagePacks ?? [], undefined, options.pages);
    this.#baseRoot = findPageRef(plan.base?.manifest, plan.base?.pointId);
    this.baseTree = new TreeReader(createFileTreeKind(keys), this.#pages, this.#baseRoot, originOf(plan));
    const keeper = new LeaseKeeper({ catalog, store, ...packLeaseOf(plan), except: plan.copiedPacks });
    const openChunkStore = (): ChunkStore =>
      new ChunkStore({
        ...writing,
        chunkIndex: index,
        leases: keeper,
        sharePacks: !plan.isolated,
        buffers: options.buffers,
        onPackStored: (pack) => keeper.adopt(pack),
        policy: options.storePolicy,
      });
    this.keeper = keeper;
    this.chunks = openChunkStore();
    if (plan.base !== undefined && plan.copiedPacks.length > 0)
      this.copier = new ChunkCopier({
        store,
        keys,
        plan,
        pages: this.#pages,
        chunks: openChunkStore(),
        signal,
      });
  }

  /** @throws {@link RunClosedError} the run was cancelled or is over. */
  static async open(services: WriteServices, options: ShardBenchOptions): Promise<ShardBench> {
    const { keys, plan, signal } = options;
    await services.catalog.runs.touch(plan.runId, aliveUntil(services.clock.now()));
    const writing = packWritingOf(services, keys, plan, signal);
    return new ShardBench(services, options, writing, await PagePackWriter.open(writing));
  }

  /** Stores all chunks that were added, and settles them. */
  async flush(): Promise<void> {
    await this.chunks.flush();
    await this.copier?.chunks.flush();
  }

  /**
   * Writes the pages of the shard's range of keys, waits until all that they refer to is stored, and leaves the result
   * for the committer.
   * @param findings - asked once the changes have been taken.
   */
  async leaveResult(
    index: number,
    range: KeyRange,
    changes: AsyncGenerator<Change>,
    findings: () => Findings,
  ): Promise<ShardResult> {
    const { catalog, clock, work } = this.#services;
    const { plan } = this.#options;
    const { pagePacks, ...written } = await this.#writeChanges(range, changes);
    const found = findings();
    const result: ShardResult = {
      ...found,
      ...written,
      index,
      keys: { from: range.from && toBase64(range.from), to: range.to && toBase64(range.to) },
      counts: { ...found.counts, ...this.#storedBy(pagePacks) },
      pagePacks: pagePacks.map(pagePackRecordOf),
      usage: await this.#leaveUsage(index),
    };
    await putShardResult(work, plan.runId, result);
    await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
    return result;
  }

  async #writeChanges(range: KeyRange, changes: AsyncGenerator<Change>) {
    const { keys, signal } = this.#options;
    const first = await changes.next();
    // Without a change nothing is written: the committer takes the base's own pages.
    const unchanged = first.done === true;
    const builder = new TreeBuilder(createFileTreeKind(keys), { source: this.#pages, sink: this.#sink });
    if (!unchanged)
      await mergeInto(builder, this.#baseRoot, startingWith(first.value, changes), { range, signal });
    await this.chunks.end();
    await this.copier?.chunks.end();
    const root = await builder.finish(signal);
    // First: a pack that is stored at a second attempt has another name, and the reference is final only then.
    const pagePacks = await this.#sink.finish();
    return { unchanged, manifest: root && pageRefToText(root), pagePacks };
  }

  #storedBy(pagePacks: readonly StoredPack[]): Pick<ShardResult['counts'], 'newBytes' | 'storedBytes'> {
    const { newBytes, storedBytes } = this.chunks.counts;
    const pageBytes = pagePacks.reduce((sum, pack) => sum + pack.bytes, 0);
    return { newBytes, storedBytes: storedBytes + (this.copier?.chunks.counts.storedBytes ?? 0) + pageBytes };
  }

  /** Leaves the packs that the shard uses for the committer. @returns the name of the part. */
  async #leaveUsage(index: number): Promise<string> {
    const { work, random } = this.#services;
    for (const { packId } of this.usage.deltas()) {
      const facts = this.keeper.get(packId);
      if (facts !== undefined && facts.kind !== 'pages')
        this.usage.setFacts(packId, { ...facts, kind: facts.kind });
    }
    const part = `${index}-${newId(random)}`;
    await putUsage(work, this.#options.plan.runId, part, this.usage.deltas());
    return part;
  }
}

async function* startingWith<Item>(first: Item, rest: AsyncIterable<Item>): AsyncGenerator<Item> {
  yield first;
  yield* rest;
}
