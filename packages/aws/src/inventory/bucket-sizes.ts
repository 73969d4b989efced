import {
  type CloudWatchClient,
  type Dimension,
  type MetricDataQuery,
  paginateGetMetricData,
  paginateListMetrics,
} from '@aws-sdk/client-cloudwatch';
import { toEngineError } from '../sdk/sdk-errors.ts';

const dayMs = 86_400_000;
/** S3 writes the metric once a day, some hours late. */
const daysLookedAt = 3;
/** Queries of one call. */
const queriesACall = 500;

/**
 * Reads how large buckets are, from the metric that S3 writes once a day for each storage class: a bucket that is younger
 * has none. A cent for each 1,000 metrics.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
 */
export async function readBucketSizes(
  cloudWatch: CloudWatchClient,
  now: Date,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  try {
    const metrics: (readonly Dimension[])[] = [];
    const input = { Namespace: 'AWS/S3', MetricName: 'BucketSizeBytes' };
    for await (const page of paginateListMetrics({ client: cloudWatch }, input, { abortSignal: signal }))
      for (const { Dimensions = [] } of page.Metrics ?? []) metrics.push(Dimensions);
    for (let at = 0; at < metrics.length; at += queriesACall) {
      const some = metrics.slice(at, at + queriesACall);
      const query = {
        StartTime: new Date(now.getTime() - daysLookedAt * dayMs),
        EndTime: now,
        ScanBy: 'TimestampDescending' as const,
        MetricDataQueries: some.map(queryOf),
      };
      /** The newest value of each: a page may go on with older ones. */
      const newest = new Map<string, number>();
      const pages = paginateGetMetricData({ client: cloudWatch }, query, { abortSignal: signal });
      for await (const page of pages)
        for (const { Id = '', Values: [value] = [] } of page.MetricDataResults ?? [])
          if (value !== undefined && !newest.has(Id)) newest.set(Id, value);
      for (const [id, value] of newest) {
        const bucket = some[Number(id.slice(1))]?.find(({ Name }) => Name === 'BucketName')?.Value;
        if (bucket !== undefined) sizes.set(bucket, (sizes.get(bucket) ?? 0) + value);
      }
    }
    return sizes;
  } catch (error) {
    throw toEngineError(error, 'reading the sizes of buckets');
  }
}

function queryOf(dimensions: readonly Dimension[], at: number): MetricDataQuery {
  const Metric = { Namespace: 'AWS/S3', MetricName: 'BucketSizeBytes', Dimensions: [...dimensions] };
  return { Id: `m${at}`, MetricStat: { Metric, Period: dayMs / 1000, Stat: 'Average' } };
}
