import { recordDiscovered } from '@holdfast/aws';
import { safety, resourceArn, hourMs } from '@holdfast/engine/model';
import * as z from 'zod';
import { DiscoveryProgress } from '../cycle/discovery-progress.ts';
import { defineKeptLoop } from '../runtime/define-step.ts';
import { metric, planMetric } from '../runtime/metrics.ts';
import { findOverdue, type OverdueResource } from './find-overdue.ts';
import { watchSteps } from './steps.ts';

/** Room for 200 resources, which take some seconds. */
const handOnBeforeMs = 180_000;

const CheckInput = z.object({ checkId: z.string().min(1) });

const counts = z.record(z.string(), z.int());

const CheckSum = z.object({
  after: resourceArn.optional(),
  /** Includes plans that do not exist. */
  latePlans: z.array(z.string()),
  lateByPlan: counts,
  degradedByPlan: counts,
  suspects: z.int().default(0),
  problems: z.int(),
});
type CheckSum = z.infer<typeof CheckSum>;

/** State of a check: resources are discovered first, then judged. */
const CheckProgress = z.object({ discovery: DiscoveryProgress.optional(), sum: CheckSum.optional() });

const nothingFound: CheckSum = {
  latePlans: [],
  lateByPlan: {},
  degradedByPlan: {},
  suspects: 0,
  problems: 0,
};

interface CheckReport {
  /** Plans with a resource that is overdue, was never protected, or cannot be. */
  readonly overduePlans: number;
  readonly overdueResources: number;
  /** Their newest point carries or lacks entries. */
  readonly degradedResources: number;
  /** Their newest point may be of an attack, or comes after one that may. */
  readonly suspectResources: number;
  readonly problems: number;
  /** 1 when maintenance has not succeeded for two days. */
  readonly maintenanceOverdue: number;
}

/**
 * Notices silence: looks for tagged resources itself, without relying on any cycle, and compares each with its plan, as
 * far as the time of one call goes. In the end publishes what it found, zeros when all is well, so that an alarm goes
 * back to OK.
 */
export const checkOverdueStep = defineKeptLoop(
  watchSteps,
  'check-overdue',
  {
    input: CheckInput,
    state: CheckProgress,
    keptAs: ({ checkId }) => `checks/${checkId}.json`,
    handOnBeforeMs,
  },
  async (services, { checkId }, { before, shouldStop, count }) => {
    const { plans, machines, clock, log } = services;
    const handOn = (state: z.output<typeof CheckProgress>) => {
      log.info('checked a part of the resources', { checkId });
      return { done: false, state } as const;
    };
    let sum = before?.sum;
    if (sum === undefined) {
      const step = await recordDiscovered(services, plans, { progress: before?.discovery, shouldStop });
      if (!step.done) return handOn({ discovery: step.progress });
      sum = nothingFound;
      if (shouldStop()) return handOn({ sum });
    }
    const { found, after } = await findOverdue(services, clock.now(), sum.after, shouldStop);
    for (const { arn, plan, reason, detail } of found) log.warn(reason, { resource: arn, plan, detail });
    sum = found.reduce(add, { ...sum, after });
    if (after !== undefined) return handOn({ sum });

    const { latePlans, lateByPlan, degradedByPlan, suspects, problems } = sum;
    const hours = (clock.now().getTime() - (await machines.maintenance.lastSuccess()).getTime()) / hourMs;
    const maintenanceOverdue = hours > safety.maintenanceWithinHours ? 1 : 0;
    if (maintenanceOverdue > 0) log.warn('maintenance has not succeeded', { hours: Math.floor(hours) });
    const report: CheckReport = {
      maintenanceOverdue,
      overduePlans: latePlans.length,
      overdueResources: totalOf(lateByPlan),
      degradedResources: totalOf(degradedByPlan),
      suspectResources: suspects,
      problems,
    };
    count([
      metric('OverduePlans', report.overduePlans),
      metric('OverdueResources', report.overdueResources),
      metric('DegradedResources', report.degradedResources),
      metric('SuspectResources', report.suspectResources),
      metric('ResourceProblems', report.problems),
      metric('MaintenanceOverdue', maintenanceOverdue),
      ...plans.flatMap(({ name }) => [
        planMetric(name, 'OverduePlans', latePlans.includes(name) ? 1 : 0),
        planMetric(name, 'OverdueResources', lateByPlan[name] ?? 0),
        planMetric(name, 'DegradedResources', degradedByPlan[name] ?? 0),
      ]),
    ]);
    log.info('checked every resource', { ...report });
    return { done: true, ...report } as const;
  },
);

function add(sum: CheckSum, { plan, reason }: OverdueResource): CheckSum {
  const { latePlans, lateByPlan, degradedByPlan, problems } = sum;
  if (reason === 'degraded') return { ...sum, degradedByPlan: oneMore(degradedByPlan, plan) };
  if (reason === 'suspect') return { ...sum, suspects: sum.suspects + 1 };
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
