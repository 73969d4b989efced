import { recordDiscovered, type StateMachine, type TaggedResources } from '@holdfast/aws';
import type { Catalog, Clock } from '@holdfast/engine';
import { type Plans, safety } from '@holdfast/engine/model';
import * as z from 'zod';
import type { StepHandler } from '../runtime/define-handler.ts';
import { defineReportingHandler } from '../runtime/define-reporting-handler.ts';
import type { Logger } from '../runtime/logger.ts';
import { metric, type Metrics, planMetric } from '../runtime/metrics.ts';
import { findOverdue } from './find-overdue.ts';

const hourMs = 3_600_000;

/** What a day's check found. */
export interface CheckOverdueOutput {
  /** Plans with a resource that is overdue, was never protected, or cannot be. */
  readonly overduePlans: number;
  readonly overdueResources: number;
  /** Their newest point carries or lacks entries. */
  readonly degradedResources: number;
  readonly problems: number;
  /** 1 when maintenance has not succeeded for two days. */
  readonly maintenanceOverdue: number;
}

/**
 * Notices silence: looks for tagged resources itself, without relying on any cycle, and holds each against its plan.
 * Publishes zeros when all is well, so that an alarm goes back to OK.
 */
export function makeHandler(deps: {
  readonly plans: Plans;
  readonly tagged: Pick<TaggedResources, 'discover'>;
  readonly catalog: Catalog;
  readonly metrics: Metrics;
  readonly maintenance: Pick<StateMachine, 'lastSuccess'>;
  readonly clock: Clock;
  readonly log: Logger;
}): StepHandler<CheckOverdueOutput> {
  const { plans, catalog, maintenance, clock, log } = deps;
  return defineReportingHandler('check-overdue', z.unknown(), deps, async (_, count) => {
    await recordDiscovered(deps, plans);
    const found = await findOverdue(catalog, plans, clock.now());
    for (const { arn, plan, reason, detail } of found) log.warn(reason, { resource: arn, plan, detail });

    const late = found.filter(({ reason }) => reason === 'overdue' || reason === 'never-protected');
    const problems = found.filter(({ reason }) => reason === 'problem');
    const degraded = found.filter(({ reason }) => reason === 'degraded');
    const planNames = new Set([...late, ...problems].map(({ plan }) => plan));
    const hours = (clock.now().getTime() - (await maintenance.lastSuccess()).getTime()) / hourMs;
    const maintenanceOverdue = hours > safety.maintenanceWithinHours ? 1 : 0;
    if (maintenanceOverdue > 0) log.warn('maintenance has not succeeded', { hours: Math.floor(hours) });
    const output = {
      maintenanceOverdue,
      overduePlans: planNames.size,
      overdueResources: late.length,
      degradedResources: degraded.length,
      problems: problems.length,
    };
    count([
      metric('OverduePlans', output.overduePlans),
      metric('OverdueResources', output.overdueResources),
      metric('DegradedResources', output.degradedResources),
      metric('ResourceProblems', output.problems),
      metric('MaintenanceOverdue', maintenanceOverdue),
      ...plans.flatMap(({ name }) => [
        planMetric(name, 'OverduePlans', planNames.has(name) ? 1 : 0),
        planMetric(name, 'OverdueResources', late.filter(({ plan }) => plan === name).length),
        planMetric(name, 'DegradedResources', degraded.filter(({ plan }) => plan === name).length),
      ]),
    ]);
    log.info('checked every resource', output);
    return output;
  });
}
