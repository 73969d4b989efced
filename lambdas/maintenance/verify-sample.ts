import { addCounts, type ResourceArn, verifySample } from '@holdfast/engine';
import * as z from 'zod';
import { defineLoop, type LoopOutput } from '../runtime/define-step.ts';
import { partOf, mergeFailures, noteFailures, nothingOf, partition } from './maintenance-fields.ts';
import { maintenanceSteps } from './steps.ts';

/** Room for packs that were begun. */
const handOnBeforeMs = 180_000;

const VerifyState = z.object({
  next: z
    .union([
      z.object({ lockUntil: z.string(), packId: z.string() }),
      z.object({ arn: z.string().transform((text) => text as ResourceArn) }),
    ])
    .optional(),
  ...partOf('verified', z.int()),
});
type VerifyState = z.infer<typeof VerifyState>;

const VerifyInput = z.object({ partition, startedAt: z.iso.datetime() });

const nothing: VerifyState = nothingOf('verified');

/**
 * Verifies the part of one partition that is due today. Damage is an answer, not an error; the report raises the alarm.
 */
export const verifySampleStep = defineLoop(
  maintenanceSteps,
  'verify-sample',
  { input: VerifyInput, state: VerifyState, handOnBeforeMs },
  async (services, input, { before = nothing, shouldStop }): Promise<LoopOutput<VerifyState>> => {
    const { store, catalog, openKeys, log } = services;
    const { report, state: next } = await verifySample({ store, catalog }, await openKeys(), {
      partition: input.partition,
      day: new Date(input.startedAt),
      shouldStop,
      state: before.next,
    });
    for (const message of report.messages) log.warn('damage', { reason: message });
    const state = {
      ...addCounts(before, report),
      next,
      failures: mergeFailures(before.failures, noteFailures(log, 'verifying', report.failures)),
    };
    const { packs, bytes, resources, passedOver, damaged } = state;
    log.info('verified a sample', {
      partition: input.partition,
      packs,
      bytes,
      resources,
      passedOver,
      damaged,
    });
    return { done: next === undefined, state };
  },
);
