import { hash } from 'node:crypto';
import {
  CloudFormationClient,
  DescribeStacksCommand,
  GetTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import { GetObjectCommand, S3Client, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  ListExecutionsCommand,
  ListMapRunsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { AccessDeniedError, StoreUnavailableError, UnknownNameError } from '@holdfast/engine';
import { cancelledError } from '@holdfast/engine/model';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { connectAws } from '../src/index.ts';
import { StepFunctionsExecutions } from '../src/deployment/step-functions-executions.ts';
import { dailyPlan } from './cli-under-test.ts';

const cloudFormation = mockClient(CloudFormationClient);
const stepFunctions = mockClient(SFNClient);
const s3 = mockClient(S3Client);
afterAll(() => [cloudFormation, stepFunctions, s3].forEach((client) => client.restore()));
const options = {
  region: 'eu-west-1',
  storageStack: 'HoldfastStorage',
  pipelineStack: 'HoldfastPipeline',
  monitoringStack: 'HoldfastMonitoring',
};

beforeEach(() => {
  cloudFormation.reset();
  stepFunctions.reset();
  s3.reset();
});

function stack(name: string, outputs: Readonly<Record<string, string>>): void {
  const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
  cloudFormation.on(DescribeStacksCommand, { StackName: name }).resolves({
    Stacks: [{ StackName: name, CreationTime: new Date(0), StackStatus: 'CREATE_COMPLETE', Outputs }],
  });
}

/** Puts what is deployed into S3, and returns its URL. */
function configuration(plans: readonly unknown[]): string {
  const text = JSON.stringify({ plans, tagKey: 't', restoreTargets: { buckets: [] }, restoreWorkers: 1 });
  const body = { transformToByteArray: async () => Buffer.from(text) };
  s3.on(GetObjectCommand).resolves({ Body: body } as unknown as GetObjectCommandOutput);
  return `s3://assets/${hash('sha256', text, 'hex')}.json`;
}

function sdkError(name: string, status: number, message = name): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

function executions(): StepFunctionsExecutions {
  return new StepFunctionsExecutions(
    new SFNClient({ region: 'eu-west-1' }),
    async (machine) => `arn:${machine}`,
  );
}

test('finds vault, machines and plans in the outputs of the stacks', async () => {
  const own = { WorkBucketName: 'w', TrailLogBucketName: 'l' };
  stack('HoldfastStorage', { VaultBucketName: 'v', CatalogTableName: 'c', ...own });
  stack('HoldfastPipeline', { CycleMachineArn: 'arn:p', ConfigurationUrl: configuration([dailyPlan]) });
  stepFunctions.on(StartExecutionCommand).resolves({ executionArn: 'arn:e' });

  const connection = await connectAws(options);

  expect(connection.deployment).toMatchObject({ vaultBucket: 'v', region: 'eu-west-1' });
  expect(await connection.deployment.findPlans()).toEqual([dailyPlan]);
  expect(await connection.deployment.listOwnBuckets()).toEqual(['v', 'w', 'l']);
  expect(await connection.executions.start('cycle', 'n', { plan: 'daily' })).toBe('arn:e');
  expect(stepFunctions.commandCalls(StartExecutionCommand)[0]?.args[0].input).toEqual({
    stateMachineArn: 'arn:p',
    name: 'n',
    input: '{"plan":"daily"}',
  });
  await expect(connection.executions.start('restore', 'n', { target: { original: true } })).rejects.toThrow(
    /RestoreMachineArn is not in eu-west-1; .*--restore-machine/,
  );
  connection.close();
});

test('finds a deployment within a stack of somebody else', async () => {
  const own = { ...options, storageStack: 'Own', pipelineStack: 'Own', monitoringStack: 'Own' };
  const outputs = { BackupStorageVaultBucketName8851C3A7: 'v', CatalogTableName: 'other' };
  stack('Own', { ...outputs, BackupStorageCatalogTableNameA2298681: 'c', Url: 'u' });

  await expect(connectAws(own)).rejects.toThrow(
    'stack Own has the outputs CatalogTableName, BackupStorageCatalogTableNameA2298681; say which',
  );
  const connection = await connectAws({ ...own, catalogTable: 'c' });
  expect(connection.deployment.vaultBucket).toBe('v');
});

test('asks CloudFormation for nothing that is given already', async () => {
  const connection = await connectAws({ ...options, vaultBucket: 'v', catalogTable: 'c' });

  expect(connection.deployment.vaultBucket).toBe('v');
  expect(cloudFormation.calls()).toHaveLength(0);
});

test('reads a template once, however many checks look at it, and that of alarms by the name that is given', async () => {
  cloudFormation.on(GetTemplateCommand).resolves({ TemplateBody: '{"Resources":{}}' });
  const given = { ...options, vaultBucket: 'v', catalogTable: 'c', monitoringStack: 'Alarms' };
  const { deployment } = await connectAws(given);

  for (const name of [...deployment.stacks, ...deployment.stacks]) await deployment.findTemplate(name);

  const read = cloudFormation.commandCalls(GetTemplateCommand).map(({ args }) => args[0].input.StackName);
  expect(read).toEqual(['HoldfastStorage', 'HoldfastPipeline', 'Alarms']);
});

test('does not know the plans of a deployment of another version', async () => {
  stack('HoldfastPipeline', { ConfigurationUrl: configuration([{ name: 'daily' }]) });
  const given = { ...options, vaultBucket: 'v', catalogTable: 'c' };

  expect(await (await connectAws(given)).deployment.findPlans()).toBeUndefined();
  stack('HoldfastPipeline', {});
  expect(await (await connectAws(given)).deployment.findPlans()).toBeUndefined();
});

test('does not know plans that it may not read, and does not hide that S3 is away', async () => {
  stack('HoldfastPipeline', { ConfigurationUrl: 's3://assets/c0ffee.json' });
  const { deployment } = await connectAws({ ...options, vaultBucket: 'v', catalogTable: 'c' });

  s3.on(GetObjectCommand).rejects(sdkError('AccessDenied', 403));
  expect(await deployment.findPlans()).toBeUndefined();
  s3.on(GetObjectCommand).rejects(sdkError('InternalError', 500));
  await expect(deployment.findPlans()).rejects.toThrow(StoreUnavailableError);
});

test('says which stack is missing, and what else to give', async () => {
  cloudFormation
    .on(DescribeStacksCommand)
    .rejects(sdkError('ValidationError', 400, 'Stack with id HoldfastStorage does not exist'));

  const connecting = connectAws(options);

  await expect(connecting).rejects.toThrow(UnknownNameError);
  await expect(connecting).rejects.toThrow(
    /stack HoldfastStorage .* not in eu-west-1; .*--storage-stack, or give --vault-bucket/,
  );
});

test('reads how an execution stands', async () => {
  stepFunctions
    .on(DescribeExecutionCommand, { executionArn: 'a' })
    .resolves({ status: 'FAILED', error: 'E', cause: 'c' })
    .on(DescribeExecutionCommand, { executionArn: 'gone' })
    .rejects(sdkError('ExecutionDoesNotExist', 400));

  expect(await executions().get('a')).toEqual({ status: 'failed', error: 'E', cause: 'c' });
  await expect(executions().get('gone')).rejects.toThrow(UnknownNameError);
});

test('stopping an execution that is forgotten succeeds; a refusal does not', async () => {
  stepFunctions
    .on(StopExecutionCommand, { executionArn: 'gone' })
    .rejects(sdkError('ExecutionDoesNotExist', 400))
    .on(StopExecutionCommand, { executionArn: 'mine' })
    .rejects(sdkError('AccessDeniedException', 400));

  await expect(executions().stop('gone', 'why')).resolves.toBeUndefined();
  expect(stepFunctions.commandCalls(StopExecutionCommand)[0]?.args[0].input).toEqual({
    executionArn: 'gone',
    error: cancelledError,
    cause: 'why',
  });
  await expect(executions().stop('mine', 'why')).rejects.toThrow(AccessDeniedError);
});

test('lists executions with their times', async () => {
  const startDate = new Date('2026-11-23T02:00:00Z');
  const execution = {
    executionArn: 'a',
    stateMachineArn: 'm',
    name: 'n',
    status: 'RUNNING',
    startDate,
  } as const;
  stepFunctions.on(ListExecutionsCommand).resolves({ executions: [execution] });

  expect(await executions().list('cycle', 5)).toEqual([
    { name: 'n', status: 'running', startedAt: startDate },
  ]);
});

function mapRun(name: string) {
  return {
    executionArn: 'arn:e',
    mapRunArn: `arn:map:${name}`,
    stateMachineArn: 'arn:m',
    startDate: new Date(0),
  };
}

test('sums up the parts of all maps of an execution, those too that failed', async () => {
  const counts = { pending: 1, running: 2, succeeded: 4, failed: 1, timedOut: 0, aborted: 0, total: 8 };
  stepFunctions.on(ListMapRunsCommand).resolves({ mapRuns: ['one', 'two'].map(mapRun) });
  stepFunctions.on(DescribeMapRunCommand).resolves({ itemCounts: { ...counts, resultsWritten: 0 } });

  expect(await executions().findParts('arn:e')).toEqual({ done: 10, total: 16 });

  stepFunctions.on(ListMapRunsCommand).resolves({ mapRuns: [] });
  expect(await executions().findParts('arn:e')).toBeUndefined();
  stepFunctions.on(ListMapRunsCommand).rejects(sdkError('AccessDeniedException', 400));
  expect(await executions().findParts('arn:e')).toBeUndefined();
});
