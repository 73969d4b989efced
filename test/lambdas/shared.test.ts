import { hash } from 'node:crypto';
import { GetObjectCommand, S3Client, type GetObjectCommandOutput } from '@aws-sdk/client-s3';
import { InvalidInputError, StoreUnavailableError } from '@holdfast/engine';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import * as z from 'zod';
import { defineStep } from '../../lambdas/runtime/define-step.ts';
import { openServices } from '../../lambdas/runtime/open-services.ts';
import { serve } from '../../lambdas/runtime/serve.ts';
import { cycleSteps } from '../../lambdas/cycle/steps.ts';
import { holdSteps } from '../../lambdas/hold/steps.ts';
import { imageSteps } from '../../lambdas/image/steps.ts';
import { maintenanceSteps } from '../../lambdas/maintenance/steps.ts';
import { protectSteps } from '../../lambdas/protect/steps.ts';
import { restoreSteps } from '../../lambdas/restore/steps.ts';
import { watchSteps } from '../../lambdas/watch/steps.ts';
import { errorRecordOfCaught } from '../../lambdas/runtime/event-fields.ts';
import { makeLogger } from '../../lambdas/runtime/logger.ts';
import { openVaultOnce } from '../../lambdas/runtime/open-vault-once.ts';
import { makeDeployment, PLENTY } from './support/deployment.ts';
import { makePipeline } from './support/pipeline.ts';

const ENVIRONMENT = {
  VAULT_BUCKET: 'vault',
  WORK_BUCKET: 'work',
  CATALOG_TABLE: 'catalog',
  CHUNK_INDEX_TABLE: 'chunk-index',
  KMS_KEY_ARN: 'arn:aws:kms:us-east-1:000000000000:key/1',
  LOCK_MODE: 'governance',
  METRICS_NAMESPACE: 'Holdfast',
  CYCLE_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:cycle',
  PROTECT_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:protect',
  MAINTENANCE_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:maintenance',
  CONFIGURATION: 's3://assets/c0ffee.json',
  OWN_BUCKETS: 'vault work trail-log',
  BLOCK_QUOTA: 'default',
  DEAD_LETTER_QUEUE: 'https://sqs.us-east-1.amazonaws.com/000000000000/dead-letters',
  RESTORE_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:restore',
  HOLD_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:hold',
  CHECK_MACHINE_ARN: 'arn:aws:states:us-east-1:000000000000:stateMachine:check',
  AWS_REGION: 'us-east-1',
};

afterEach(() => {
  vi.unstubAllEnvs();
});

const functions = Object.entries({
  cycle: cycleSteps,
  protect: protectSteps,
  image: imageSteps,
  restore: restoreSteps,
  hold: holdSteps,
  maintenance: maintenanceSteps,
  watch: watchSteps,
}).flatMap(([machine, rows]) => Object.keys(rows).map((step) => [step, machine] as const));

test.for(functions)('%s starts with the variables that its deployment sets', async ([step, machine]) => {
  for (const [variable, value] of Object.entries({ ...ENVIRONMENT, STEP: step })) vi.stubEnv(variable, value);
  // A query has the entry alone loaded anew, which looks at the variables, and not all that it loads.
  const entry = `../../lambdas/${machine}/${machine}.lambda.ts?${step}`;

  const module = (await import(entry)) as { readonly handler: unknown };

  expect(module.handler).toBeTypeOf('function');
});

test('a function does not start without one of its variables, and names it', async () => {
  const { needs } = protectSteps['list-shards'];

  await expect(openServices('list-shards', needs, { ...ENVIRONMENT, WORK_BUCKET: '' })).rejects.toThrow(
    'is not told WORK_BUCKET',
  );
});

/** A function that fails. */
async function failing(error: unknown): Promise<unknown> {
  const fail = async (): Promise<never> => {
    throw error;
  };
  return defineStep({ failing: { needs: {} } }, 'failing', z.unknown(), fail).over(makeDeployment())(
    {},
    PLENTY,
  );
}

