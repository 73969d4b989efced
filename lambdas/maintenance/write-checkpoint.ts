import { type CheckpointStep, putCheckpoint } from '@holdfast/engine';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { maintenanceFile, maintenanceId } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

/** Room for a chain, which takes a fraction of a second. */
const handOnBeforeMs = 120_000;

/** The hash of the checkpoint, kept outside the vault, proves the log up to that day. */
export type WriteCheckpointOutput = CheckpointStep & { readonly state: null };

/** Writes the day's checkpoint over all chains, as far as the time of one call goes. Repeatable. */
export const writeCheckpointStep = defineLoop(
  maintenanceSteps,
  'write-checkpoint',
  // The state lies in the work bucket.
  { input: z.object({ maintenanceId }), state: z.null(), handOnBeforeMs },
  async (services, input, { shouldStop }): Promise<WriteCheckpointOutput> => {
    const { log } = services;
    const step = await putCheckpoint(
      { ...services, progressName: maintenanceFile(input.maintenanceId, 'checkpoint.json') },
      { shouldStop },
    );
    if (step.done)
      log.info('wrote the checkpoint of the audit log', { date: step.date, sha256: step.sha256 });
    else log.info('looked at a part of the audit log', { maintenanceId: input.maintenanceId });
    return { ...step, state: null };
  },
);
