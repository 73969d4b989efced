import * as z from 'zod';
import { defineStep } from '../runtime/define-step.ts';
import { metric } from '../runtime/metrics.ts';
import { watchSteps } from './steps.ts';

/** Publishes how many events could not be delivered and wait for a person, zero included. */
export const countDeadLettersStep = defineStep(
  watchSteps,
  'count-dead-letters',
  z.unknown(),
  async (services, _, { count }): Promise<{ readonly deadLetters: number }> => {
    const deadLetters = await services.countDeadLetters();
    count([metric('DeadLetters', deadLetters)]);
    if (deadLetters > 0) services.log.warn('events wait in a dead-letter queue', { deadLetters });
    return { deadLetters };
  },
);
