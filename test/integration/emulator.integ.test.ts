import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStacksCommand,
  waitUntilStackCreateComplete,
  waitUntilStackDeleteComplete,
} from '@aws-sdk/client-cloudformation';
import { DescribeTimeToLiveCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketTaggingCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { CreateScheduleCommand, DeleteScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { patienceMs } from '../support/patience.ts';
import { completeDeployment } from '../../localstack/composition.ts';
import type { FaultRuleInput } from '../../localstack/gateway/faults/fault-rules.ts';
import { describeUnless, findGap, testUnless, titleWith } from '../support/gaps.ts';
import { createFunction, roleArn } from '../../localstack/lambda-function.ts';

const endpointUrl = process.env['AWS_ENDPOINT_URL'] ?? '';
const noGateway = await findGap('gateway');
const noWorkers = await findGap('workersToKill');
const noSchedules = await findGap('schedules');
const noSdkInModules = await findGap('sdkInModules');
const waiting = { maxWaitTime: patienceMs / 1000, minDelay: 0.2, maxDelay: 1 };

const s3 = new S3Client({});
const lambda = new LambdaClient({});
const sfn = new SFNClient({});
const sqs = new SQSClient({});
const scheduler = new SchedulerClient({});
const dynamoDb = new DynamoDBClient({});
const cloudFormation = new CloudFormationClient({});

const unique = (prefix: string): string => `${prefix}-${randomUUID().slice(0, 8)}`;

async function runStateMachine(
  definition: object,
  input: object,
): Promise<{ status?: string; output?: string; error?: string }> {
  const { stateMachineArn } = await sfn.send(
    new CreateStateMachineCommand({
      name: unique('emulator-test'),
      roleArn,
      definition: JSON.stringify(definition),
    }),
  );
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }),
  );
  for (;;) {
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    if (execution.status !== 'RUNNING') return execution;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function addFault(rule: FaultRuleInput): Promise<void> {
  const response = await fetch(`${endpointUrl}/_gateway/faults`, {
    method: 'POST',
    body: JSON.stringify(rule),
  });
  if (!response.ok) throw new Error(await response.text());
}

async function withStack(template: object, check: (stackName: string) => Promise<void>): Promise<void> {
  const StackName = unique('emulator-test');
  await cloudFormation.send(new CreateStackCommand({ StackName, TemplateBody: JSON.stringify(template) }));
  await waitUntilStackCreateComplete({ client: cloudFormation, ...waiting }, { StackName });
  try {
    await check(StackName);
  } finally {
    await cloudFormation.send(new DeleteStackCommand({ StackName }));
    await waitUntilStackDeleteComplete({ client: cloudFormation, ...waiting }, { StackName });
  }
}

async function seesSdk(file: string): Promise<void> {
  const body = file.endsWith('.mjs')
    ? `export const handler = async () => [typeof (await import('@aws-sdk/client-s3')).S3Client, await import('zod').then(() => 'found', () => 'none')];`
    : `exports.handler = async () => { let zod = 'none'; try { require('zod'); zod = 'found'; } catch {}
         return [typeof require('@aws-sdk/client-s3').S3Client, zod]; };`;
  const FunctionName = await createFunction(lambda, body, file);

  const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));

  expect(JSON.parse(Buffer.from(Payload ?? []).toString())).toEqual(['function', 'none']);
}

