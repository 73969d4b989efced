import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch';
import type { MetricName } from '../lambdas/runtime/metrics.ts';

/** Where Holdfast's functions publish what they count. */
export const METRICS_NAMESPACE = 'Holdfast';

/**
 * One of Holdfast's own metrics, over all plans. Those of `PLAN_METRIC_NAMES` have a second form with the dimension `Plan`.
 */
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
