import { NotSupportedError, ObjectNotFoundError, UnknownNameError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { decodePackMapEntry } from '../manifest/pack-map.ts';
import { decodeSuspended, encodeSuspended } from '../packs/container-state.ts';
import { ContainerWriter, type ContainerWriterOptions } from '../packs/container-writer.ts';
import { containerName } from '../packs/object-names.ts';
import { PackReader } from '../packs/pack-reader.ts';
import { SegmentReader } from '../packs/segment-reader.ts';
import { PointReader } from '../restore/point-reader.ts';
import type { PointContent } from '../runs/point-content.ts';
import { aliveUntil } from '../runs/open-run.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';
import type { WriteServices } from '../services.ts';
import { readContainerRoot } from './container-root.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import { copyFiles } from './copy-files.ts';
import { describeContainer, finishContainer } from './finish-container.ts';
import { findCompleting, findProgress, putCompleting, putProgress, suspendedName } from './progress.ts';
import { ScratchEntries } from './scratch-entries.ts';

/**
 * Writes a point into ONE self-contained container: its chunks in restore order, its manifest, its root. The source is
 * not read. Goes on over any number of calls; every chunk is verified on the way. A container that was completed by a
 * call that died afterwards is taken up.
 * Memory: the fetcher's windows and one part of the upload.
 * @throws {@link NotSupportedError} the base is an image: its blocks are not in the vault.
 * @throws {@link StoredBytesDamagedError} the base is damaged; nothing is made of it.
 */
export async function consolidatePoint(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  options: ConsolidateOptions,
): Promise<{ readonly done: false } | { readonly done: true; readonly content: PointContent }> {
  const { store, catalog, work, clock } = services;
  await catalog.touchRun(plan.runId, aliveUntil(clock.now()));
  if (plan.base === undefined)
    throw new UnknownNameError(`run ${plan.runId} has no point to consolidate; make a full first`);
  const base = await PointReader.open(store, keys, plan.resourceArn, plan.base.pointId);
  if (base.root.image !== undefined) {
    throw new NotSupportedError(
      `point ${base.root.point} consists of snapshots, whose blocks are not in the vault; a synthetic full needs them there`,
    );
  }
  const writing: ContainerWriterOptions = {
    store,
    catalog,
    clock,
    random: services.random,
    vault: keys,
    lease: {
      runId: plan.runId,
      leaseUntil: plan.leaseUntil,
      lockMode: plan.lockMode,
      retentionClass: plan.retentionClass,
      ...(plan.storageClass !== undefined && { storageClass: plan.storageClass }),
    },
    ...(options.signal && { signal: options.signal }),
  };
  const completing = await findCompleting(work, plan);
  if (completing !== undefined) {
    const finished = await findFinished(services, keys, plan, completing, writing);
    if (finished !== undefined) return { done: true, content: finished };
  }
  const saved = await findProgress(work, plan);
  const writer =
    saved === undefined
      ? await ContainerWriter.start(writing, base.root.counts.logicalBytes)
      : await ContainerWriter.resume(
          writing,
          decodeSuspended(await work.get(suspendedName(plan)), suspendedName(plan)),
        );
  const scratch = new ScratchEntries(work, runPrefix(plan.runId), saved?.parts ?? 0);
  const copied = await copyFiles(base, writer, scratch, saved, options);
  if (copied.next !== undefined) {
    const parts = await scratch.flush();
    await work.put(suspendedName(plan), encodeSuspended(await writer.suspend()));
    await putProgress(work, plan, { ...copied, parts });
    return { done: false };
  }
  await scratch.flush();
  await putCompleting(work, plan, writer.pack.packId);
  // From here a repetition starts at the last suspended state, or finds the completed container.
  const content = await finishContainer({ keys, plan, base, writer, scratch, copied, writing });
  return { done: true, content };
}

/** A container that an earlier call completed without living to say so. */
async function findFinished(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  packId: PackId,
  writing: ContainerWriterOptions,
): Promise<PointContent | undefined> {
  const { store, catalog } = services;
  const name = containerName(packId);
  const state = await findState(services, name);
  if (state === undefined) return undefined;
  const { versionId, bytes, lock, storedAt } = state;
  const segments = new SegmentReader(store, new PackReader(store, keys).ciphers);
  const root = readContainerRoot(
    (await segments.readContainerEnd({ packId, name, versionId }, bytes)).root,
    name,
  );
  // Whoever died between completing and locking it left no lock, or the bucket's own: the commit then moves it.
  const lockedUntil = lock?.until ?? storedAt;
  if ((await catalog.confirmPack(packId, { versionId, bytes, lockedUntil })) === 'lost') return undefined;
  const stored = {
    packId,
    kind: 'container',
    retentionClass: plan.retentionClass,
    name,
    versionId,
    bytes,
    lockedUntil,
  } as const;
  const facts = { ...stored, kind: 'container', references: 0, liveBytes: 0 } as const;
  for await (const entry of new PointReader(store, keys, root).packMap.range()) {
    return describeContainer(keys, { ...decodePackMapEntry(entry, name), versionId }, stored, root, writing);
  }
  return describeContainer(keys, facts, stored, root, writing);
}

async function findState(
  { store }: WriteServices,
  name: string,
): Promise<Awaited<ReturnType<typeof store.head>> | undefined> {
  try {
    return await store.head(name);
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}
