import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import type { App } from './deployed.ts';

const hourMs = 3_600_000;

/** The sum of what was published under a name in the last hour; without a plan, the series that alarms look at. */
export async function sumOf({ region }: App, MetricName: string, plan?: string): Promise<number> {
  const client = new CloudWatchClient({ region });
  const now = Date.now();
  const { Datapoints } = await client.send(
    new GetMetricStatisticsCommand({
      Namespace: 'Holdfast',
      MetricName,
      Dimensions: plan === undefined ? [] : [{ Name: 'Plan', Value: plan }],
      StartTime: new Date(now - hourMs),
      EndTime: new Date(now + 60_000),
      Period: 60,
      Statistics: ['Sum'],
    }),
  );
  return (Datapoints ?? []).reduce((sum, { Sum = 0 }) => sum + Sum, 0);
}