describeUnless(noGateway)('the emulator of this project', () => {
  test("lets a state machine catch a handler's error by its name", async () => {
    const name = await createFunction(
      lambda,
      `exports.handler = async () => {
      const error = new Error('the vault is sealed'); error.name = 'VaultSealedError'; throw error; };`,
    );

    const execution = await runStateMachine(
      {
        StartAt: 'Call',
        States: {
          Call: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke',
            Parameters: { FunctionName: name, 'Payload.$': '$' },
            Catch: [{ ErrorEquals: ['VaultSealedError'], Next: 'Caught' }],
            End: true,
          },
          Caught: { Type: 'Pass', End: true },
        },
      },
      {},
    );

    expect(execution.status).toBe('SUCCEEDED');
    const { Error: error, Cause } = JSON.parse(execution.output ?? '{}') as { Error: string; Cause: string };
    expect(error).toBe('VaultSealedError');
    expect(JSON.parse(Cause)).toMatchObject({
      errorType: 'VaultSealedError',
      errorMessage: 'the vault is sealed',
    });
  });

  test('keeps the environment of a function whose handler failed', async () => {
    const FunctionName = await createFunction(
      lambda,
      `let calls = 0;
      exports.handler = async () => { calls += 1; if (calls === 1) throw new Error('not at first'); return calls; };`,
    );

    const failed = await lambda.send(new InvokeCommand({ FunctionName }));
    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName }));

    expect(failed.FunctionError).toBe('Unhandled');
    expect(Buffer.from(Payload ?? []).toString()).toBe('2');
  });

  test('starts another environment for a call that a function makes of itself', async () => {
    const FunctionName = await createFunction(
      lambda,
      `const { InvokeCommand, LambdaClient } = require('@aws-sdk/client-lambda');
      exports.handler = async ({ isInner }, { functionName: FunctionName }) => {
        if (isInner) return 'inner';
        const Payload = JSON.stringify({ isInner: true });
        const answer = await new LambdaClient({}).send(new InvokeCommand({ FunctionName, Payload }));
        return JSON.parse(Buffer.from(answer.Payload).toString());
      };`,
    );

    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName, Payload: '{}' }));

    expect(Buffer.from(Payload ?? []).toString()).toBe('"inner"');
  });

  test('gives buckets the tags and the object lock that a template asks for, and completes what is dropped', async () => {
    const bucketName = unique('locked');
    const template = {
      Resources: {
        Vault: {
          Type: 'AWS::S3::Bucket',
          Properties: {
            BucketName: bucketName,
            ObjectLockEnabled: true,
            Tags: [{ Key: 'plan', Value: 'daily' }],
            ObjectLockConfiguration: {
              ObjectLockEnabled: 'Enabled',
              Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 7 } },
            },
            LifecycleConfiguration: {
              Rules: [
                {
                  Id: 'cold',
                  Status: 'Enabled',
                  Prefix: 'packs/',
                  Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 30 }],
                },
              ],
            },
          },
        },
        Catalog: {
          Type: 'AWS::DynamoDB::Table',
          Properties: {
            AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
            KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
            BillingMode: 'PAY_PER_REQUEST',
            TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
          },
        },
        Trail: { Type: 'AWS::CloudTrail::Trail', Properties: { IsLogging: true, S3BucketName: bucketName } },
      },
      Outputs: { Table: { Value: { Ref: 'Catalog' } } },
    };

    await withStack(template, async (stackName) => {
      const clients = { cloudFormation, s3, dynamoDb };
      await completeDeployment({ stackName, template }, clients);
      const again = await completeDeployment({ stackName, template }, clients);

      expect(again).toEqual([]);
      const lock = await s3.send(new GetObjectLockConfigurationCommand({ Bucket: bucketName }));
      expect(lock.ObjectLockConfiguration?.Rule?.DefaultRetention).toMatchObject({
        Mode: 'GOVERNANCE',
        Days: 7,
      });
      const tagging = await s3.send(new GetBucketTaggingCommand({ Bucket: bucketName }));
      expect(tagging.TagSet).toEqual([{ Key: 'plan', Value: 'daily' }]);
      const lifecycle = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucketName }));
      expect(lifecycle.Rules).toMatchObject([{ ID: 'cold', Filter: { Prefix: 'packs/' } }]);
      const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stackName }));
      const TableName = Stacks?.[0]?.Outputs?.find(({ OutputKey }) => OutputKey === 'Table')?.OutputValue;
      const ttl = await dynamoDb.send(new DescribeTimeToLiveCommand({ TableName }));
      expect(ttl.TimeToLiveDescription).toMatchObject({
        TimeToLiveStatus: 'ENABLED',
        AttributeName: 'expiresAt',
      });
    });
  });

  test('locks an object whose multipart upload was created with a lock', async () => {
    const Bucket = unique('locked');
    const Key = 'packs/one';
    const until = new Date(Date.now() + 86_400_000);
    await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));

    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({
        Bucket,
        Key,
        ObjectLockMode: 'COMPLIANCE',
        ObjectLockRetainUntilDate: until,
      }),
    );
    const part = await s3.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'bytes' }),
    );
    const Parts = [{ PartNumber: 1, ETag: part.ETag }];
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));

    const head = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    expect(head.ObjectLockMode).toBe('COMPLIANCE');
    expect(Math.abs(head.ObjectLockRetainUntilDate!.getTime() - until.getTime())).toBeLessThan(1000);
  });

  testUnless(noSchedules)('fills the context of a schedule into its input, in its time zone', async () => {
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: unique('scheduled') }));
    const Name = unique('emulator-test');
    const dueAt = new Date(Math.floor(Date.now() / 1000) * 1000 - 60_000);
    const wallClock = dueAt.toLocaleString('sv-SE', { timeZone: 'Asia/Tokyo' }).replace(' ', 'T');
    const { ScheduleArn } = await scheduler.send(
      new CreateScheduleCommand({
        Name,
        ScheduleExpression: `at(${wallClock})`,
        ScheduleExpressionTimezone: 'Asia/Tokyo',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: `arn:aws:sqs:us-east-1:000000000000:${QueueUrl!.split('/').at(-1)}`,
          RoleArn: roleArn,
          Input: JSON.stringify({
            time: '<aws.scheduler.scheduled-time>',
            execution: '<aws.scheduler.execution-id>',
            attempt: '<aws.scheduler.attempt-number>',
            schedule: '<aws.scheduler.schedule-arn>',
          }),
        },
      }),
    );

    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    await scheduler.send(new DeleteScheduleCommand({ Name }));

    expect(JSON.parse(Messages?.[0]?.Body ?? '{}')).toEqual({
      time: dueAt.toISOString().replace('.000Z', 'Z'),
      execution: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      attempt: '1',
      schedule: ScheduleArn,
    });
  });

  test('answers a repeated start of a running execution like the first, and refuses one with another input', async () => {
    const { stateMachineArn } = await sfn.send(
      new CreateStateMachineCommand({
        name: unique('emulator-test'),
        roleArn,
        definition: JSON.stringify({
          StartAt: 'Wait',
          States: { Wait: { Type: 'Wait', Seconds: 30, End: true } },
        }),
      }),
    );
    const start = (input: object, name = 'daily-20261122T020000Z') =>
      sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));

    const first = await start({ plan: 'daily' });
    const second = await start({ plan: 'daily' });

    expect(second.executionArn).toBe(first.executionArn);
    await expect(start({ plan: 'hourly' })).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    await expect(start({}, 'daily:2026')).rejects.toMatchObject({ name: 'InvalidName' });
  });

  test.skipIf(noWorkers !== undefined).each(['before', 'after'] as const)(
    titleWith(noWorkers, 'kills the Lambda worker that makes the second upload, %s it is stored'),
    async (when) => {
      const Bucket = unique('killed');
      await s3.send(new CreateBucketCommand({ Bucket }));
      const name = await createFunction(
        lambda,
        `exports.handler = async ({ bucket }) => {
        const scope = process.env.AWS_ACCESS_KEY_ID + '/20260101/us-east-1/s3/aws4_request';
        const authorization = 'AWS4-HMAC-SHA256 Credential=' + scope + ', SignedHeaders=host, Signature=0';
        for (const key of ['one', 'two', 'three']) {
          await fetch(process.env.AWS_ENDPOINT_URL + '/' + bucket + '/' + key, { method: 'PUT', body: key, headers: { authorization } });
        }
        return 'done'; };`,
      );
      await addFault({
        id: name,
        match: { service: 's3', operation: 'PutObject', bucket: Bucket, lambdaFunction: name },
        action: { kind: 'kill-lambda', when },
        skip: 1,
        count: 1,
      });
      const invoke = async (): Promise<[error: string | undefined, payload: unknown]> => {
        const Payload = JSON.stringify({ bucket: Bucket });
        const answer = await lambda.send(new InvokeCommand({ FunctionName: name, Payload }));
        return [answer.FunctionError, JSON.parse(Buffer.from(answer.Payload ?? []).toString())];
      };

      const [error, payload] = await invoke();
      const stored = await Promise.all(
        ['one', 'two', 'three'].map((Key) =>
          s3.send(new HeadObjectCommand({ Bucket, Key })).then(
            () => true,
            () => false,
          ),
        ),
      );
      const [secondError, secondPayload] = await invoke();

      expect(error).toBe('Unhandled');
      expect(payload).toMatchObject({ errorType: 'Runtime.ExitError' });
      expect(stored).toEqual([true, when === 'after', false]);
      expect([secondError, secondPayload]).toEqual([undefined, 'done']);
      await lambda.send(new DeleteFunctionCommand({ FunctionName: name }));
    },
  );

  const title = 'gives a handler in %s the SDK that Lambda brings, and nothing else of the project';
  test.each(['index.js'])(title, seesSdk);
  test.skipIf(noSdkInModules !== undefined).each(['index.mjs'])(titleWith(noSdkInModules, title), seesSdk);

  test('streams a body of many megabytes through to the store and back', async () => {
    const Bucket = unique('streamed');
    const body = Buffer.alloc(24 * 1024 * 1024, 'holdfast');
    await s3.send(new CreateBucketCommand({ Bucket }));

    await s3.send(new PutObjectCommand({ Bucket, Key: 'large', Body: body, ChecksumAlgorithm: 'SHA256' }));

    const response = await fetch(`${endpointUrl}/${Bucket}/large`);
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), body)).toBe(0);
  });
});
