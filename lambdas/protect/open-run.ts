import { InvalidInputError, type ObjectStore, openRunInParts, RunClosedError } from '@holdfast/engine';
import {
  type BackupType,
  getPlan,
  isImageKind,
  type OpenedRunReport,
  type Plan,
  ProtectInput,
  dayMs,
  storageClassOf,
} from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { skipReason } from './skip-reason.ts';
import { protectSteps } from './steps.ts';

/** A call hands on to the next one when less than this is left: room for one more batch, and the plan. Milliseconds. */
const handOnBeforeMs = 300_000;

const OpenRunInput = ProtectInput.extend({ execution: z.string().optional() });

/** `done: false` while a part of the base is not leased yet; then how the run goes on. */
export type OpenRunOutput =
  | { readonly done: false; readonly state: null }
  | ({ readonly done: true } & OpenedRunReport);

/**
 * Opens a run, over as many calls as it takes to lease its base, and says how it goes on. A run that has completed
 * already, or has nothing to do, is skipped.
 */
export const openRunStep = defineLoop(
  protectSteps,
  'open-run',
  // The progress of the leasing lies in the work bucket.
  { input: OpenRunInput, state: z.null(), handOnBeforeMs },
  async (services, input, { shouldStop }): Promise<OpenRunOutput> => {
    const { plans, openSource, ownBuckets, log } = services;
    const { resourceArn: arn, kind, type } = input;
    // A rule for names that begin alike may let them in, and each run would store what the one before has stored.
    if (ownBuckets.some((own) => arn.endsWith(`:s3:::${own}`)))
      throw new InvalidInputError(
        `${arn} belongs to this deployment; its own data is not backed up into itself, take the tag away`,
      );
    const answer = { done: true, runId: input.runId, resourceArn: arn, kind } as const;
    const plan = getPlan(plans, input.plan);
    const reason = skipReason(kind, type, plan);
    if (reason !== undefined) {
      log.info('skipped the resource', { runId: input.runId, resource: arn, reason });
      return { ...answer, mode: 'skip', type, reason };
    }
    const isImage = isImageKind(kind);
    // A synthetic full does not read its source, which may be gone.
    const readsSource = !isImage && type !== 'synthetic-full';
    const timeOf = readsSource ? openSource({ arn, kind }, plan) : services.store;
    const request = {
      runId: input.runId,
      resourceArn: arn,
      resourceKind: kind,
      plan: plan.name,
      type,
      ...(await retentionOf(services.store, input, plan)),
      readTags: plan.readTags,
      blocks: isImage && plan.images.blocks === 'vault',
      compression: plan.compression,
      execution: input.execution,
      sourceNow: async () => timeOf.now(),
    };
    const opened = await openRunInParts(services, request, { shouldStop });
    if (opened.state === 'unfinished') {
      log.info('leased a part of the base', { runId: input.runId, resource: arn });
      return { done: false, state: null };
    }
    if (opened.state === 'over') {
      const { run } = opened;
      if (run.pointId === undefined) throw new RunClosedError(run.runId, `it ended as ${run.state}`);
      return { ...answer, mode: 'skip', type: run.type, reason: `the run ended before as ${run.state}` };
    }
    const decided = opened.plan;
    const mode = modeOf(isImage, decided.type, plan);
    const changed = decided.typeReason === undefined ? {} : { reason: decided.typeReason };
    log.info('opened the run', { runId: input.runId, resource: arn, mode, type: decided.type, ...changed });
    return { ...answer, mode, type: decided.type, ...changed };
  },
);

function modeOf(
  isImage: boolean,
  type: BackupType,
  { images }: Plan,
): 'files' | 'image' | 'blocks' | 'consolidate' {
  if (type === 'synthetic-full') return 'consolidate';
  if (!isImage) return 'files';
  return images.blocks === 'vault' ? 'blocks' : 'image';
}

/** Retention of the point; a container is kept for as long as the point that it is made of should be. */
async function retentionOf(
  store: ObjectStore,
  { container: asked }: z.infer<typeof OpenRunInput>,
  plan: Plan,
) {
  if (asked === undefined) return { keepDays: plan.retention.keepDays };
  const { pointId, keepUntil, archiveClass } = asked;
  const keepDays = (keepUntil.getTime() - (await store.now()).getTime()) / dayMs;
  if (keepDays <= 0)
    throw new InvalidInputError(
      `container ${pointId} should be kept until ${keepUntil.toISOString()}, which is over`,
    );
  return { keepDays, container: { pointId, storageClass: storageClassOf(archiveClass) } };
}
