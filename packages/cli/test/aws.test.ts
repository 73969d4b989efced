import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DescribeExecutionCommand,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { AccessDeniedError, UnknownNameError } from '@holdfast/engine';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, expect, test } from 'vitest';
import { connectAws } from '../src/index.ts';
import { StepFunctionsExecutions } from '../src/step-functions-executions.ts';
import { dailyPlan } from './cli-under-test.ts';

const cloudFormation = mockClient(CloudFormationClient);
const stepFunctions = mockClient(SFNClient);
const options = { region: 'eu-west-1', storageStack: 'HoldfastStorage', pipelineStack: 'HoldfastPipeline' };

beforeEach(() => {
  cloudFormation.reset();
  stepFunctions.reset();
});

function stack(name: string, outputs: Readonly<Record<string, string>>): void {
  const Outputs = Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
  cloudFormation.on(DescribeStacksCommand, { StackName: name }).resolves({
    Stacks: [{ StackName: name, CreationTime: new Date(0), StackStatus: 'CREATE_COMPLETE', Outputs }],
  });
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
  stack('HoldfastStorage', { VaultBucketName: 'v', CatalogTableName: 'c' });
  stack('HoldfastPipeline', { ProtectMachineArn: 'arn:p', Plans: JSON.stringify([dailyPlan]) });
  stepFunctions.on(StartExecutionCommand).resolves({ executionArn: 'arn:e' });

  const connection = await connectAws(options);

  expect(connection.deployment).toMatchObject({ vaultBucket: 'v', region: 'eu-west-1' });
  expect(await connection.deployment.findPlans()).toEqual([dailyPlan]);
  expect(await connection.executions.start('protect', 'n', { a: 1 })).toBe('arn:e');
  expect(stepFunctions.commandCalls(StartExecutionCommand)[0]?.args[0].input).toEqual({
    stateMachineArn: 'arn:p',
    name: 'n',
    input: '{"a":1}',
  });
  await expect(connection.executions.start('restore', 'n', {})).rejects.toThrow(
    /RestoreMachineArn is not in eu-west-1; .*--restore-machine/,
  );
  connection.close();
});

test('asks CloudFormation for nothing that is given already', async () => {
  const connection = await connectAws({ ...options, vaultBucket: 'v', catalogTable: 'c' });

  expect(connection.deployment.vaultBucket).toBe('v');
  expect(cloudFormation.calls()).toHaveLength(0);
});

test.for(['{', '[{"name":"daily"}]', undefined])(
  'does not know the plans when the output is %s',
  async (Plans) => {
    stack('HoldfastPipeline', Plans === undefined ? {} : { Plans });

    const connection = await connectAws({ ...options, vaultBucket: 'v', catalogTable: 'c' });

    expect(await connection.deployment.findPlans()).toBeUndefined();
  },
);

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
