import * as z from 'zod';
import { fromBase64, newId, toBase64 } from '../bytes.ts';
import { decodeExtent, encodeExtent } from '../manifest/extent.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { decodePage, encodeLeaf, isLeaf } from '../manifest/page-codec.ts';
import { SuspendedTree } from '../manifest/tree-builder.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import type { PackId } from '../ids.ts';
import { ContainerState, SealedContainer, type SuspendedContainer } from '../packs/container-state.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';
import { findJson, putJson } from '../work-json.ts';
import type { CopyPosition } from './copy-entries.ts';
import { ScratchRun } from './scratch-entries.ts';

/** Size of the pieces in which the bytes that a writer had not uploaded are kept. */
const carryPieceBytes = 32 * 2 ** 20;

const count = z.int().nonnegative();

const shared = {
  /** End of the lock of the container while no point needs it. */
  lockUntil: z.iso.datetime(),
  counts: z.object({ references: count, liveBytes: count, files: count, bytes: count }),
};

/** A container's writer at rest, and where its carried bytes lie. */
const writer = z.object({ state: ContainerState, carry: z.string(), carryPieces: count });
export type SavedWriter = z.infer<typeof writer>;

/**
 * The state of a consolidation; one object in the work store, so that no two parts of it are of different calls.
 * Everything that it names is written before it.
 * `copy`: files or blocks; `manifest`: the tree of their entries; `complete`: all is uploaded.
 */
export const Progress = z.discriminatedUnion('step', [
  z.object({
    step: z.literal('copy'),
    ...shared,
    writer,
    scratch: z.array(ScratchRun).readonly(),
    next: z.object({
      key: z.base64(),
      /** The open extent, as a page with its one entry. */
      open: z.base64().optional(),
    }),
  }),
  z.object({
    step: z.literal('manifest'),
    ...shared,
    writer,
    scratch: z.array(ScratchRun).readonly(),
    /** Scratch objects that are in the tree already. */
    readParts: count,
    tree: SuspendedTree,
  }),
  z.object({
    step: z.literal('complete'),
    ...shared,
    sealed: SealedContainer,
    /** The root inside the container, as its bytes. */
    root: z.base64(),
  }),
]);
export type Progress = z.infer<typeof Progress>;

export async function findProgress(work: WorkStore, plan: RunPlan): Promise<Progress | undefined> {
  return findJson(work, progressName(plan), Progress);
}

/** Call it after everything that the progress names has been written. */
export async function putProgress(work: WorkStore, plan: RunPlan, progress: Progress): Promise<void> {
  await putJson(work, progressName(plan), progress);
}

/** Keeps the bytes that a writer had not uploaded, under a new name: those of an earlier call stay as they are. */
export async function saveWriter(
  { work, random }: { readonly work: WorkStore; readonly random: RandomBytes },
  plan: RunPlan,
  { state, carry }: SuspendedContainer,
): Promise<SavedWriter> {
  const name = `${runPrefix(plan.runId)}container/${newId(random)}`;
  let carryPieces = 0;
  for (let at = 0; at < carry.length; at += carryPieceBytes) {
    await work.put(`${name}/${carryPieces}`, carry.subarray(at, at + carryPieceBytes));
    carryPieces += 1;
  }
  return { state, carry: name, carryPieces };
}

/** The bytes that {@link saveWriter} kept. Memory: one piece. */
export async function* readCarry(
  work: WorkStore,
  { carry, carryPieces }: SavedWriter,
): AsyncGenerator<Uint8Array> {
  for (let piece = 0; piece < carryPieces; piece += 1) yield await work.get(`${carry}/${piece}`);
}

export function positionToJson({ key, chunks }: CopyPosition): Extract<Progress, { step: 'copy' }>['next'] {
  const { path, offset = 0 } = decodeFileKey(key, 'a position');
  const open = chunks.length === 0 ? undefined : encodeLeaf([encodeExtent({ path, offset, chunks })]);
  return { key: toBase64(key), open: open && toBase64(open) };
}

/** @throws {@link StoredBytesDamagedError} the open extent is not one. */
export function positionFromJson({ key, open }: Extract<Progress, { step: 'copy' }>['next']): CopyPosition {
  return { key: fromBase64(key), chunks: open === undefined ? [] : chunksOf(fromBase64(open)) };
}

function chunksOf(page: Uint8Array): readonly ChunkReference[] {
  const origin = 'where a consolidation stands';
  const decoded = decodePage(page, { packId: '' as PackId }, origin);
  return isLeaf(decoded) ? decoded.entries.flatMap((entry) => decodeExtent(entry, origin).chunks) : [];
}

function progressName(plan: RunPlan): string {
  return `${runPrefix(plan.runId)}consolidate.json`;
}
