import { hash } from 'node:crypto';
import {
  addFailures,
  applyHold,
  type HoldId,
  HoldProgress,
  releaseHold,
  releasePoints,
  setHold,
} from '@holdfast/engine';
import { type HoldReport, HoldRequest } from '@holdfast/engine/model';
import * as z from 'zod';
import { addCounts } from '../runtime/add-counts.ts';
import { defineLoop } from '../runtime/define-step.ts';
import type { StepServices } from '../runtime/services.ts';
import { holdSteps } from './steps.ts';

const handOnBeforeMs = 120_000;

const HoldState = z.object({ progress: HoldProgress.optional(), points: z.int(), gone: z.int() });
const nothing: z.infer<typeof HoldState> = { points: 0, gone: 0 };

const HoldInput = z.object({ request: HoldRequest, execution: z.string() });

type Services = StepServices<(typeof holdSteps)['hold-points']['needs']>;

export type HoldOutput =
  | { readonly done: false; readonly state: z.infer<typeof HoldState> }
  | ({ readonly done: true } & HoldReport);

/** Sets or releases one legal hold, as far as the time of one call goes. A repeated call does the same again. */
export const holdPointsStep = defineLoop(
  holdSteps,
  'hold-points',
  { input: HoldInput, state: HoldState, handOnBeforeMs },
  async (services, { request, execution }, { before, shouldStop }): Promise<HoldOutput> => {
    const id = request.action === 'release' ? request.hold : holdIdOf(execution);
    const did =
      request.action === 'set'
        ? await set(services, id, request, { shouldStop, progress: before?.progress })
        : await release(services, id, request, { shouldStop });
    const { failures } = did;
    const { points, gone } = addCounts(before ?? nothing, did);
    if (!did.done) return { done: false, state: { progress: did.progress, points, gone } };
    services.log.info(`the hold was ${request.action === 'set' ? 'set' : 'released'}`, {
      hold: id,
      points,
      gone,
    });
    const messages = [...failures.messages];
    return {
      done: true,
      hold: id,
      action: request.action,
      points,
      gone,
      failures: { ...failures, messages },
    };
  },
);
async function set(
  services: Services,
  id: HoldId,
  { scope, by, reason }: Extract<HoldRequest, { action: 'set' }>,
  options: Parameters<typeof applyHold>[3],
) {
  const hold = await setHold(services, { holdId: id, scope, setBy: by, reason });
  const report = await applyHold(services, await services.openKeys(), hold, options);
  const { progress, held: points, gone, damaged } = report;
  const done = progress === undefined;
  return { done, progress, points, gone, failures: addFailures(report.failures, damaged) };
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
