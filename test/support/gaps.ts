import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  PutMetricAlarmCommand,
  PutMetricDataCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  PutFunctionConcurrencyCommand,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateScheduleCommand, DeleteScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { describe, test } from 'vitest';
import { ensurePython, ministackEnvironment } from '../../localstack/python-environment.ts';
import { hasNoGaps } from './test-endpoint.ts';
import { createFunction, roleArn } from '../../localstack/lambda-function.ts';

/** Reason that a test cannot run on the AWS at hand, as an end of its title; `undefined` where it can. */
export type Gap = string | undefined;

const sfn = new SFNClient({});
const endpointUrl = process.env['AWS_ENDPOINT_URL'] ?? '';
const region = process.env['AWS_REGION'] ?? 'us-east-1';
const arnOf = (service: string, resource: string): string =>
  `arn:aws:${service}:${region}:000000000000:${resource}`;
const unique = (): string => `gap-${randomUUID().slice(0, 8)}`;

/** Things that a test may need beyond an AWS that stores and runs things. */
export type Need =
  /** Fault rules, EC2, archive classes and their settings. */
  | 'gateway'
  /** Fault rules that kill the worker of a function. */
  | 'workersToKill'
  | 'schedules'
  /** Waits of workflows that can be shortened while something is done. */
  | 'waitScale'
  | 'alarms'
  | 'listings'
  /** An Expires header of any text, as S3 keeps it. */
  | 'anyExpires'
  | 'throttledSteps'
  /** The error and the cause that somebody gave who stopped an execution. */
  | 'stopCauses'
  /** Executions that end when they are stopped, whatever their tasks are at. */
  | 'promptStops'
  | 'sdkInModules'
  /** The emulator of localstack/, beside the one at hand. */
  | 'ownEmulator';

const probes: Readonly<Record<Need, () => Promise<Gap>>> = {
  gateway: async () =>
    unless(await answers('/_gateway/health'), 'AWS_ENDPOINT_URL is not the gateway of localstack/'),
  workersToKill: async () =>
    (await probes.gateway()) ??
    unless(await canKillWorkers(), 'the gateway does not see the processes of functions'),
  schedules: async () => unless(await firesSchedules(), 'schedules never fire'),
  waitScale: async () =>
    unless(await answers('/_ministack/config'), 'waits of workflows cannot be shortened'),
  alarms: async () => unless(await judgesAlarms(), 'alarms are judged only once in their period'),
  listings: async () => unless(await sortsEncodedKeys(), 'percent-encoded listings lose keys between pages'),
  anyExpires: async () =>
    unless(await takesAnyExpires(), 'an Expires header that is no date ends in an error'),
  throttledSteps: async () =>
    unless(await namesThrottled(), 'a refused invocation has no error name in a state machine'),
  stopCauses: async () => unless(await keepsStopCauses(), 'error and cause of a stop are not kept'),
  promptStops: async () => unless(await stopsAtWork(), 'a stop waits for the tasks that run'),
  sdkInModules: async () =>
    unless(await findsSdkInModules(), 'functions that are ES modules do not find the SDK'),
  ownEmulator: async () =>
    ensurePython(ministackEnvironment, () => undefined).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    ),
};

/**
 * Tries a need of a test. In the emulator that a run starts for itself every need has to be met: nothing is tried
 * there, so that a test fails where it would be skipped elsewhere.
 */
export async function findGap(need: Need): Promise<Gap> {
  if (need === 'workersToKill' && process.platform !== 'linux') return 'workers can be found on Linux only';
  return hasNoGaps() ? undefined : probes[need]();
}

/** A title that says what stops its test, if something does. */
export function titleWith(gap: Gap, title: string): string {
  return gap === undefined ? title : `${title} [not here: ${gap}]`;
}

/** `describe` where nothing is missing; elsewhere its tests are skipped, and their title names the gap. */
export function describeUnless(gap: Gap): (title: string, body: () => void) => void {
  return (title, body) => describe.skipIf(gap !== undefined)(titleWith(gap, title), body);
}

/** `test` where nothing is missing; elsewhere it is skipped, and its title names the gap. */
export function testUnless(gap: Gap): (title: string, body: () => Promise<void>, limitMs?: number) => void {
  return (title, body, limitMs) => test.skipIf(gap !== undefined)(titleWith(gap, title), body, limitMs);
}

function unless(works: boolean, gap: string): Gap {
  return works ? undefined : gap;
}

async function answers(path: string): Promise<boolean> {
  return fetch(`${endpointUrl}${path}`).then(
    (response) => response.ok,
    () => false,
  );
}

async function firesSchedules(): Promise<boolean> {
  const sqs = new SQSClient({});
  const scheduler = new SchedulerClient({});
  const Name = unique();
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: Name }));
  await scheduler.send(
    new CreateScheduleCommand({
      Name,
      ScheduleExpression: 'at(2020-01-01T00:00:00)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: arnOf('sqs', Name), RoleArn: roleArn, Input: '{}' },
    }),
  );
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 15 }));
  await scheduler.send(new DeleteScheduleCommand({ Name })).catch(() => undefined);
  await sqs.send(new DeleteQueueCommand({ QueueUrl }));
  return Messages.length > 0;
}

