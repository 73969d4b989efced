import { hash } from 'node:crypto';
import {
  addFailures,
  applyHold,
  type HoldId,
  type HoldScope,
  type PointId,
  releaseHold,
  releasePoints,
  setHold,
} from '@holdfast/engine';
import * as z from 'zod';
import { defineLoop } from '../runtime/define-step.ts';
import { resourceArn } from '../runtime/event-fields.ts';
import type { StepServices } from '../runtime/services.ts';
import { holdSteps } from './steps.ts';

/** A call hands on to the next one when less than this is left. Milliseconds. */
const handOnBeforeMs = 120_000;

const text = z.string().min(1).max(1_024);
const holdId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits')
  .transform((id) => id as HoldId);

/** What is to be held: one of a point, a resource, a tag. */
const Scope = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('point'), pointId: text.transform((id) => id as PointId) }),
    z.strictObject({ kind: z.literal('resource'), resourceArn }),
    z.strictObject({ kind: z.literal('tag'), key: text, value: z.string().max(256) }),
  ])
  .transform((scope): HoldScope => scope);

/** What a person asks of the hold machine. */
const HoldRequest = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('set'), scope: Scope, by: text, reason: text }),
  z.strictObject({ action: z.literal('release'), hold: holdId, by: text, reason: text }),
]);

/** What all calls so far did. */
const HoldState = z.object({ isContinued: z.literal(true), points: z.int(), gone: z.int() });

const HoldInput = z.object({ request: HoldRequest, execution: z.string() });

type Services = StepServices<(typeof holdSteps)['hold-points']['needs']>;

/** Where the work stands. `failures` are points that could not be held or released; maintenance tries again daily. */
export type HoldOutput =
  | { readonly done: false; readonly state: z.infer<typeof HoldState> }
  | {
      readonly done: true;
      readonly hold: HoldId;
      readonly action: 'set' | 'release';
      readonly points: number;
      readonly gone: number;
      readonly failures: { readonly count: number; readonly messages: readonly string[] };
    };

/** Sets or releases one legal hold, as far as the time of one call goes. A repeated call does the same again. */
export const holdPointsStep = defineLoop(
  holdSteps,
  'hold-points',
  { input: HoldInput, state: HoldState, handOnBeforeMs },
  async (services, { request, execution }, { before, shouldStop }): Promise<HoldOutput> => {
    const id = request.action === 'release' ? request.hold : holdIdOf(execution);
    const did =
      request.action === 'set'
        ? await set(services, id, request, { shouldStop, isContinued: before !== undefined })
        : await release(services, id, request, { shouldStop });
    const { failures } = did;
    const points = (before?.points ?? 0) + did.points;
    const gone = (before?.gone ?? 0) + did.gone;
    if (!did.done) return { done: false, state: { isContinued: true, points, gone } };
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
  { scope, by, reason }: Extract<z.infer<typeof HoldRequest>, { action: 'set' }>,
  options: Parameters<typeof applyHold>[3],
) {
  const hold = await setHold(services, { holdId: id, scope, setBy: by, reason });
  const report = await applyHold(services, await services.openKeys(), hold, options);
  const { done, held: points, gone, damaged } = report;
  return { done, points, gone, failures: addFailures(report.failures, damaged) };
}

async function release(
  services: Services,
  id: HoldId,
  { by, reason }: Extract<z.infer<typeof HoldRequest>, { action: 'release' }>,
  options: Parameters<typeof releasePoints>[3],
) {
  await releaseHold(services, { holdId: id, releasedBy: by, reason });
  const { released, failures, done } = await releasePoints(
    services,
    await services.openKeys(),
    new Set([id]),
    options,
  );
  return { done, points: released, gone: 0, failures };
}

/** An execution is one hold, however often its steps run. */
function holdIdOf(execution: string): HoldId {
  return hash('sha256', `hold ${execution}`, 'hex').slice(0, 32) as HoldId;
}
