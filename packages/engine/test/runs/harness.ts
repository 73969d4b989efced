import { newId, toHex } from '../../src/bytes.ts';
import { consolidatePoint } from '../../src/consolidate/consolidate-point.ts';
import type { PackId, PointId, ResourceArn, RunId } from '../../src/ids.ts';
import { openVault } from '../../src/keys/open-vault.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import { decodeExtent } from '../../src/manifest/extent.ts';
import { storedShareOf } from '../../src/packs/chunk-location.ts';
import { decodePackMapEntry, type PackMapEntry } from '../../src/manifest/pack-map.ts';
import { decodeFileKey } from '../../src/manifest/tuple-key.ts';
import { BufferPool } from '../../src/packs/buffer-pool.ts';
import { containerName, objectNameOf, pageName, rootName } from '../../src/packs/object-names.ts';
import { resourceKeyOf } from '../../src/points/point-id.ts';
import { readRoot } from '../../src/points/root-store.ts';
import type { Root } from '../../src/points/root.ts';
import type { BackupType } from '../../src/model/backup-type.ts';
import type { CompressionLevel } from '../../src/model/compression.ts';
import type { FileSource, SourceEntry } from '../../src/ports/file-source.ts';
import { pathAfter, type ShardLimits } from '../../src/protect/shards.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreRange, type RestoreOutcome } from '../../src/restore/restore-range.ts';
import { backUpFiles } from '../../src/runs/back-up-files.ts';
import { commitPoint, type CommittedPoint } from '../../src/runs/commit-point.ts';
import { openRun, type RunRequest } from '../../src/runs/open-run.ts';
import type { AllServices, WriteServices } from '../../src/services.ts';
import {
  FakeClock,
  MemoryCatalog,
  MemoryChunkIndex,
  MemoryKeyring,
  MemoryObjectStore,
  MemorySource,
  MemoryTarget,
  MemoryWorkStore,
  SeededRandom,
} from '../../src/testing/index.ts';

/** One minute, in milliseconds: far more than a time stamp needs to settle. */
export const minute = 60_000;
/** One day, in milliseconds. */
export const day = 86_400_000;

/** A source's or a restored state: what every path has. */
export type State = ReadonlyMap<string, { readonly entry: SourceEntry; readonly content: Uint8Array }>;

/** What a test may change about a backup. */
export interface BackUpOptions {
  readonly runId?: RunId;
  readonly limits?: ShardLimits;
  readonly source?: FileSource;
  readonly services?: WriteServices;
  readonly arn?: ResourceArn;
  readonly keepDays?: number;
  readonly readTags?: boolean;
  readonly compression?: CompressionLevel;
  readonly isolated?: boolean;
  /** For a synthetic full. @default never */
  readonly shouldStop?: () => boolean;
}

/** All vaults of a test file share buffers: those for packs are many times larger than what most tests store. */
const buffers = new BufferPool();

/** A vault, a source and a clock, in memory. The same for the same seed. */
export class Harness {
  readonly clock = new FakeClock();
  readonly random: SeededRandom;
  readonly store: MemoryObjectStore;
  readonly catalog = new MemoryCatalog();
  readonly index = new MemoryChunkIndex();
  readonly keyring: MemoryKeyring;
  readonly work = new MemoryWorkStore();
  readonly source: MemorySource;
  readonly services: AllServices;
  readonly arn = 'arn:aws:s3:::photos' as ResourceArn;
  readonly buffers = buffers;

  constructor(seed: string | number = 0) {
    this.random = new SeededRandom(`harness ${seed}`);
    this.store = new MemoryObjectStore({ clock: this.clock });
    this.keyring = new MemoryKeyring(this.random);
    this.source = new MemorySource(this.clock);
    const { clock, random, store, catalog, index, keyring, work } = this;
    this.services = { clock, random, store, catalog, index, keyring, work, lockMode: 'governance' };
  }

  /** A request for a run, as `openRun` takes it. */
  request(type: BackupType, options: BackUpOptions = {}): RunRequest {
    const { source = this.source } = options;
    return {
      runId: options.runId ?? newId<RunId>(this.random),
      resourceArn: options.arn ?? this.arn,
      resourceKind: 's3-bucket',
      plan: 'daily',
      type,
      keepDays: options.keepDays ?? 35,
      readTags: options.readTags ?? true,
      compression: options.compression,
      isolated: options.isolated,
      sourceNow: async () => source.now(),
    };
  }

  /** Makes a point of any type, a minute after whatever happened last. */
  async backUp(type: BackupType, options: BackUpOptions = {}): Promise<CommittedPoint> {
    this.clock.advance(minute);
    const { services = this.services, source = this.source, limits } = options;
    const request = this.request(type, options);
    if (type === 'synthetic-full') return this.#consolidate(services, request, options);
    return backUpFiles(services, request, { source, limits, buffers });
  }

