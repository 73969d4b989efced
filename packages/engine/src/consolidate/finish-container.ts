import { LeaseTooShortError, StoredBytesDamagedError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { createFileTreeKind } from '../manifest/file-tree.ts';
import { createPackMapKind, encodePackMapEntry, type PackMapEntry } from '../manifest/pack-map.ts';
import type { PageRef, PageSink, PageSource } from '../manifest/page-store.ts';
import { TreeBuilder, type SuspendedTree } from '../manifest/tree-builder.ts';
import type { PackId } from '../ids.ts';
import {
  completeContainer,
  type ContainerWriter,
  type ContainerWriterOptions,
} from '../packs/container-writer.ts';
import type { SealedContainer } from '../packs/container-state.ts';
import { PagePackWriter } from '../packs/page-pack-writer.ts';
import type { StoredPack } from '../packs/store-pack.ts';
import { pagePackRecordOf } from '../points/point-pages.ts';
import { pageRefToText } from '../points/page-ref-text.ts';
import { decodeRootCbor, encodeRootCbor } from '../points/root-cbor.ts';
import type { Root } from '../points/root.ts';
import { unreadOf } from '../points/unread.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { LeaseKeeper } from '../runs/lease-keeper.ts';
import { aliveUntil } from '../runs/open-run.ts';
import type { PointContent } from '../runs/point-content.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { WriteServices } from '../services.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import type { CopiedCounts } from './copy-entries.ts';
import { listScratchParts, readScratchPart, type ScratchRun } from './scratch-entries.ts';

/** Pages of a container that is being written cannot be read, and are not asked for: entries only ever follow. */
const unreadable: PageSource = {
  read: async (ref) =>
    Promise.reject(new StoredBytesDamagedError(`page ${ref.pageId}`, 'its container is still being written')),
};

export type BuiltManifest =
  | { readonly done: true; readonly manifest: PageRef | undefined }
  | { readonly done: false; readonly readParts: number; readonly tree: SuspendedTree };

/** Writes the tree of the entries into a container, from where the last call stopped: at least one part of them a call. */
export async function buildManifest(
  keys: VaultKeys,
  sink: PageSink,
  work: WorkStore,
  from: {
    readonly scratch: readonly ScratchRun[];
    readonly readParts: number;
    readonly tree: SuspendedTree;
  },
  { shouldStop }: Pick<ConsolidateOptions, 'shouldStop'>,
): Promise<BuiltManifest> {
  const store = { source: unreadable, sink };
  const builder = TreeBuilder.resume(createFileTreeKind(keys), store, from.tree, 'a container under way');
  for (const [part, name] of listScratchParts(from.scratch).entries()) {
    if (part < from.readParts) continue;
    if (part > from.readParts && shouldStop())
      return { done: false, readParts: part, tree: builder.suspend() };
    for (const entry of await readScratchPart(work, name)) {
      const closing = builder.add(entry);
      if (closing !== undefined) await closing;
    }
  }
  return { done: true, manifest: await builder.finish() };
}

/** Ends a container with its pack map and its root; `root` is the bytes of that root. */
export async function sealContainer(
  keys: VaultKeys,
  plan: RunPlan,
  base: Root,
  writer: ContainerWriter,
  manifest: PageRef | undefined,
  copied: CopiedCounts,
): Promise<{ readonly sealed: SealedContainer; readonly root: Uint8Array }> {
  const { packId } = writer.pack;
  const entry = packMapEntryOf(plan, packId, copied);
  const packMap = await buildPackMap(keys, entry, writer);
  const root: Root = {
    ...base,
    run: plan.runId,
    type: 'synthetic-full',
    base: base.point,
    chain: base.point,
    counts: {
      ...base.counts,
      filesChanged: 0,
      filesRemoved: 0,
      readBytes: 0,
      newBytes: copied.bytes,
      storedBytes: 0,
    },
    ...(manifest && { manifest: pageRefToText(manifest) }),
    ...(packMap && { packMap: pageRefToText(packMap) }),
    pagePacks: [
      { pack: packId, kind: 'container', version: '', lockedUntil: entry.lockedUntil.toISOString() },
    ],
    pagePacksCounted: 1,
    container: { pack: packId, bytes: 0 },
  };
  const bytes = encodeRootCbor(root);
  return { sealed: await writer.seal(bytes), root: bytes };
}

/**
 * Makes an object of a sealed container, and says what the point consists of. Reads nothing of it: it may be frozen as
 * soon as it exists. Locked for years only now that its commit follows: of a run that was cancelled, or failed before,
 * nothing stays for longer than the run may take. Repeatable.
 * @throws {@link LeaseTooShortError} the container was swept meanwhile.
 * @throws {@link RunClosedError} the run was cancelled.
 */
export async function finishContainer(
  services: WriteServices,
  plan: RunPlan,
  writing: ContainerWriterOptions,
  { sealed, counts, root }: { sealed: SealedContainer; counts: CopiedCounts; root: Uint8Array },
): Promise<PointContent> {
  const { catalog, clock, store, lockMode } = services;
  const stored = await completeContainer(writing, sealed);
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  const keeper = new LeaseKeeper({ catalog, store, lockMode, leaseUntil: plan.leaseUntil });
  await keeper.lease([stored.packId]);
  const leased = keeper.get(stored.packId);
  if (leased === undefined) {
    throw new LeaseTooShortError(
      `container ${stored.packId} of run ${plan.runId} cannot be leased any more; run it again`,
    );
  }
  const { lockedUntil, versionId } = leased;
  const entry = { ...packMapEntryOf(plan, stored.packId, counts), versionId, lockedUntil };
  // The pages that lead to a container are read before it is thawed.
  const { storageClass: _, ...hot } = writing.lease;
  const leading = { ...writing, lease: { ...hot, leaseUntil: plan.leaseUntil } };
  const inner = decodeRootCbor(root, stored.name);
  return describeContainer(leading, plan, { ...stored, lockedUntil }, entry, inner);
}

function packMapEntryOf(plan: RunPlan, packId: PackId, copied: CopiedCounts): PackMapEntry {
  return {
    packId,
    kind: 'container',
    references: copied.references,
    liveBytes: copied.liveBytes,
    retentionClass: plan.retentionClass,
    lockedUntil: new Date(Math.ceil(plan.leaseUntil.getTime() / 1000) * 1000),
    versionId: '',
  };
}

/** Describes a completed container for the point's ordinary root. @param writing - for what leads to it. */
async function describeContainer(
  writing: ContainerWriterOptions,
  { storageClass }: RunPlan,
  stored: StoredPack,
  entry: PackMapEntry,
  inner: Root,
): Promise<PointContent> {
  const pages = await PagePackWriter.open(writing);
  const packMap = await buildPackMap(writing.vault, entry, pages);
  const pagePacks = [stored, ...(await pages.finish())];
  return {
    counts: { ...inner.counts, storedBytes: pagePacks.reduce((sum, pack) => sum + pack.bytes, 0) },
    warnings: inner.warningList,
    warningCount: inner.warnings,
    // A container lacks all that its point lacks.
    unread: unreadOf(inner),
    manifest: inner.manifest,
    image: inner.image,
    ...(packMap && { packMap: pageRefToText(packMap) }),
    pagePacks: pagePacks.map(pagePackRecordOf),
    pagePacksCounted: pagePacks.length,
    container: {
      pack: stored.packId,
      bytes: stored.bytes,
      storageClass,
    },
    lockedUntil: new Date(Math.min(...pagePacks.map(({ lockedUntil }) => lockedUntil.getTime()))),
  };
}

async function buildPackMap(
  keys: VaultKeys,
  entry: PackMapEntry,
  sink: PageSink,
): Promise<PageRef | undefined> {
  const builder = new TreeBuilder(createPackMapKind(keys), { source: unreadable, sink });
  if (entry.references > 0) await builder.add(encodePackMapEntry(entry));
  return builder.finish();
}
