import type { MetricValue } from '@holdfast/aws';
import { answerWithin } from './answer-within.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './services.ts';

/** A step waits no longer than this for its numbers to be taken. */
const longestPublishingMs = 5_000;
/** Part of a step's time that is left for its answer to get out. */
const spareMs = 1_000;

interface Reporting {
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Publishes what a step counted. A service that refuses, throttles or hangs leaves its numbers in the log. */
export async function publish(
  { metrics, log }: Reporting,
  values: readonly MetricValue[],
  timeLeftMs: number,
): Promise<void> {
  const limitMs = Math.min(longestPublishingMs, timeLeftMs - spareMs);
  try {
    await answerWithin(limitMs, async (signal) => metrics.put(values, { signal }));
  } catch (error) {
    log.warn('metrics were not published', {
      reason: error instanceof Error ? error.message : String(error),
      metrics: values.map(shown).join(', '),
    });
  }
}

function shown({ name, value, dimensions = {} }: MetricValue): string {
  return [name, ...Object.values(dimensions), value].join(' ');
}
