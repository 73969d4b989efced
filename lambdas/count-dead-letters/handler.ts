import { SQSClient } from '@aws-sdk/client-sqs';
import { CloudWatchMetrics, countMessages, makeCloudWatchClient } from '@holdfast/aws';
import { makeLogger } from '../runtime/logger.ts';
import { Env } from './env.ts';
import { makeHandler } from '../watch/count-dead-letters.ts';

const env = Env.parse(process.env);
const sqs = new SQSClient({});

export const handler = makeHandler({
  queues: [env.DEAD_LETTER_QUEUE],
  countMessages: async (queueUrl) => countMessages(sqs, queueUrl),
  metrics: new CloudWatchMetrics(makeCloudWatchClient(), env.METRICS_NAMESPACE),
  log: makeLogger('count-dead-letters'),
});
