import type { MetricValue } from '@holdfast/aws';

export const PLAN_METRIC_NAMES = [
  'CycleFailures',
  'CyclesCompleted',
  'ResourcesCompleted',
  'ResourcesWithWarnings',
  'ResourcesDegraded',
  'ResourcesFailed',
  'ResourceProblems',
  'ReadBytes',
  'StoredBytes',
  'OverduePlans',
  'OverdueResources',
  'DegradedResources',
  'SuspectResources',
] as const;
type PlanMetricName = (typeof PLAN_METRIC_NAMES)[number];

export const METRIC_NAMES = [
  ...PLAN_METRIC_NAMES,
  'DeadLetters',
  'ThrottledBlockCalls',
  'RestoresCompleted',
  'RestoreFailures',
  'RestoredBytes',
  'PointsExpired',
  'PacksSwept',
  'BytesSwept',
  'LeasesRenewed',
  'PointsMissing',
  'PacksDamaged',
  'PointsWithoutSnapshots',
  'BytesVerified',
  'CheckFailures',
  'MaintenanceFailures',
  'MaintenanceOverdue',
] as const;
export type MetricName = (typeof METRIC_NAMES)[number];

export function metric(name: MetricName, value: number): MetricValue {
  return { name, value, unit: name.startsWith('Bytes') || name.endsWith('Bytes') ? 'Bytes' : 'Count' };
}

export function planMetric(plan: string, name: PlanMetricName, value: number): MetricValue {
  return { ...metric(name, value), dimensions: { Plan: plan } };
}

/** Numbers that are counted plan by plan: each for its plan, and into the series over all plans. */
export function bothMetrics(plan: string, counts: Partial<Record<PlanMetricName, number>>): MetricValue[] {
  return (Object.entries(counts) as [PlanMetricName, number][]).flatMap(([name, value]) => [
    metric(name, value),
    planMetric(plan, name, value),
  ]);
}
