import { CloudWatchMetrics, makeCloudWatchClient } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../maintenance/report-maintenance.ts';

const env = Env.parse(process.env);

export const handler = makeHandler({
  metrics: new CloudWatchMetrics(makeCloudWatchClient(), env.METRICS_NAMESPACE),
  log: makeLogger('report-maintenance'),
});
