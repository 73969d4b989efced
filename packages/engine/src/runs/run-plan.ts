import * as z from 'zod';
import { utf8 } from '../bytes.ts';
import type { PackId, PointId, ResourceArn, RunId } from '../ids.ts';
import { BackupType } from '../model/backup-type.ts';
import { CompressionLevel } from '../model/compression.ts';
import { ResourceKind } from '../model/resource-kind.ts';
import { PagePackRecord } from '../points/root.ts';
import { PageRefText } from '../points/page-ref-text.ts';
import type { WorkStore } from '../ports/work-store.ts';
import { getJson } from '../work-json.ts';

const time = z.iso.datetime().transform((text) => new Date(text));
const timeOut = z.date().transform((date) => date.toISOString());
const pointId = z.string().transform((text) => text as PointId);
const packId = z.string().transform((text) => text as PackId);

const fields = {
  runId: z.string().transform((text) => text as RunId),
  pointId,
  resourceArn: z.string().transform((text) => text as ResourceArn),
  resourceKind: ResourceKind,
  plan: z.string(),
  type: BackupType,
  typeReason: z.string().optional(),
  chainPointId: pointId.optional(),
  keepDays: z.number().positive(),
  retentionClass: z.string(),
  lockMode: z.enum(['governance', 'compliance']),
  /** Locks are rounded up to the end of a generation of this length. */
  generationDays: z.int().positive(),
  /** Tags of unchanged entries are read too. */
  readTags: z.boolean(),
  compression: CompressionLevel,
  /** Everything is stored anew, even chunks that the vault has. */
  isolated: z.boolean(),
  /** The store's name of the class that a container goes into. @default its standard class */
  storageClass: z.string().optional(),
  /** Entries modified after this, by the source's clock, may change again within their time stamp's resolution. */
  settledBeforeMs: z.number(),
  base: z
    .object({
      pointId,
      manifest: PageRefText.optional(),
      packMap: PageRefText.optional(),
      pagePacks: z.array(PagePackRecord),
      pagePacksCounted: z.int(),
    })
    .optional(),
  /** The resource's newest point that can be read: for content that the source has archived since. */
  earlier: pointId.optional(),
  /** Packs of the base that could not be leased: their chunks are read from the source again. */
  unleasedPacks: z.array(packId),
  /** Mostly dead packs that are not leased any more: chunks that the new point needs are copied (rule 5). */
  copiedPacks: z.array(packId),
  /** Mostly dead page packs of the base: the pages that are still needed are written anew. */
  rewrittenPagePacks: z.array(packId),
  /** Runs of deltas with the dates to which the packs of the base were leased. */
  leases: z.array(z.string()),
  /** The resource's newest root, for the chain of hashes. */
  previous: z.object({ point: z.string(), sha256: z.string(), expiresAt: z.string().optional() }).optional(),
} as const;

const Stored = z.object({ ...fields, startedAt: time, leaseUntil: time, sourceTime: time });
const Storable = z.object({ ...fields, startedAt: timeOut, leaseUntil: timeOut, sourceTime: timeOut });

/**
 * The decisions of a run when it was opened, which all its workers follow: dates, base, leases. Written once into the
 * work store, so that a step that runs again follows the same decisions.
 */
export type RunPlan = z.output<typeof Stored>;

export function runPrefix(runId: RunId): string {
  return `runs/${runId}/`;
}

/**
 * Writes a run's plan, unless it has one: then that one stands.
 * @returns the plan to go by.
 */
export async function settleRunPlan(work: WorkStore, plan: RunPlan): Promise<RunPlan> {
  const body = utf8(JSON.stringify(Storable.parse(plan)));
  await work.putNew(planName(plan.runId), body);
  return getRunPlan(work, plan.runId);
}

/** @throws {@link ObjectNotFoundError} the run was never opened, or its scratch objects have been swept. */
export async function getRunPlan(work: WorkStore, runId: RunId): Promise<RunPlan> {
  return getJson(work, planName(runId), Stored);
}

function planName(runId: RunId): string {
  return `${runPrefix(runId)}plan.json`;
}
