import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { connectAws } from '@holdfast/cli';
import { EndedExecutions, makeStepFunctionsClient } from '@holdfast/aws';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../e2e/support/eventually.ts';
import { findGap, testUnless } from '../support/gaps.ts';

const sfn = makeStepFunctionsClient();
const executions = new EndedExecutions(sfn);
const hourMs = 3_600_000;
const name = `executions-${randomUUID().slice(0, 8)}`;
let machine: string;

beforeAll(async () => {
  const { stateMachineArn = '' } = await sfn.send(
    new CreateStateMachineCommand({
      name,
      roleArn: 'arn:aws:iam::000000000000:role/test',
      definition: JSON.stringify({
        StartAt: 'Which',
        States: {
          Which: {
            Type: 'Choice',
            Choices: [{ Variable: '$.end', StringEquals: 'fail', Next: 'Fails' }],
            Default: 'Waits',
          },
          Fails: { Type: 'Fail', Error: 'SourceUnavailableError', Cause: 'the bucket is gone' },
          Waits: { Type: 'Wait', Seconds: 600, End: true },
        },
      }),
    }),
  );
  machine = stateMachineArn;
});

afterAll(async () => {
  await sfn.send(new DeleteStateMachineCommand({ stateMachineArn: machine }));
});

async function start(execution: string, end: string): Promise<string> {
  const input = JSON.stringify({ end });
  const { executionArn = '' } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn: machine, name: execution, input }),
  );
  return executionArn;
}

const ended = async (arn: string) => eventually(`the end of ${arn}`, async () => executions.findFailed(arn));

test('an execution that failed is found with what it was given and why it failed', async () => {
  const arn = await start('fails', 'fail');

  expect(await ended(arn)).toEqual({
    arn,
    machineArn: machine,
    name: 'fails',
    status: 'FAILED',
    input: { end: 'fail' },
    error: 'SourceUnavailableError',
    cause: 'the bucket is gone',
  });
});

test('one that runs is not, until somebody stops it', async () => {
  const arn = await start('stopped', 'never');
  expect(await executions.findFailed(arn)).toBeUndefined();

  await sfn.send(new StopExecutionCommand({ executionArn: arn }));

  expect(await ended(arn)).toMatchObject({ status: 'ABORTED' });
});

testUnless(await findGap('stopCauses'))('one that somebody stopped says why', async () => {
  const arn = await start('stopped-for-a-reason', 'never');

  await sfn.send(new StopExecutionCommand({ executionArn: arn, cause: 'by hand' }));

  expect(await ended(arn)).toMatchObject({ status: 'ABORTED', cause: 'by hand' });
});

test('one that takes longer than its machine lets it ends without any state of its own', async () => {
  const { stateMachineArn = '' } = await sfn.send(
    new CreateStateMachineCommand({
      name: `${name}-limited`,
      roleArn: 'arn:aws:iam::000000000000:role/test',
      definition: JSON.stringify({
        TimeoutSeconds: 1,
        StartAt: 'Waits',
        States: {
          Waits: { Type: 'Wait', Seconds: 2, Next: 'NeverComes' },
          NeverComes: { Type: 'Fail', Error: 'NeverComesError', Cause: 'it did' },
        },
      }),
    }),
  );
  const { executionArn = '' } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input: '{}' }));

  expect((await ended(executionArn)).status).toBe('TIMED_OUT');
  await sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
});

test('one that is not known any more is none', async () => {
  const arn = `${machine.replace(':stateMachine:', ':execution:')}:never-started`;

  expect(await executions.findFailed(arn)).toBeUndefined();
});

async function names(endedAfter: Date, startedAfter: Date): Promise<string[]> {
  const found = await Array.fromAsync(executions.listFailed(machine, endedAfter, startedAfter));
  return found.map((one) => one.name);
}

test('all that ended without success are listed, by when they ended and began', async () => {
  await ended(await start('listed', 'fail'));
  const running = await start('running', 'never');
  const [before, after] = [new Date(Date.now() - hourMs), new Date(Date.now() + hourMs)];

  expect(await names(before, before)).toContain('listed');
  expect(await names(before, before)).not.toContain('running');
  expect(await names(after, before)).toEqual([]);
  expect(await names(before, after)).toEqual([]);
  await sfn.send(new StopExecutionCommand({ executionArn: running }));
});

test('one is found by the name that it was started under, and one that nobody started is not', async () => {
  const arn = await start('by-name', 'never');
  const given = { vaultBucket: 'none', catalogTable: 'none', restoreMachineArn: machine };
  const connection = await connectAws({
    ...given,
    storageStack: 'none',
    pipelineStack: 'none',
    monitoringStack: 'none',
  });
  const found = connection.executions;

  expect(await found.find('restore', 'by-name')).toMatchObject({
    execution: arn,
    state: { status: 'running', input: '{"end":"never"}' },
  });
  expect(await found.find('restore', 'by-another-name')).toBeUndefined();
  await found.stop(arn, 'it was only looked for');
  connection.close();
});
