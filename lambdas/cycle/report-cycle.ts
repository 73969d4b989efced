import { getJson, mapConcurrent } from '@holdfast/engine';
import { CycleInput, CycleReport, resourceArn } from '@holdfast/engine/model';
import * as z from 'zod';
import { CycleList, cycleListName, cycleParts } from './cycle-list.ts';
import { defineKeptLoop } from '../runtime/define-step.ts';
import { caughtError, errorRecordOfCaught } from '../runtime/event-fields.ts';
import { bothMetrics } from '../runtime/metrics.ts';
import { CycleFailedError, namedResources } from './cycle-failed-error.ts';
import { findOutcome, type ResourceOutcome } from './resource-outcome.ts';
import { cycleSteps } from './steps.ts';

const lookupsAtOnce = 16;
/** Resources looked up between two looks at the clock. */
const groupSize = 256;
/** Room for a group, which takes a second or two. */
const handOnBeforeMs = 60_000;

const ReportCycleInput = CycleInput.omit({ scheduledAt: true }).extend({
  /** Outcome of the map over each part's list; without an error it came to its end. */
  maps: z
    .object({
      files: z.object({ error: caughtError.optional() }),
      images: z.object({ error: caughtError.optional() }),
    })
    .optional(),
});

/** Sum over the first `next` resources, as one call leaves it to the next. */
const CycleSum = z.object({
  next: z.int().nonnegative(),
  report: CycleReport,
  /** The first of those that failed. */
  failed: z.array(z.object({ arn: resourceArn, reason: z.string().optional() })),
});
type CycleSum = z.infer<typeof CycleSum>;

const nothingAdded: CycleSum = {
  next: 0,
  report: { completed: 0, warnings: 0, degraded: 0, failed: 0, skipped: 0, readBytes: 0, storedBytes: 0 },
  failed: [],
};

const countedIn = {
  completed: 'completed',
  'completed-with-warnings': 'warnings',
  degraded: 'degraded',
  failed: 'failed',
  skipped: 'skipped',
} as const satisfies Record<ResourceOutcome['state'], keyof CycleReport>;

/**
 * Adds up a cycle, as far as the time of one call goes, and in the end publishes it; ends with {@link CycleFailedError}
 * when a resource was not protected.
 */
export const reportCycleStep = defineKeptLoop(
  cycleSteps,
  'report-cycle',
  {
    input: ReportCycleInput,
    state: CycleSum,
    keptAs: ({ cycleId }) => `cycles/${cycleId}/sum.json`,
    handOnBeforeMs,
  },
  async (services, { plan, type, cycleId, maps }, { before = nothingAdded, shouldStop, count }) => {
    const { catalog, plans, work, log } = services;
    const deployed = plans.find(({ name }) => name === plan);
    const items: {
      item: CycleList[number];
      endedEarly: ReturnType<typeof errorRecordOfCaught> | undefined;
    }[] = [];
    for (const part of cycleParts) {
      const error = maps?.[part].error;
      const endedEarly = error && errorRecordOfCaught(error);
      if (endedEarly !== undefined)
        log.warn('a map ended early', { cycleId, part, reason: endedEarly.message });
      for (const item of await getJson(work, cycleListName(cycleId, part), CycleList))
        items.push({ item, endedEarly });
    }
    let sum = before;
    for (let isFirst = true; sum.next < items.length; isFirst = false) {
      if (!isFirst && shouldStop()) {
        log.info('looked at a part of the cycle', { cycleId, resources: sum.next });
        return { done: false, state: sum } as const;
      }
      const group = items.slice(sum.next, sum.next + groupSize);
      for await (const outcome of mapConcurrent(group, lookupsAtOnce, async ({ item, endedEarly }) =>
        findOutcome(catalog, item, type, deployed, endedEarly),
      )) {
        const { arn, state, reason } = outcome;
        if (state === 'degraded') log.warn('the resource is degraded', { resource: arn, reason });
        sum = add(sum, outcome);
      }
    }
    const { report, failed } = sum;
    count(
      bothMetrics(plan, {
        CycleFailures: report.failed > 0 ? 1 : 0,
        CyclesCompleted: report.failed > 0 ? 0 : 1,
        ResourcesCompleted: report.completed,
        ResourcesWithWarnings: report.warnings,
        ResourcesDegraded: report.degraded,
        ResourcesFailed: report.failed,
        ReadBytes: report.readBytes,
        StoredBytes: report.storedBytes,
      }),
    );
    log.info('the cycle ended', { cycleId, ...report });
    if (report.failed > 0) throw new CycleFailedError(plan, items.length, report.failed, failed);
    return { done: true, ...report } as const;
  },
);

function add({ next, report, failed }: CycleSum, outcome: ResourceOutcome): CycleSum {
  const { arn, state, reason, readBytes, storedBytes } = outcome;
  const name = countedIn[state];
  const isNamed = state === 'failed' && failed.length < namedResources;
  return {
    next: next + 1,
    report: {
      ...report,
      [name]: report[name] + 1,
      readBytes: report.readBytes + readBytes,
      storedBytes: report.storedBytes + storedBytes,
    },
    failed: isNamed ? [...failed, { arn, reason }] : failed,
  };
}
