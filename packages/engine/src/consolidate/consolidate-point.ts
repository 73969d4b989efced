import { safety } from '../model/safety.ts';
import { fromBase64, toBase64 } from '../bytes.ts';
import { NotSupportedError, UnknownNameError } from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { decodePackMapEntry } from '../manifest/pack-map.ts';
import { volumeEntries } from '../manifest/volume-entries.ts';
import { compressionPolicies } from '../packs/frame-codec.ts';
import { ContainerWriter, type ContainerWriterOptions } from '../packs/container-writer.ts';
import { largestUploadBytes } from '../packs/part-uploader.ts';
import { PointReader } from '../restore/point-reader.ts';
import type { PointContent } from '../runs/point-content.ts';
import { aliveUntil } from '../runs/open-run.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';
import type { WriteServices } from '../services.ts';
import type { ConsolidateOptions } from './consolidate-options.ts';
import { copyEntries } from './copy-entries.ts';
import { buildManifest, finishContainer, sealContainer } from './finish-container.ts';
import {
  findProgress,
  positionFromJson,
  positionToJson,
  putProgress,
  readCarry,
  saveWriter,
  type Progress,
} from './progress.ts';
import { ScratchEntries } from './scratch-entries.ts';
import { dayMs } from '../model/time.ts';

const nothingCopied = { references: 0, liveBytes: 0, files: 0, bytes: 0 };

/** Either another call has to go on, or the container is complete and can be committed. */
export type ConsolidateStep =
  | { readonly done: false }
  | { readonly done: true; readonly content: PointContent };

/** The state after copying, with some of the manifest written. */
type Copied = Pick<Extract<Progress, { step: 'manifest' }>, 'counts' | 'scratch' | 'readParts' | 'tree'>;

interface Consolidation {
  readonly services: WriteServices;
  readonly keys: VaultKeys;
  readonly plan: RunPlan;
  readonly base: PointReader;
  readonly writing: ContainerWriterOptions;
  readonly options: ConsolidateOptions;
  readonly saved: Progress | undefined;
  readonly shared: Pick<Progress, 'lockUntil'>;
}

/**
 * Writes a point into ONE self-contained container: its chunks in restore order, its manifest, its root. The source is
 * not read. Goes on over any number of calls, from wherever one of them stopped: at a file, within one, between the
 * parts of the manifest, before the upload is completed. Each call gets some of it done, however little time it has.
 * Every chunk is verified on the way.
 * Memory: the fetcher's windows and the part of the upload that is being filled.
 * @throws {@link NotSupportedError} the base is an image, whose blocks are not in the vault; or too large for an object.
 * @throws {@link StoredBytesDamagedError} the base is damaged; nothing is made of it.
 * @throws {@link RunClosedError} the run was cancelled.
 */
export async function consolidatePoint(
  services: WriteServices,
  keys: VaultKeys,
  plan: RunPlan,
  options: ConsolidateOptions,
): Promise<ConsolidateStep> {
  const { store, catalog, work, clock } = services;
  await catalog.runs.touch(plan.runId, aliveUntil(clock.now()));
  if (plan.base === undefined)
    throw new UnknownNameError(`run ${plan.runId} has no point to consolidate; make a full first`);
  const base = await PointReader.open(store, keys, plan.resourceArn, plan.base.pointId);
  checkHasContent(base);
  const saved = await findProgress(work, plan);
  const lockUntil = saved?.lockUntil ?? (await lockUnderWay(services, plan)).toISOString();
  const writing: ContainerWriterOptions = {
    ...services,
    vault: keys,
    lease: {
      runId: plan.runId,
      leaseUntil: new Date(lockUntil),
      lockMode: plan.lockMode,
      retentionClass: plan.retentionClass,
      storageClass: plan.storageClass,
    },
    compression: compressionPolicies[plan.compression],
    signal: options.signal,
  };
  const shared = { lockUntil };
  return goOn({ services, keys, plan, base, writing, options, saved, shared });
}