async function judgesAlarms(): Promise<boolean> {
  const cloudWatch = new CloudWatchClient({});
  const AlarmName = unique();
  const metric = { Namespace: AlarmName, MetricName: 'Failures' };
  await cloudWatch.send(
    new PutMetricAlarmCommand({
      ...metric,
      AlarmName,
      Statistic: 'Sum',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    }),
  );
  const MetricData = [{ MetricName: metric.MetricName, Value: 1 }];
  await cloudWatch.send(new PutMetricDataCommand({ Namespace: AlarmName, MetricData }));
  const judged = await within(15, async () => {
    const { MetricAlarms } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [AlarmName] }));
    return MetricAlarms?.[0]?.StateValue === 'ALARM';
  });
  await cloudWatch.send(new DeleteAlarmsCommand({ AlarmNames: [AlarmName] }));
  return judged;
}

/** Lists keys whose order changes when they are percent-encoded, one at a time. */
async function sortsEncodedKeys(): Promise<boolean> {
  const s3 = new S3Client({ forcePathStyle: true });
  const Bucket = unique();
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const Key of ['a', '\u{1F600}', '~']) await s3.send(new PutObjectCommand({ Bucket, Key, Body: '' }));
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page: { Contents?: { Key?: string }[]; NextContinuationToken?: string } = await s3.send(
      new ListObjectsV2Command({ Bucket, EncodingType: 'url', MaxKeys: 1, ContinuationToken: token }),
    );
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => decodeURIComponent(Key)));
    token = page.NextContinuationToken;
  } while (token !== undefined && keys.length < 10);
  return keys.join(' ') === 'a ~ \u{1F600}';
}

async function takesAnyExpires(): Promise<boolean> {
  const Bucket = unique();
  await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket }));
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/s3/aws4_request, SignedHeaders=host, Signature=0`;
  const headers = { authorization, expires: '0' };
  return (await fetch(`${endpointUrl}/${Bucket}/k`, { method: 'PUT', headers, body: 'k' })).ok;
}

async function namesThrottled(): Promise<boolean> {
  const lambda = new LambdaClient({});
  const FunctionName = await createFunction(lambda, 'exports.handler = async () => null;');
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
  const name = await withExecution(callOf(FunctionName), async (executionArn) => {
    let error: string | undefined;
    await within(60, async () => {
      const found = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      error = found.error;
      return found.status !== 'RUNNING';
    });
    return error;
  });
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  return name === 'Lambda.TooManyRequestsException';
}

/** True when a rule for calls of one function is applied to them. */
async function canKillWorkers(): Promise<boolean> {
  const FunctionName = await createFunction(
    new LambdaClient({}),
    `exports.handler = async () => {
      const scope = process.env.AWS_ACCESS_KEY_ID + '/20260101/us-east-1/s3/aws4_request';
      const authorization = 'AWS4-HMAC-SHA256 Credential=' + scope + ', SignedHeaders=host, Signature=0';
      return (await fetch(process.env.AWS_ENDPOINT_URL + '/', { headers: { authorization } })).status; };`,
  );
  const rule = {
    id: FunctionName,
    match: { service: 's3', lambdaFunction: FunctionName },
    action: { kind: 'error', status: 418, code: 'Found' },
  };
  await fetch(`${endpointUrl}/_gateway/faults`, { method: 'POST', body: JSON.stringify(rule) });
  const answer = await returned(FunctionName);
  await fetch(`${endpointUrl}/_gateway/faults/${FunctionName}`, { method: 'DELETE' });
  return answer === 418;
}

async function findsSdkInModules(): Promise<boolean> {
  const body = `export const handler = async () => typeof (await import('@aws-sdk/client-s3')).S3Client;`;
  return (await returned(await createFunction(new LambdaClient({}), body, 'index.mjs'))) === 'function';
}

/** The return value of a probe's function, which is deleted after that. */
async function returned(FunctionName: string): Promise<unknown> {
  const lambda = new LambdaClient({});
  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  return JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown;
}

async function within(seconds: number, holds: () => Promise<boolean>): Promise<boolean> {
  for (const giveUpAt = Date.now() + seconds * 1_000; Date.now() < giveUpAt; await delay(500)) {
    if (await holds()) return true;
  }
  return false;
}

async function keepsStopCauses(): Promise<boolean> {
  return withExecution({ Type: 'Wait', Seconds: 60 }, async (executionArn) => {
    await sfn.send(new StopExecutionCommand({ executionArn, error: 'Why', cause: 'why' }));
    const { error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    return error === 'Why' && cause === 'why';
  });
}

/** Stops an execution while a function of it works, which is at it for longer than is waited. */
async function stopsAtWork(): Promise<boolean> {
  const lambda = new LambdaClient({});
  const FunctionName = await createFunction(
    lambda,
    'exports.handler = () => new Promise((resolve) => setTimeout(resolve, 20_000));',
  );
  const stops = await withExecution(callOf(FunctionName), async (executionArn) => {
    await within(60, async () => {
      const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
      return events.some(({ type }) => type === 'LambdaFunctionStarted');
    });
    await sfn.send(new StopExecutionCommand({ executionArn }));
    return within(5, async () => {
      const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      return status === 'ABORTED';
    });
  });
  await lambda.send(new DeleteFunctionCommand({ FunctionName }));
  return stops;
}

function callOf(functionName: string): object {
  return { Type: 'Task', Resource: arnOf('lambda', `function:${functionName}`) };
}

/** Starts an execution of one state, and deletes its machine when it has been looked at. */
async function withExecution<Found>(
  state: object,
  look: (executionArn: string) => Promise<Found>,
): Promise<Found> {
  const definition = JSON.stringify({ StartAt: 'Only', States: { Only: { ...state, End: true } } });
  const { stateMachineArn } = await sfn.send(
    new CreateStateMachineCommand({ name: unique(), roleArn, definition }),
  );
  const { executionArn = '' } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: '{}' }));
  const found = await look(executionArn);
  await sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
  return found;
}
