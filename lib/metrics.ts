import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricProps } from 'aws-cdk-lib/aws-cloudwatch';
import type { MetricName } from '../lambdas/runtime/metrics.ts';

export const METRICS_NAMESPACE = 'Holdfast';

/** A metric of Holdfast over all plans; those of `PLAN_METRIC_NAMES` also have a form with the dimension `Plan`. */
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
