import { randomUUID } from 'node:crypto';
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { EndedExecutions, makeStepFunctionsClient } from '@holdfast/aws';
import { AuditLog, type RunId } from '@holdfast/engine';
import { MemoryTarget } from '@holdfast/engine/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { closeExecutionsStep } from '../../lambdas/watch/close-executions.ts';
import { eventually } from '../e2e/support/eventually.ts';
import { BUCKET_ARN, makeDeployment, PLENTY } from '../lambdas/support/deployment.ts';
import { MemoryImages } from '../lambdas/support/memory-images.ts';
import { MemoryLaunches } from '../lambdas/support/memory-launches.ts';
import { makePipeline, TAGGED_BUCKET } from '../lambdas/support/pipeline.ts';
import { findGap, testUnless } from '../support/gaps.ts';

const sfn = makeStepFunctionsClient();
const executions = new EndedExecutions(sfn);
let machine: string;

beforeAll(async () => {
  const States = { Works: { Type: 'Wait', Seconds: 600, End: true } };
  const made = await sfn.send(
    new CreateStateMachineCommand({
      name: `stopped-${randomUUID().slice(0, 8)}`,
      roleArn: 'arn:aws:iam::000000000000:role/test',
      definition: JSON.stringify({ StartAt: 'Works', States }),
    }),
  );
  machine = made.stateMachineArn ?? '';
});

afterAll(async () => {
  await sfn.send(new DeleteStateMachineCommand({ stateMachineArn: machine }));
});

/** An execution of the protect machine that has opened its run, and that somebody stops. */
async function stopAtWork(cause?: string) {
  const deployment = makeDeployment();
  deployment.clock.set(new Date());
  const runId = randomUUID().replaceAll('-', '') as RunId;
  const started = await sfn.send(
    new StartExecutionCommand({ stateMachineArn: machine, name: runId, input: JSON.stringify({ runId }) }),
  );
  const { executionArn = '' } = started;
  const item = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId };
  await makePipeline(deployment).openRun({ ...item, type: 'full', execution: executionArn }, PLENTY);
  const others = { cycle: 'c', restore: 'r', hold: 'h', maintenance: 'm', check: 'o' };
  const close = closeExecutionsStep.over({
    ...deployment,
    images: new MemoryImages(deployment.clock),
    launches: new MemoryLaunches(),
    openUploads: () => new MemoryTarget(),
    machines: { ...others, protect: machine },
    executions: {
      findFailed: async (arn) => executions.findFailed(arn),
      // The other machines are not there.
      listFailed: async function* (arn, ...since) {
        if (arn === machine) yield* executions.listFailed(arn, ...since);
      },
    },
    audit: new AuditLog(deployment.services),
  });
  expect(await close({ detail: { executionArn } }, PLENTY)).toMatchObject({ seen: 0 });

  await sfn.send(new StopExecutionCommand({ executionArn, cause }));
  await eventually(`the end of ${executionArn}`, async () => executions.findFailed(executionArn));
  return { deployment, close, executionArn, runOf: async () => deployment.catalog.runs.find(runId) };
}

test('a run whose execution somebody stops is closed when Step Functions tells of it, once', async () => {
  const { deployment, close, executionArn, runOf } = await stopAtWork();

  const first = await close({ detail: { executionArn } }, PLENTY);
  const again = await close({ detail: { executionArn } }, PLENTY);

  expect([first.closed, again.closed]).toEqual([1, 0]);
  expect(await runOf()).toMatchObject({
    state: 'failed',
    error: { name: 'ExecutionEndedError', message: expect.stringContaining('was stopped') },
  });
  expect(deployment.metrics.of('CycleFailures')).toEqual([1]);
});

test('a run whose execution somebody stops is closed by the daily look when nobody told', async () => {
  const { close, runOf } = await stopAtWork();

  await close({}, PLENTY);

  expect(await runOf()).toMatchObject({ state: 'failed' });
});

testUnless(await findGap('stopCauses'))('a run says why its execution was stopped', async () => {
  const { close, executionArn, runOf } = await stopAtWork('by hand');

  await close({ detail: { executionArn } }, PLENTY);

  expect((await runOf())?.error?.message).toContain('was stopped (by hand)');
});
