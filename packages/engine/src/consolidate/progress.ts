import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import { ObjectNotFoundError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { runPrefix, type RunPlan } from '../runs/run-plan.ts';

const count = z.int().nonnegative();

/** Where a consolidation stands; lies in the work store. */
export const Progress = z.object({
  /** First key that has not been copied; absent once all have. */
  next: z.base64().optional(),
  parts: count,
  references: count,
  liveBytes: count,
  files: count,
  bytes: count,
});
export type Progress = z.infer<typeof Progress>;

/** What an earlier call left, if there was one. */
export async function findProgress(work: WorkStore, plan: RunPlan): Promise<Progress | undefined> {
  try {
    return Progress.parse(JSON.parse(Buffer.from(await work.get(progressName(plan))).toString('utf8')));
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}

/** Leaves word for the next call; written after everything that it speaks of. */
export async function putProgress(work: WorkStore, plan: RunPlan, progress: Progress): Promise<void> {
  await work.put(progressName(plan), utf8(JSON.stringify(progress)));
}

/** Says which container is about to be completed, so that a call that dies after that leaves none behind that nobody knows. */
export async function putCompleting(work: WorkStore, plan: RunPlan, container: PackId): Promise<void> {
  await work.put(completingName(plan), utf8(container));
}

/** The container that an earlier call may have completed. */
export async function findCompleting(work: WorkStore, plan: RunPlan): Promise<PackId | undefined> {
  try {
    return Buffer.from(await work.get(completingName(plan))).toString('utf8') as PackId;
  } catch (error) {
    if (error instanceof ObjectNotFoundError) return undefined;
    throw error;
  }
}

/** Where a suspended container's writer lies. */
export function suspendedName(plan: RunPlan): string {
  return `${runPrefix(plan.runId)}container`;
}

function progressName(plan: RunPlan): string {
  return `${runPrefix(plan.runId)}consolidate.json`;
}

function completingName(plan: RunPlan): string {
  return `${runPrefix(plan.runId)}completing`;
}