async function goOn(at: Consolidation): Promise<ConsolidateStep> {
  const { services, keys, plan, base, writing, options, saved, shared } = at;
  const { work } = services;
  if (saved?.step === 'complete') return complete(at, saved);
  const writer =
    saved === undefined
      ? await ContainerWriter.start(writing, await bytesOf(base, options.signal))
      : await ContainerWriter.resume(writing, saved.writer.state, readCarry(work, saved.writer));
  const copied = saved?.step === 'manifest' ? saved : await copy(at, writer);
  if (copied === undefined) return { done: false };
  const { counts, scratch } = copied;
  const built = await buildManifest(keys, writer, work, copied, options);
  if (!built.done) {
    const { readParts, tree } = built;
    const rest = { writer: await saveWriter(services, plan, await writer.suspend()), scratch };
    await putProgress(work, plan, { step: 'manifest', ...shared, counts, ...rest, readParts, tree });
    return { done: false };
  }
  const { sealed, root } = await sealContainer(keys, plan, base.root, writer, built.manifest, counts);
  const completing = { step: 'complete', ...shared, counts, sealed, root: toBase64(root) } as const;
  // Before the object exists: whoever dies after it has all that is needed to take it up without reading it.
  await putProgress(work, plan, completing);
  return options.shouldStop() ? { done: false } : complete(at, completing);
}

/** @returns where building the manifest begins; `undefined` when another call has to go on. */
async function copy(
  { services, plan, base, options, saved, shared }: Consolidation,
  writer: ContainerWriter,
): Promise<Copied | undefined> {
  const from =
    saved?.step === 'copy'
      ? { counts: saved.counts, next: positionFromJson(saved.next) }
      : { counts: nothingCopied };
  const before = saved?.step === 'copy' ? saved.scratch : [];
  const entries = new ScratchEntries(services, runPrefix(plan.runId), before);
  const { counts, next } = await copyEntries(base, writer, entries, from, options);
  const scratch = await entries.flush();
  if (next === undefined) return { counts, scratch, readParts: 0, tree: { children: [] } };
  const rest = { writer: await saveWriter(services, plan, await writer.suspend()), scratch };
  const position = positionToJson(next);
  await putProgress(services.work, plan, { step: 'copy', ...shared, counts, ...rest, next: position });
  return undefined;
}

async function complete(
  { services, plan, writing }: Consolidation,
  { sealed, counts, root }: Extract<Progress, { step: 'complete' }>,
): Promise<ConsolidateStep> {
  const completed = { sealed, counts, root: fromBase64(root) };
  return { done: true, content: await finishContainer(services, plan, writing, completed) };
}

function checkHasContent({ root }: PointReader): void {
  if (root.image === undefined || root.manifest !== undefined) return;
  throw new NotSupportedError(
    `point ${root.point} consists of snapshots, whose blocks are not in the vault; a synthetic full needs them there`,
  );
}

/**
 * Plain bytes of all that is copied. Of an image that is its blocks, and not the size of its volumes.
 * @throws {@link NotSupportedError} it is too much for one object.
 */
async function bytesOf(base: PointReader, signal: AbortSignal | undefined): Promise<number> {
  const { root, packMap, manifest } = base;
  let bytes = root.counts.logicalBytes;
  if (root.image !== undefined) {
    let [blocks, largest] = [0, 0];
    for await (const { blockBytes } of volumeEntries(manifest, signal))
      largest = Math.max(largest, blockBytes);
    for await (const entry of packMap.range({}, { signal }))
      blocks += decodePackMapEntry(entry, base.name).references;
    bytes = blocks * largest;
  }
  if (bytes <= largestUploadBytes) return bytes;
  throw new NotSupportedError(
    `point ${root.point} has ${bytes} bytes, and a container is written of at most ` +
      `${largestUploadBytes}; it stays as it is, and is prolonged for as long as its plan keeps it`,
  );
}

async function lockUnderWay({ store }: WriteServices, { leaseUntil }: RunPlan): Promise<Date> {
  const until = new Date((await store.now()).getTime() + safety.containerUploadDays * dayMs);
  return until < leaseUntil ? until : leaseUntil;
}
