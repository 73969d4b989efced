import {
  recordDiscovered,
  type RecordingProgress,
  type StateMachine,
  type TaggedResources,
} from '@holdfast/aws';
import type { Catalog, Clock, WorkStore } from '@holdfast/engine';
import { type Plans, safety } from '@holdfast/engine/model';
import * as z from 'zod';
import { DiscoveryProgress } from '../cycle/discovery-progress.ts';
import type { StepHandler } from '../runtime/define-handler.ts';
import { defineReportingHandler } from '../runtime/define-reporting-handler.ts';
import { resourceArn } from '../runtime/event-fields.ts';
import type { Logger } from '../runtime/logger.ts';
import { metric, type Metrics, planMetric } from '../runtime/metrics.ts';
import { findJson, putJson } from '../runtime/work-json.ts';
import { findOverdue, type OverdueResource } from './find-overdue.ts';

/** A call hands on to the next one when less than this is left; 200 resources take some seconds. Milliseconds. */
const handOnBeforeMs = 180_000;
const hourMs = 3_600_000;

const CheckInput = z.object({ checkId: z.string().min(1) });

const counts = z.record(z.string(), z.int());

/** What was found of the resources that were judged. */
const CheckSum = z.object({
  after: resourceArn.optional(),
  /** Whether they exist or not. */
  latePlans: z.array(z.string()),
  lateByPlan: counts,
  degradedByPlan: counts,
  problems: z.int(),
});
type CheckSum = z.infer<typeof CheckSum>;

/** Where a check stands, as one call leaves it to the next: resources are discovered first, then judged. */
const CheckProgress = z.object({ discovery: DiscoveryProgress.optional(), sum: CheckSum.optional() });

const nothingFound: CheckSum = { latePlans: [], lateByPlan: {}, degradedByPlan: {}, problems: 0 };

/** What a day's check found. */
interface CheckReport {
  /** Plans with a resource that is overdue, was never protected, or cannot be. */
  readonly overduePlans: number;
  readonly overdueResources: number;
  /** Their newest point carries or lacks entries. */
  readonly degradedResources: number;
  readonly problems: number;
  /** 1 when maintenance has not succeeded for two days. */
  readonly maintenanceOverdue: number;
}

/** Whether all resources have been judged. */
export type CheckOverdueOutput = { readonly done: false } | ({ readonly done: true } & CheckReport);

/**
 * Notices silence: looks for tagged resources itself, without relying on any cycle, and holds each against its plan, as
 * far as the time of one call goes. In the end publishes what it found, zeros when all is well, so that an alarm goes back
 * to OK. Where the work stands lies in the work bucket.
 */
export function makeHandler(deps: {
  readonly plans: Plans;
  readonly tagged: Pick<TaggedResources, 'discover'>;
  readonly catalog: Catalog;
  readonly work: WorkStore;
  readonly metrics: Metrics;
  readonly maintenance: Pick<StateMachine, 'lastSuccess'>;
  readonly clock: Clock;
  readonly log: Logger;
}): StepHandler<CheckOverdueOutput> {
  const { plans, work, maintenance, clock, log } = deps;
  return defineReportingHandler('check-overdue', CheckInput, deps, async ({ checkId }, count, context) => {
    const shouldStop = () => context.getRemainingTimeInMillis() < handOnBeforeMs;
    const handOn = async (progress: { discovery: RecordingProgress } | { sum: CheckSum }) => {
      await putJson(work, checkProgressName(checkId), progress);
      log.info('checked a part of the resources', { checkId });
      return { done: false } as const;
    };
    const before = await findJson(work, checkProgressName(checkId), CheckProgress);
    let sum = before?.sum;
    if (sum === undefined) {
      const step = await recordDiscovered(deps, plans, { progress: before?.discovery, shouldStop });
      if (!step.done) return handOn({ discovery: step.progress });
      sum = nothingFound;
      if (shouldStop()) return handOn({ sum });
    }
    const { found, after } = await findOverdue(deps, clock.now(), sum.after, shouldStop);
    for (const { arn, plan, reason, detail } of found) log.warn(reason, { resource: arn, plan, detail });
    sum = found.reduce(add, { ...sum, after });
    if (after !== undefined) return handOn({ sum });

    const { latePlans, lateByPlan, degradedByPlan, problems } = sum;
    const hours = (clock.now().getTime() - (await maintenance.lastSuccess()).getTime()) / hourMs;
    const maintenanceOverdue = hours > safety.maintenanceWithinHours ? 1 : 0;
    if (maintenanceOverdue > 0) log.warn('maintenance has not succeeded', { hours: Math.floor(hours) });
    const report = {
      maintenanceOverdue,
      overduePlans: latePlans.length,
      overdueResources: totalOf(lateByPlan),
      degradedResources: totalOf(degradedByPlan),
      problems,
    };
    count([
      metric('OverduePlans', report.overduePlans),
      metric('OverdueResources', report.overdueResources),
      metric('DegradedResources', report.degradedResources),
      metric('ResourceProblems', report.problems),
      metric('MaintenanceOverdue', maintenanceOverdue),
      ...plans.flatMap(({ name }) => [
        planMetric(name, 'OverduePlans', latePlans.includes(name) ? 1 : 0),
        planMetric(name, 'OverdueResources', lateByPlan[name] ?? 0),
        planMetric(name, 'DegradedResources', degradedByPlan[name] ?? 0),
      ]),
    ]);
    log.info('checked every resource', report);
    return { done: true, ...report };
  });
}

function add(sum: CheckSum, { plan, reason }: OverdueResource): CheckSum {
  const { latePlans, lateByPlan, degradedByPlan, problems } = sum;
  if (reason === 'degraded') return { ...sum, degradedByPlan: oneMore(degradedByPlan, plan) };
  return {
    ...sum,
    latePlans: latePlans.includes(plan) ? latePlans : [...latePlans, plan],
    ...(reason === 'problem' ? { problems: problems + 1 } : { lateByPlan: oneMore(lateByPlan, plan) }),
  };
}

function oneMore(byPlan: Readonly<Record<string, number>>, plan: string): Record<string, number> {
  return { ...byPlan, [plan]: (byPlan[plan] ?? 0) + 1 };
}

function totalOf(byPlan: Readonly<Record<string, number>>): number {
  return Object.values(byPlan).reduce((total, one) => total + one, 0);
}

function checkProgressName(checkId: string): string {
  return `checks/${checkId}.json`;
}
