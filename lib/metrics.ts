import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch';

/** Where Holdfast's functions publish what they count. */
export const METRICS_NAMESPACE = 'Holdfast';

/** What they count. All but `DeadLetters` and the restores' have a second form with the dimension `Plan`. */
export type MetricName =
  | 'CycleFailures'
  | 'ResourcesCompleted'
  | 'ResourcesWithWarnings'
  | 'ResourcesFailed'
  | 'ResourceProblems'
  | 'ReadBytes'
  | 'StoredBytes'
  | 'OverduePlans'
  | 'OverdueResources'
  | 'DeadLetters'
  | 'RestoresCompleted'
  | 'RestoreFailures'
  | 'RestoredBytes';

/** One of Holdfast's own metrics, over all plans. */
export function holdfastMetric(
  metricName: MetricName,
  props: Pick<MetricProps, 'statistic' | 'period' | 'label'> = {},
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    statistic: 'Sum',
    period: Duration.minutes(5),
    ...props,
  });
}
