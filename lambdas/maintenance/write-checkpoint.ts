import { type AuditLogOptions, type CheckpointStep, putCheckpoint, type WorkStore } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import { maintenanceFile, maintenanceId } from './maintenance-fields.ts';

/** A call hands on to the next one when less than this is left; a chain takes a fraction of a second. Milliseconds. */
const handOnBeforeMs = 120_000;

/** `state` is always null: where the work stands lies in the work bucket. */
const WriteCheckpointInput = z.object({ maintenanceId, state: z.null().optional() });

/** Whether the day's checkpoint is written. Its hash, kept outside the vault, proves the log up to that day. */
export type WriteCheckpointOutput = CheckpointStep & { readonly state: null };

/** Writes the day's checkpoint over all chains, as far as the time of one call goes. Repeatable. */
export function makeHandler(
  deps: AuditLogOptions & { readonly work: WorkStore; readonly log: Logger },
): StepHandler<WriteCheckpointOutput> {
  const { log, ...options } = deps;
  return defineHandler('write-checkpoint', WriteCheckpointInput, async (input, context) => {
    const step = await putCheckpoint(
      { ...options, progressName: maintenanceFile(input.maintenanceId, 'checkpoint.json') },
      { shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs },
    );
    if (step.done)
      log.info('wrote the checkpoint of the audit log', { date: step.date, sha256: step.sha256 });
    else log.info('looked at a part of the audit log', { maintenanceId: input.maintenanceId });
    return { ...step, state: null };
  });
}
