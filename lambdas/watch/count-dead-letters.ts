import * as z from 'zod';
import type { StepHandler } from '../runtime/define-handler.ts';
import { defineReportingHandler } from '../runtime/define-reporting-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import { metric, type Metrics } from '../runtime/metrics.ts';

/** Publishes how many events could not be delivered and wait for a person, zero included. */
export function makeHandler(deps: {
  readonly queues: readonly string[];
  readonly countMessages: (queueUrl: string) => Promise<number>;
  readonly metrics: Metrics;
  readonly log: Logger;
}): StepHandler<{ readonly deadLetters: number }> {
  const { queues, countMessages, log } = deps;
  return defineReportingHandler('count-dead-letters', z.unknown(), deps, async (_, count) => {
    let deadLetters = 0;
    for (const queue of queues) deadLetters += await countMessages(queue);
    count([metric('DeadLetters', deadLetters)]);
    if (deadLetters > 0) log.warn('events wait in a dead-letter queue', { deadLetters });
    return { deadLetters };
  });
}
