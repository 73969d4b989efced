import { type Catalog, mapConcurrent, type WorkStore } from '@holdfast/engine';
import * as z from 'zod';
import { CycleList, cycleListName, cycleParts } from '../discover-resources/cycle-list.ts';
import type { StepHandler } from '../shared/define-handler.ts';
import { defineReportingHandler } from '../shared/define-reporting-handler.ts';
import { caughtError, cycleFields, errorRecordOfCaught } from '../shared/event-fields.ts';
import type { Logger } from '../shared/logger.ts';
import { bothMetrics, type Metrics } from '../shared/metrics.ts';
import { getJson } from '../shared/work-json.ts';
import { CycleFailedError } from './cycle-failed-error.ts';
import { findOutcome, type ResourceOutcome } from './resource-outcome.ts';

const lookupsAtOnce = 16;

const ReportCycleInput = z.object({
  plan: cycleFields.plan,
  type: cycleFields.type,
  cycleId: cycleFields.cycleId,
  /** What became of the maps over the cycle's lists, by part; without an error they came to their end. */
  maps: z
    .object({
      files: z.object({ error: caughtError.optional() }),
      images: z.object({ error: caughtError.optional() }),
    })
    .optional(),
});

/** A cycle in numbers. */
export interface ReportCycleOutput {
  readonly completed: number;
  /** Protected too, and lacking nothing, but with something to say. */
  readonly warnings: number;
  /** Their new points carry or lack entries that could not be read: not protected as their plan promises. */
  readonly degraded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly readBytes: number;
  readonly storedBytes: number;
}

/** Adds up a cycle and publishes it; ends with {@link CycleFailedError} when a resource was not protected. */
export function makeHandler(deps: {
  readonly catalog: Catalog;
  readonly work: WorkStore;
  readonly metrics: Metrics;
  readonly log: Logger;
}): StepHandler<ReportCycleOutput> {
  const { catalog, work, log } = deps;
  return defineReportingHandler(
    'report-cycle',
    ReportCycleInput,
    deps,
    async ({ plan, type, cycleId, maps }, count) => {
      const outcomes: ResourceOutcome[] = [];
      for (const part of cycleParts) {
        const error = maps?.[part].error;
        const endedEarly = error && errorRecordOfCaught(error);
        if (endedEarly !== undefined)
          log.warn('a map ended early', { cycleId, part, reason: endedEarly.message });
        const list = await getJson(work, cycleListName(cycleId, part), CycleList);
        for await (const outcome of mapConcurrent(list, lookupsAtOnce, async (item) =>
          findOutcome(catalog, item, type, endedEarly),
        )) {
          outcomes.push(outcome);
        }
      }
      const report = add(outcomes);
      for (const { arn, state, reason } of outcomes)
        if (state === 'degraded') log.warn('the resource is degraded', { resource: arn, reason });
      const failed = outcomes.filter(({ state }) => state === 'failed');
      count(
        bothMetrics(plan, {
          CycleFailures: failed.length > 0 ? 1 : 0,
          CyclesCompleted: failed.length > 0 ? 0 : 1,
          ResourcesCompleted: report.completed,
          ResourcesWithWarnings: report.warnings,
          ResourcesDegraded: report.degraded,
          ResourcesFailed: report.failed,
          ReadBytes: report.readBytes,
          StoredBytes: report.storedBytes,
        }),
      );
      log.info('the cycle ended', { cycleId, ...report });
      if (failed.length > 0) throw new CycleFailedError(plan, outcomes.length, failed);
      return report;
    },
  );
}

function add(outcomes: readonly ResourceOutcome[]): ReportCycleOutput {
  const count = (wanted: ResourceOutcome['state']) => outcomes.filter(({ state }) => state === wanted).length;
  return {
    completed: count('completed'),
    warnings: count('completed-with-warnings'),
    degraded: count('degraded'),
    failed: count('failed'),
    skipped: count('skipped'),
    readBytes: outcomes.reduce((sum, { readBytes }) => sum + readBytes, 0),
    storedBytes: outcomes.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
  };
}
