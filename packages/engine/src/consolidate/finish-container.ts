import { encode, rfc8949EncodeOptions } from 'cborg';
import { StoredBytesDamagedError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { createPackMapKind, encodePackMapEntry, type PackMapEntry } from '../manifest/pack-map.ts';
import type { PageRef, PageSink, PageSource } from '../manifest/page-store.ts';
import { TreeBuilder } from '../manifest/tree-builder.ts';
import type { ContainerWriter, ContainerWriterOptions } from '../packs/container-writer.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import type { StoredPack } from '../packs/store-pack.ts';
import { pagePackRecordOf } from '../points/point-pages.ts';
import { pageRefToText } from '../points/page-ref-text.ts';
import type { Root } from '../points/root.ts';
import { unreadOf } from '../points/unread.ts';
import type { PointReader } from '../restore/point-reader.ts';
import type { PointContent } from '../runs/point-content.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { Copied } from './copy-files.ts';
import type { ScratchEntries } from './scratch-entries.ts';

/** What completes a container. */
export interface FinishOptions {
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly base: PointReader;
  readonly writer: ContainerWriter;
  readonly scratch: ScratchEntries;
  readonly copied: Copied;
  readonly writing: ContainerWriterOptions;
}

/** Pages of a container that is being written cannot be read, and are not asked for: entries only ever follow. */
const unreadable: PageSource = {
  read: async (ref) =>
    Promise.reject(new StoredBytesDamagedError(`page ${ref.pageId}`, 'its container is still being written')),
};

/** Writes the manifest, the pack map and the root into the container, and completes it. */
export async function finishContainer({
  keys,
  plan,
  base,
  writer,
  scratch,
  copied,
  writing,
}: FinishOptions): Promise<PointContent> {
  const { packId } = writer.pack;
  const manifest = await buildFrom(
    scratch.all(),
    new TreeBuilder(createFileTreeKind(keys), { source: unreadable, sink: writer }),
  );
  const entry: PackMapEntry = {
    packId,
    kind: 'container',
    references: copied.references,
    liveBytes: copied.liveBytes,
    retentionClass: plan.retentionClass,
    lockedUntil: new Date(Math.ceil(plan.leaseUntil.getTime() / 1000) * 1000),
    versionId: '',
  };
  const inner = await buildPackMap(keys, entry, writer);
  const counts = {
    ...base.root.counts,
    filesChanged: 0,
    filesRemoved: 0,
    readBytes: 0,
    newBytes: copied.bytes,
    storedBytes: 0,
  };
  const root: Root = {
    ...base.root,
    run: plan.runId,
    type: 'synthetic-full',
    base: base.root.point,
    chain: base.root.point,
    counts,
    ...(manifest && { manifest: pageRefToText(manifest) }),
    ...(inner && { packMap: pageRefToText(inner) }),
    pagePacks: [
      { pack: packId, kind: 'container', version: '', lockedUntil: entry.lockedUntil.toISOString() },
    ],
    pagePacksCounted: 1,
    container: { pack: packId, bytes: 0 },
  };
  const stored = await writer.finish(encode(root, rfc8949EncodeOptions));
  return describeContainer(keys, { ...entry, versionId: stored.versionId }, stored, root, writing);
}

/** What the point's ordinary root says of a completed container. */
export async function describeContainer(
  keys: VaultKeys,
  entry: PackMapEntry,
  stored: StoredPack,
  inner: Root,
  writing: ContainerWriterOptions,
): Promise<PointContent> {
  const { storageClass, ...hot } = writing.lease;
  // What leads to a container is read before it is thawed.
  const pages = await PagePackWriter.open({ ...writing, lease: hot });
  const packMap = await buildPackMap(keys, entry, pages);
  const pagePacks = [stored, ...(await pages.finish())];
  return {
    counts: { ...inner.counts, storedBytes: pagePacks.reduce((sum, pack) => sum + pack.bytes, 0) },
    warnings: inner.warningList,
    warningCount: inner.warnings,
    // What a point lacks, its container lacks too.
    unread: unreadOf(inner),
    ...(inner.manifest !== undefined && { manifest: inner.manifest }),
    ...(packMap && { packMap: pageRefToText(packMap) }),
    pagePacks: pagePacks.map(pagePackRecordOf),
    pagePacksCounted: pagePacks.length,
    container: {
      pack: stored.packId,
      bytes: stored.bytes,
      ...(storageClass !== undefined && { storageClass }),
    },
    lockedUntil: new Date(Math.min(...pagePacks.map(({ lockedUntil }) => lockedUntil.getTime()))),
  };
}

async function buildPackMap(
  keys: VaultKeys,
  entry: PackMapEntry,
  sink: PageSink,
): Promise<PageRef | undefined> {
  const entries = entry.references === 0 ? [] : [encodePackMapEntry(entry)];
  return buildFrom(entries, new TreeBuilder(createPackMapKind(keys), { source: unreadable, sink }));
}

async function buildFrom(
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  builder: TreeBuilder,
): Promise<PageRef | undefined> {
  for await (const entry of entries) {
    const closing = builder.add(entry);
    if (closing !== undefined) await closing;
  }
  return builder.finish();
}
