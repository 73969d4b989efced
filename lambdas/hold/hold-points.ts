import { hash } from 'node:crypto';
import {
  addCounts,
  addFailures,
  applyHold,
  type HoldId,
  HoldProgress,
  releaseHold,
  releasePoints,
  setHold,
} from '@holdfast/engine';
import { HoldReport, HoldRequest } from '@holdfast/engine/model';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import type { StepServices } from '../runtime/services.ts';
import { holdSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

const HoldState = HoldReport.pick({ points: true, gone: true, failures: true }).extend({
  progress: HoldProgress.optional(),
});
type HoldState = z.infer<typeof HoldState>;
const nothing: HoldState = { points: 0, gone: 0, failures: { count: 0, messages: [] } };

const HoldInput = z.object({ request: HoldRequest, execution: z.string() });

type Services = StepServices<(typeof holdSteps)['hold-points']['needs']>;

export type HoldOutput =
  | { readonly done: false; readonly state: HoldState }
  | ({ readonly done: true } & HoldReport);

/** Sets or releases one legal hold, as far as the time of one call goes. A repeated call does the same again. */
export const holdPointsStep = defineLoop(
  holdSteps,
  'hold-points',
  { input: HoldInput, state: HoldState, handOnBeforeMs },
  async (services, { request, execution }, { before = nothing, shouldStop }): Promise<HoldOutput> => {
    const id = request.action === 'release' ? request.hold : holdIdOf(execution);
    const did =
      request.action === 'set'
        ? await set(services, id, request, before, shouldStop)
        : await release(services, id, request, { shouldStop });
    const failures = { ...did.failures, messages: [...did.failures.messages] };
    const { points, gone } = addCounts(before, did);
    if (!did.done) return { done: false, state: { progress: did.progress, points, gone, failures } };
    services.log.info(`the hold was ${request.action === 'set' ? 'set' : 'released'}`, {
      hold: id,
      points,
      gone,
    });
    return { done: true, hold: id, action: request.action, points, gone, failures };
  },
);

async function set(
  services: Services,
  id: HoldId,
  { scope, by, reason }: Extract<HoldRequest, { action: 'set' }>,
  before: HoldState,
  shouldStop: () => boolean,
) {
  const hold = await setHold(services, { holdId: id, scope, setBy: by, reason });
  const options = { shouldStop, progress: before.progress };
  const report = await applyHold(services, await services.openKeys(), hold, options);
  const { progress, held: points, gone, damaged } = report;
  const done = progress === undefined;
  // A point that has failed is behind the progress: no later call meets it again.
  const failures = addFailures(before.failures, addFailures(report.failures, damaged));
  return { done, progress, points, gone, failures };
}

async function release(
  services: Services,
  id: HoldId,
  { by, reason }: Extract<HoldRequest, { action: 'release' }>,
  options: Parameters<typeof releasePoints>[3],
) {
  await releaseHold(services, { holdId: id, releasedBy: by, reason });
  const { released, failures, done } = await releasePoints(
    services,
    await services.openKeys(),
    new Set([id]),
    options,
  );
  return { done, progress: undefined, points: released, gone: 0, failures };
}

/** One execution is one hold, however often its steps run. */
function holdIdOf(execution: string): HoldId {
  return hash('sha256', `hold ${execution}`, 'hex').slice(0, 32) as HoldId;
}
