import { newId, utf8 } from '../bytes.ts';
import type { ResourceArn, RunId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { encodeExtent } from '../manifest/extent.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { createPackMapKind } from '../manifest/pack-map.ts';
import type { Entry } from '../manifest/page-codec.ts';
import type { PageRef } from '../manifest/page-store.ts';
import { applyUsage, PackUsage } from '../manifest/pack-usage.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import type { TreeKind } from '../manifest/tree-kind.ts';
import { TreeReader } from '../manifest/tree-reader.ts';
import { encodeVolumeEntry } from '../manifest/volume-entry.ts';
import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { ChunkStore, isSettled, type StoredChunk } from '../packs/chunk-store.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import type { StoredPack } from '../packs/store-pack.ts';
import { createPageReader, pagePackRecordOf } from '../points/point-pages.ts';
import { pageRefToText } from '../points/page-ref-text.ts';
import type { Root, VolumeSnapshot } from '../points/root.ts';
import { commitPoint } from '../runs/commit-point.ts';
import { openRun } from '../runs/open-run.ts';
import { packWritingOf } from '../runs/pack-writing.ts';
import type { AllServices } from '../services.ts';

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

/** Commits a point of an image with all its blocks in the vault, as a full makes it. */
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
    sourceNow: async () => Promise.resolve(services.clock.now()),
  });
  if (opened.state === 'over') throw new TypeError(`run ${opened.run.runId} is over`);
  const { plan, keys } = opened;
  const writing = packWritingOf(services, keys, plan);
  const usage = new PackUsage();
  const chunks = new ChunkStore({
    ...writing,
    chunkIndex: services.index,
    leases: { lease: async () => Promise.resolve(new Map()) },
    onPackStored: (pack) => usage.setFacts(pack.packId, { ...pack, kind: 'chunks' }),
  });
  const entries: Entry[] = [];
  for (const volume of [...volumes].sort((a, b) => (a.volume < b.volume ? -1 : 1)))
    entries.push(...(await volumeEntries(chunks, usage, volume)));
  await chunks.end();

  const pages = await PagePackWriter.open(writing);
  const manifest = await buildTree(services, keys, createFileTreeKind(keys), pages, entries);
  const packMapKind = createPackMapKind(keys);
  const nothing = new TreeReader(packMapKind, createPageReader(services.store, keys, []), undefined);
  const packs: Entry[] = [];
  for await (const { key, value } of applyUsage(nothing, usage.deltas()))
    if (value !== undefined) packs.push({ ...value, key });
  const packMap = await buildTree(services, keys, packMapKind, pages, packs);
  const pagePacks: readonly StoredPack[] = await pages.finish();
  const logicalBytes = volumes.reduce((sum, { content }) => sum + content.length, 0);
  const committed = await commitPoint(services, keys, plan, async () =>
    Promise.resolve({
      counts: {
        files: volumes.length,
        filesChanged: volumes.length,
        filesRemoved: 0,
        logicalBytes,
        readBytes: logicalBytes,
        newBytes: logicalBytes,
        storedBytes: 0,
      },
      warnings: [],
      unread: { carried: 0, missing: 0 },
      manifest: manifest && pageRefToText(manifest),
      packMap: packMap && pageRefToText(packMap),
      pagePacks: pagePacks.map(pagePackRecordOf),
      pagePacksCounted: pagePacks.length,
      image: { snapshots: volumes.map(recordOf), machine },
    }),
  );
  return committed.root;
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

async function volumeEntries(
  store: ChunkStore,
  usage: PackUsage,
  { volume, content, blockBytes = 512 * 1024, record }: PlantedVolume,
): Promise<Entry[]> {
  const path = utf8(volume);
  const extents: { offset: number; chunks: StoredChunk[] }[] = [];
  for (let offset = 0; offset < content.length; offset += blockBytes) {
    const block = content.slice(offset, offset + blockBytes);
    if (block.every((byte) => byte === 0)) continue;
    const last = extents.at(-1);
    const chunk = await store.add(block);
    const follows = last !== undefined && last.offset + last.chunks.length * blockBytes === offset;
    if (follows && offset % (volumeExtentBlocks * blockBytes) !== 0) last.chunks.push(chunk);
    else extents.push({ offset, chunks: [chunk] });
  }
  await store.flush();
  const snapshot = record?.snapshot ?? volume.replace('vol-', 'snap-');
  const entries = [encodeVolumeEntry({ volume, bytes: content.length, blockBytes, snapshot })];
  for (const { offset, chunks } of extents) {
    const settled = chunks.filter(isSettled);
    for (const chunk of settled) usage.addReference(chunk);
    entries.push(encodeExtent({ path, offset, chunks: settled }));
  }
  return entries;
}

async function buildTree(
  { store }: AllServices,
  keys: VaultKeys,
  kind: TreeKind,
  sink: PagePackWriter,
  entries: readonly Entry[],
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(kind, { source: createPageReader(store, keys, []), sink });
  for (const entry of entries) await builder.add(entry);
  return builder.finish();
}