  async #consolidate(
    services: WriteServices,
    request: RunRequest,
    options: BackUpOptions,
  ): Promise<CommittedPoint> {
    const opened = await openRun(services, request);
    if (opened.state === 'over') throw new Error(`the run is ${opened.run.state}`);
    for (;;) {
      const step = await consolidatePoint(services, opened.keys, opened.plan, {
        shouldStop: options.shouldStop ?? (() => false),
      });
      if (step.done) return commitPoint(services, opened.keys, opened.plan, async () => step.content);
    }
  }

  async keys(): Promise<VaultKeys> {
    return openVault({ store: this.store, keyring: this.keyring });
  }

  /** Opens a committed point as a restore in another process does: by its name, out of the bucket. */
  async open(point: PointId, arn = this.arn): Promise<PointReader> {
    return PointReader.open(this.store, await this.keys(), arn, point);
  }

  /** Restores all of a point into an empty target. */
  async restore(point: PointId): Promise<{ readonly state: State; readonly outcome: RestoreOutcome }> {
    const target = new MemoryTarget();
    const outcome = await restoreRange(await this.open(point), { range: {}, target, overwrite: 'never' });
    return { state: stateOf(target), outcome };
  }

  /** Everything that the source has now, as it would be restored. */
  async snapshotOfSource(source: FileSource = this.source): Promise<State> {
    const state = new Map<string, { entry: SourceEntry; content: Uint8Array }>();
    for await (const listed of source.list({})) {
      const { entry, content } = await source.open(listed);
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(new Uint8Array(piece));
      state.set(toHex(entry.path), { entry, content: Buffer.concat(pieces) });
    }
    return state;
  }

  /** One path of the source, if it is there. */
  async snapshotOfPath(path: Uint8Array): Promise<{ entry: SourceEntry; content: Uint8Array } | undefined> {
    for await (const listed of this.source.list({ from: path, to: pathAfter(path) })) {
      const { entry, content } = await this.source.open(listed);
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(new Uint8Array(piece));
      return { entry, content: Buffer.concat(pieces) };
    }
    return undefined;
  }

  /** Roots of a resource that can be seen in the bucket, by name; none where there is no vault yet. */
  async committed(arn = this.arn): Promise<Root[]> {
    const roots: Root[] = [];
    if ((await namesIn(this.store, 'format.json')).length === 0) return roots;
    const keys = await this.keys();
    const prefix = rootName(resourceKeyOf(arn), '' as PointId);
    for await (const { name, versionId } of this.store.listVersions(prefix)) {
      roots.push(
        (await readRoot(this.store, keys, arn, name.slice(prefix.length) as PointId, versionId)).root,
      );
    }
    return roots;
  }

  /** Every stored object that a point needs, and until when the store locks it. */
  async locksOf(root: Root): Promise<ReadonlyMap<string, Date>> {
    const reader = new PointReader(this.store, await this.keys(), root);
    const locks = new Map<string, Date>();
    const note = async (name: string): Promise<void> => {
      locks.set(name, (await this.store.head(name)).lock?.until ?? new Date(0));
    };
    await note('format.json');
    for await (const { name } of this.store.listVersions('keys/')) await note(name);
    await note(rootName(resourceKeyOf(root.resource), root.point));
    for (const { pack, kind } of root.pagePacks)
      await note(kind === 'container' ? containerName(pack) : pageName(pack));
    for (const entry of await packMapOf(reader)) await note(objectNameOf(entry));
    return locks;
  }
}

/** The pack map of a point. */
export async function packMapOf(reader: PointReader): Promise<PackMapEntry[]> {
  const entries = await Array.fromAsync(reader.packMap.range());
  return entries.map((entry) => decodePackMapEntry(entry, 'a test'));
}

/** References and live bytes of each pack, counted over the manifest. */
export async function countReferences(
  reader: PointReader,
): Promise<ReadonlyMap<PackId, { references: number; liveBytes: number }>> {
  const counts = new Map<PackId, { references: number; liveBytes: number }>();
  for await (const entry of reader.manifest.range()) {
    if (decodeFileKey(entry.key, 'a test').offset === undefined) continue;
    for (const chunk of decodeExtent(entry, 'a test').chunks) {
      const { packId } = chunk.location;
      const before = counts.get(packId) ?? { references: 0, liveBytes: 0 };
      counts.set(packId, {
        references: before.references + 1,
        liveBytes: before.liveBytes + storedShareOf(chunk),
      });
    }
  }
  return counts;
}

/** Keys and logical parts of a point's manifest: what the source had, whatever the vault did with it. */
export async function logicalPartsOf(reader: PointReader): Promise<[key: string, logical: string][]> {
  const entries = await Array.fromAsync(reader.manifest.range());
  return entries.map(({ key, logical }) => [toHex(key), toHex(logical)]);
}

/** What a target holds. */
export function stateOf(target: MemoryTarget): State {
  return new Map(target.entries.map(({ entry, content }) => [toHex(entry.path), { entry, content }]));
}

/** A state in the order of paths and in a form that compares and prints well. */
export function describeState(state: State): Record<string, unknown> {
  const paths = [...state.keys()].sort();
  return Object.fromEntries(
    paths.map((path) => {
      const { entry, content } = state.get(path) as { entry: SourceEntry; content: Uint8Array };
      return [path, { ...entry, path: toHex(entry.path), content: toHex(content) }];
    }),
  );
}

/** The names of all objects in the vault under a prefix. */
export async function namesIn(store: MemoryObjectStore, prefix = ''): Promise<string[]> {
  return (await Array.fromAsync(store.listVersions(prefix))).map(({ name }) => name);
}
