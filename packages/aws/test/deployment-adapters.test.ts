import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { HeadBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ListSubscriptionsByTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { InvalidInputError, type ResourceArn } from '@holdfast/engine';
import { FakeClock, SeededRandom } from '@holdfast/engine/testing';
import { mockClient } from 'aws-sdk-client-mock';
import { expect, test } from 'vitest';
import { checkTargetBucket } from '../src/targets/check-target-bucket.ts';
import { CloudWatchMetrics } from '../src/deployment/cloudwatch-metrics.ts';
import { readSubscriptions } from '../src/inventory/deployment-limits.ts';
import { openSource } from '../src/sources/open-source.ts';
import { bucketOfArn, instanceOfArn, kindOfArn, volumeOfArn } from '../src/sdk/resource-arns.ts';
import { countMessages } from '../src/deployment/sqs-queues.ts';
import { StateMachine } from '../src/deployment/state-machine.ts';

function failure(name: string, httpStatusCode: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });
}

test('an execution that was started before is an answer, not an error', async () => {
  const sfn = new SFNClient({});
  const mock = mockClient(sfn);
  const machine = new StateMachine(sfn, 'arn:machine');
  mock.on(StartExecutionCommand).resolvesOnce({}).rejects(failure('ExecutionAlreadyExists', 400));

  const outcomes = [await machine.start('one', { a: 1 }), await machine.start('one', { a: 1 })];

  expect(outcomes).toEqual(['started', 'exists']);
  expect(mock.call(0).args[0].input).toEqual({
    stateMachineArn: 'arn:machine',
    name: 'one',
    input: '{"a":1}',
  });
});

test.for([
  ['StateMachineDoesNotExist', 400, 'UnknownNameError'],
  ['ThrottlingException', 400, 'StoreUnavailableError'],
  ['AccessDeniedException', 400, 'AccessDeniedError'],
] as const)('%s becomes an engine error', async ([name, status, expected]) => {
  const sfn = new SFNClient({});
  mockClient(sfn).on(StartExecutionCommand).rejects(failure(name, status));

  const started = new StateMachine(sfn, 'arn:machine').start('one', {});

  await expect(started).rejects.toMatchObject({ name: expected });
});

test('metrics are published a thousand at a time, with their dimensions', async () => {
  const cloudWatch = new CloudWatchClient({});
  const mock = mockClient(cloudWatch);
  mock.on(PutMetricDataCommand).resolves({});
  const value = { name: 'ReadBytes', value: 7, unit: 'Bytes', dimensions: { Plan: 'daily' } } as const;

  await new CloudWatchMetrics(cloudWatch, 'Holdfast').put(Array.from({ length: 1001 }, () => value));

  const calls = mock.commandCalls(PutMetricDataCommand).map((call) => call.args[0].input);
  expect(calls.map(({ MetricData }) => MetricData?.length)).toEqual([1000, 1]);
  expect(calls[1]).toEqual({
    Namespace: 'Holdfast',
    MetricData: [
      { MetricName: 'ReadBytes', Value: 7, Unit: 'Bytes', Dimensions: [{ Name: 'Plan', Value: 'daily' }] },
    ],
  });
});

test('counts the messages of a queue, and names one that does not exist', async () => {
  const sqs = new SQSClient({});
  const mock = mockClient(sqs);
  mock
    .on(GetQueueAttributesCommand)
    .resolvesOnce({ Attributes: { ApproximateNumberOfMessages: '4' } })
    .rejects(failure('QueueDoesNotExist', 400));

  expect(await countMessages(sqs, 'https://queue')).toBe(4);
  await expect(countMessages(sqs, 'https://queue')).rejects.toThrow('queue https://queue does not exist');
});

test.for([
  [404, 'NoSuchBucket', 'does not exist'],
  [403, 'AccessDenied', 'may not be read'],
  [301, 'PermanentRedirect', 'another region'],
] as const)('a target bucket that answers %s is refused', async ([status, code, message]) => {
  const s3 = new S3Client({});
  const mock = mockClient(s3);
  mock.on(HeadBucketCommand).rejects(failure('Unknown', status));
  mock.on(ListObjectsV2Command).rejects(failure(code, status));

  const check = checkTargetBucket(s3, 'restores');

  await expect(check).rejects.toMatchObject({
    name: 'TargetUnavailableError',
    message: expect.stringContaining(message),
  });
});

test('ARNs give what they name, and are refused when they name something else', () => {
  expect(bucketOfArn('arn:aws:s3:::photos')).toBe('photos');
  expect(bucketOfArn('arn:aws-cn:s3:::photos')).toBe('photos');
  expect(instanceOfArn('arn:aws:ec2:us-east-1:000000000000:instance/i-0a')).toBe('i-0a');
  expect(volumeOfArn('arn:aws:ec2:us-east-1:000000000000:volume/vol-0a')).toBe('vol-0a');
  expect(() => bucketOfArn('arn:aws:s3:::photos/key')).toThrow(InvalidInputError);
  expect(() => instanceOfArn('arn:aws:ec2:us-east-1:000000000000:volume/vol-0a')).toThrow(InvalidInputError);
});

test('an ARN tells the kind of its resource, where that can be protected', () => {
  expect(kindOfArn('arn:aws:s3:::photos')).toBe('s3-bucket');
  expect(kindOfArn('arn:aws-cn:ec2:cn-north-1:000000000000:instance/i-0a')).toBe('ec2-instance');
  expect(kindOfArn('arn:aws:ec2:us-east-1:000000000000:volume/vol-0a')).toBe('ebs-volume');
  expect(kindOfArn('arn:aws:ec2:us-east-1:000000000000:subnet/subnet-0a')).toBeUndefined();
  expect(kindOfArn('photos')).toBeUndefined();
});

test('what has no files is not opened as a source of files', () => {
  const opener = { s3: new S3Client({}), clock: new FakeClock(), random: new SeededRandom() };
  const arn = 'arn:x' as ResourceArn;

  for (const kind of ['directory', 'ec2-instance', 'ebs-volume'] as const) {
    expect(() => openSource(opener, { arn, kind }, { prefixes: [] })).toThrow('arn:x');
  }
});

test('a subscription that was ended is listed for some days, and reaches nobody', async () => {
  const sns = new SNSClient({});
  const listed = ['Deleted', 'PendingConfirmation', 'arn:aws:sns:eu-west-1:111122223333:alarms:1'];
  mockClient(sns)
    .on(ListSubscriptionsByTopicCommand)
    .resolves({ Subscriptions: listed.map((SubscriptionArn) => ({ SubscriptionArn })) });

  expect(await readSubscriptions(sns, 'arn:topic')).toEqual({ confirmed: 1, pending: 1 });
});
