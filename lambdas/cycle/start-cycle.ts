import { CycleInput, getPlan, widestDue } from '@holdfast/engine/model';
import { defineStep } from '../runtime/define-step.ts';
import { cycleIdOf } from './cycle-id.ts';
import { cycleSteps } from './steps.ts';

/** Input that EventBridge Scheduler sends; a person who starts a cycle by hand sends the same. */
const StartCycleInput = CycleInput.omit({ cycleId: true });

export interface StartCycleOutput {
  readonly cycleId: string;
  /** `left-to-wider`: another rule of the plan is due at the same minute and reads more. */
  readonly outcome: 'started' | 'exists' | 'left-to-wider';
}

/** Starts the cycle of a due time, once, unless a wider one of the same plan is due at that minute. */
export const startCycleStep = defineStep(
  cycleSteps,
  'start-cycle',
  StartCycleInput,
  async (services, input): Promise<StartCycleOutput> => {
    const { plans, machines, log } = services;
    const { type } = input;
    const plan = getPlan(plans, input.plan);
    const scheduledAt = new Date(input.scheduledAt);
    const cycleId = cycleIdOf(plan.name, type, scheduledAt);
    const due = widestDue(plan, type, scheduledAt);
    if (due !== type) {
      log.info('left to the wider cycle that is due at the same minute', { cycleId, type, due });
      return { cycleId, outcome: 'left-to-wider' };
    }
    // Every delivery must send the same text, or Step Functions takes it for another execution.
    const outcome = await machines.cycle.start(cycleId, {
      plan: plan.name,
      type,
      scheduledAt: scheduledAt.toISOString(),
      cycleId,
    } satisfies CycleInput);
    log.info(outcome === 'started' ? 'started the cycle' : 'the cycle was started before', { cycleId });
    return { cycleId, outcome };
  },
);