test('errors that a state machine matches keep their names, whatever they came from', async () => {
  const throttled = Object.assign(new Error('slow down'), { name: 'ThrottlingException', $metadata: {} });

  await expect(failing(new StoreUnavailableError('no answer'))).rejects.toMatchObject({
    name: 'StoreUnavailableError',
  });
  await expect(failing(throttled)).rejects.toMatchObject({ name: 'StoreUnavailableError', cause: throttled });
  await expect(failing(new TypeError('our mistake'))).rejects.toMatchObject({ name: 'TypeError' });
  await expect(failing(z.string().safeParse(1).error)).rejects.toBeInstanceOf(InvalidInputError);
});

test('a caught error of Lambda is told by its message, any other by its cause', () => {
  const Cause = JSON.stringify({
    errorType: 'RunOpenError',
    errorMessage: 'it has an open run',
    trace: ['at …'],
  });

  expect(errorRecordOfCaught({ Error: 'RunOpenError', Cause })).toEqual({
    name: 'RunOpenError',
    message: 'it has an open run',
  });
  expect(errorRecordOfCaught({ Error: 'States.Timeout', Cause: 'too slow' }).message).toBe('too slow');
  expect(errorRecordOfCaught({ Error: 'X', Cause: '' }).message).not.toBe('');
});

test('a log line is one object with function, level and fields', () => {
  const lines: string[] = [];

  makeLogger('open-run', (line) => lines.push(line)).warn('odd', {
    runId: 'r1',
    files: 3,
    absent: undefined,
  });

  expect(lines).toEqual(['{"level":"warn","function":"open-run","message":"odd","runId":"r1","files":3}']);
});

test('a worker asks for the vault keys once, and again only after a failure', async () => {
  const deployment = makeDeployment();
  const openKeys = openVaultOnce(deployment.services);
  await expect(openKeys()).rejects.toMatchObject({ name: 'VaultMissingError' });
  const event = {
    resourceArn: 'arn:aws:s3:::photos',
    kind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    runId: 'a'.repeat(32),
  };
  await makePipeline(deployment).openRun(event, PLENTY);

  const [first, second] = [await openKeys(), await openKeys()];

  expect(second).toBe(first);
});

test('a worker reads its configuration once, and again after a failure', async () => {
  const text = JSON.stringify({ plans: [], tagKey: 'x', restoreTargets: { buckets: [] }, restoreWorkers: 7 });
  const url = `s3://assets/${hash('sha256', text, 'hex')}.json`;
  const Body = {
    transformToByteArray: async () => Buffer.from(text),
  } as unknown as GetObjectCommandOutput['Body'];
  const slowDown = Object.assign(new Error('slow down'), { name: 'SlowDown', $metadata: {} });
  const s3 = mockClient(S3Client);
  onTestFinished(() => s3.restore());
  s3.on(GetObjectCommand).rejectsOnce(slowDown).resolves({ Body });
  const rows = { workers: { needs: { configuration: true } } } as const;
  const workers = defineStep(rows, 'workers', z.unknown(), async ({ configuration }) =>
    Promise.resolve(configuration.restoreWorkers),
  );
  vi.stubEnv('AWS_REGION', 'us-east-1');
  const variables = { STEP: 'workers', CONFIGURATION: url };
  const before: unknown = Reflect.get(Error, 'prepareStackTrace');
  onTestFinished(() => void Reflect.set(Error, 'prepareStackTrace', before));
  const handler = await serve<typeof rows>({ workers }, variables);

  await expect(handler({}, PLENTY)).rejects.toMatchObject({ name: 'StoreUnavailableError' });
  expect(await Promise.all([handler({}, PLENTY), handler({}, PLENTY)])).toEqual([7, 7]);
  expect(await handler({}, PLENTY)).toBe(7);

  expect(s3.commandCalls(GetObjectCommand)).toHaveLength(2);
});
