import { verifySample, type Catalog, type ObjectStore } from '@holdfast/engine';
import * as z from 'zod';
import { defineHandler, type StepHandler } from '../runtime/define-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import { Failures, mergeFailures, noneFailed, noteFailures, partition } from './maintenance-fields.ts';
import type { OpenKeys } from '../runtime/open-vault-once.ts';

/** The next call goes on when less than this is left: packs that were begun have to fit in. Milliseconds. */
const handOnBeforeMs = 180_000;

const VerifyState = z.object({
  next: z.object({ lockUntil: z.string(), packId: z.string() }).optional(),
  packs: z.int(),
  bytes: z.int(),
  resources: z.int(),
  passedOver: z.int(),
  damaged: z.int(),
  failures: Failures,
});
type VerifyState = z.infer<typeof VerifyState>;

const VerifyInput = z.object({ partition, startedAt: z.iso.datetime(), state: VerifyState.nullish() });

/** Whether the sample of the partition has been verified. */
export interface VerifyOutput {
  readonly done: boolean;
  readonly state: VerifyState;
}

const nothing: VerifyState = {
  packs: 0,
  bytes: 0,
  resources: 0,
  passedOver: 0,
  damaged: 0,
  failures: noneFailed,
};

/** Verifies the part of one partition whose day it is. Damage is an answer; the report raises the alarm. */
export function makeHandler(deps: {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly openKeys: OpenKeys;
  readonly log: Logger;
}): StepHandler<VerifyOutput> {
  const { store, catalog, openKeys, log } = deps;
  return defineHandler('verify-sample', VerifyInput, async (input, context) => {
    const before = input.state ?? nothing;
    const { report, state: next } = await verifySample({ store, catalog }, await openKeys(), {
      partition: input.partition,
      day: new Date(input.startedAt),
      shouldStop: () => context.getRemainingTimeInMillis() < handOnBeforeMs,
      state: before.next,
    });
    for (const message of report.messages) log.warn('damage', { reason: message });
    const state = {
      next,
      packs: before.packs + report.packs,
      bytes: before.bytes + report.bytes,
      resources: before.resources + report.resources,
      passedOver: before.passedOver + report.passedOver,
      damaged: before.damaged + report.damaged,
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
  });
}
