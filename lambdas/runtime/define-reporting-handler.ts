import type { MetricValue } from '@holdfast/aws';
import type * as z from 'zod';
import { defineHandler, type StepContext, type StepHandler } from './define-handler.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** A step waits no longer than this for its numbers to be taken. */
const longestPublishingMs = 5_000;
/** What is left of a step's time for its answer to get out. */
const spareMs = 1_000;

/** Hands over what a step counted. It is published when all else is done, and by then decides nothing. */
export type Count = (values: readonly MetricValue[]) => void;

/** What publishing needs. */
export interface Reporting {
  readonly metrics: Metrics;
  readonly log: Logger;
}

/**
 * A {@link defineHandler} of a step that also counts. Numbers inform and never decide: a step can only hand them over,
 * they are published after it ended, whether it succeeded or failed, and a service that refuses them, throttles or
 * hangs changes neither the step's result nor more than five seconds of its time. The log keeps what was not taken.
 */
export function defineReportingHandler<Schema extends z.ZodType, Output>(
  name: string,
  input: Schema,
  reporting: Reporting,
  run: (input: z.output<Schema>, count: Count, context: StepContext) => Promise<Output>,
): StepHandler<Output> {
  return async (event, context) => {
    const values: MetricValue[] = [];
    const step = defineHandler(name, input, async (checked) =>
      run(checked, (counted) => values.push(...counted), context),
    );
    try {
      return await step(event, context);
    } finally {
      await publish(reporting, values, context);
    }
  };
}

async function publish(
  { metrics, log }: Reporting,
  values: readonly MetricValue[],
  context: StepContext,
): Promise<void> {
  if (values.length === 0) return;
  const limitMs = Math.min(longestPublishingMs, context.getRemainingTimeInMillis() - spareMs);
  const stop = new AbortController();
  // A client may wait for its next attempt, and hear of the signal only then.
  const tooLate = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(new Error(`no answer within ${limitMs} ms`)));
  });
  const timer = setTimeout(() => stop.abort(), Math.max(0, limitMs));
  try {
    await Promise.race([metrics.put(values, { signal: stop.signal }), tooLate]);
  } catch (error) {
    log.warn('metrics were not published', {
      reason: error instanceof Error ? error.message : String(error),
      metrics: values.map(shown).join(', '),
    });
  } finally {
    clearTimeout(timer);
  }
}

function shown({ name, value, dimensions = {} }: MetricValue): string {
  return [name, ...Object.values(dimensions), value].join(' ');
}
