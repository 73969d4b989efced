import {
  DynamoDBClient,
  GetItemCommand,
  ProvisionedThroughputExceededException,
} from '@aws-sdk/client-dynamodb';
import { DescribeVolumesCommand } from '@aws-sdk/client-ec2';
import { InvokeCommand, LambdaClient, TooManyRequestsException } from '@aws-sdk/client-lambda';
import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { expect, test, vi } from 'vitest';
import { patienceMs } from '../../test/support/patience.ts';
import type { FaultRuleInput, FaultStatus } from '../gateway/faults/fault-rules.ts';
import { startFixture, type GatewayFixture } from './gateway-fixture.ts';

async function addFaults(fixture: GatewayFixture, ...rules: FaultRuleInput[]): Promise<Response> {
  return fetch(`${fixture.url}/_gateway/faults`, { method: 'POST', body: JSON.stringify(rules) });
}

async function listFaults(fixture: GatewayFixture): Promise<FaultStatus[]> {
  const response = await fetch(`${fixture.url}/_gateway/faults`);
  return ((await response.json()) as { rules: FaultStatus[] }).rules;
}

const nameOf = (error: unknown): string => (error as Error).name;
const keys = async (fixture: GatewayFixture, count: number): Promise<string[]> => {
  const s3 = new S3Client(fixture.clientOptions);
  const outcomes: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const put = s3.send(new PutObjectCommand({ Bucket: 'vault', Key: `packs/${index}`, Body: 'x' }));
    outcomes.push(await put.then(() => 'stored', nameOf));
  }
  return outcomes;
};

test('throttles every service with the error class of its own', async () => {
  const fixture = await startFixture();
  const { clientOptions } = fixture;
  await addFaults(fixture, { action: { kind: 'throttle' } });

  const errors = await Promise.all([
    new DynamoDBClient(clientOptions)
      .send(new GetItemCommand({ TableName: 'catalog', Key: { id: { S: '1' } } }))
      .catch((error: unknown) => error),
    new LambdaClient(clientOptions)
      .send(new InvokeCommand({ FunctionName: 'worker' }))
      .catch((error: unknown) => error),
    new S3Client(clientOptions)
      .send(new GetObjectCommand({ Bucket: 'vault', Key: 'x' }))
      .catch((error: unknown) => error),
    fixture.ec2.send(new DescribeVolumesCommand({})).catch((error: unknown) => error),
    new SFNClient(clientOptions)
      .send(new StartExecutionCommand({ stateMachineArn: 'arn' }))
      .catch((error: unknown) => error),
  ]);

  expect(errors[0]).toBeInstanceOf(ProvisionedThroughputExceededException);
  expect(errors[1]).toBeInstanceOf(TooManyRequestsException);
  expect(errors.slice(2).map(nameOf)).toEqual(['SlowDown', 'RequestLimitExceeded', 'ThrottlingException']);
  expect(fixture.upstreamCalls).toEqual([]);
});

test('gives errors by the code of a rule, for a HEAD by its status alone', async () => {
  const fixture = await startFixture();
  const s3 = new S3Client(fixture.clientOptions);
  await addFaults(fixture, {
    match: { key: 'gone/*' },
    action: { kind: 'error', status: 404, code: 'NoSuchKey' },
  });

  const get = s3.send(new GetObjectCommand({ Bucket: 'vault', Key: 'gone/é' }));
  await expect(get).rejects.toBeInstanceOf(NoSuchKey);
  const head = s3.send(new HeadObjectCommand({ Bucket: 'vault', Key: 'gone/é' }));
  await expect(head).rejects.toMatchObject({ name: 'NotFound' });
});

test('lets calls pass before it fires, and stops after its count', async () => {
  const fixture = await startFixture();
  const match = { service: 's3', operation: 'Put*', bucket: 'vault', key: 'packs/?' };
  await addFaults(fixture, { id: 'third', match, action: { kind: 'throttle' }, skip: 2, count: 1 });

  const outcomes = await keys(fixture, 4);

  expect(outcomes).toEqual(['stored', 'stored', 'SlowDown', 'stored']);
  expect(await listFaults(fixture)).toMatchObject([{ id: 'third', matched: 4, fired: 1 }]);
});

test('fires by chance in the same order for the same seed', async () => {
  const fixture = await startFixture();
  const rule = { id: 'chance', action: { kind: 'throttle' }, probability: 0.5, seed: 7 } as const;
  await addFaults(fixture, rule);
  const first = await keys(fixture, 12);
  await addFaults(fixture, rule);

  const second = await keys(fixture, 12);

  expect(second).toEqual(first);
  expect(new Set(first)).toEqual(new Set(['stored', 'SlowDown']));
});

test('drops a connection before or after the emulator has seen the call', async () => {
  const fixture = await startFixture();
  await addFaults(
    fixture,
    { action: { kind: 'drop-before' }, count: 1 },
    { action: { kind: 'drop-after' }, count: 1 },
  );

  const first = await keys(fixture, 1);
  const seenAfterFirst = fixture.upstreamCalls.length;
  const second = await keys(fixture, 1);

  expect([first, seenAfterFirst]).toEqual([['TimeoutError'], 0]);
  expect([second, fixture.upstreamCalls.length]).toEqual([['TimeoutError'], 1]);
});

test('matches what a body holds', async () => {
  const fixture = await startFixture((_, response) => response.end('{}'));
  const client = new DynamoDBClient(fixture.clientOptions);
  await addFaults(fixture, {
    match: { service: 'dynamodb', bodyContains: '"catalog"' },
    action: { kind: 'throttle' },
  });
  const get = (TableName: string) => client.send(new GetItemCommand({ TableName, Key: { id: { S: '1' } } }));

  await get('other');
  await expect(get('catalog')).rejects.toThrow(ProvisionedThroughputExceededException);
});

test('removes one rule or all of them', async () => {
  const fixture = await startFixture();
  await addFaults(
    fixture,
    { id: 'a', action: { kind: 'throttle' } },
    { id: 'b', action: { kind: 'latency', ms: 1 } },
  );

  await fetch(`${fixture.url}/_gateway/faults/a`, { method: 'DELETE' });
  const left = await listFaults(fixture);
  await fetch(`${fixture.url}/_gateway/faults`, { method: 'DELETE' });

  expect(left.map((rule) => rule.id)).toEqual(['b']);
  expect(await listFaults(fixture)).toEqual([]);
});

test.each(['/delayed', ''])(
  'a call that a rule delays goes on when the rule is removed (faults%s)',
  async (path) => {
    const fixture = await startFixture((_, response) => response.end());
    await addFaults(fixture, { id: 'delayed', action: { kind: 'latency', ms: 2 ** 30 } });
    const stored = keys(fixture, 1);
    await vi.waitUntil(async () => (await listFaults(fixture))[0]?.fired === 1, patienceMs);
    expect(fixture.upstreamCalls).toEqual([]);

    await fetch(`${fixture.url}/_gateway/faults${path}`, { method: 'DELETE' });

    expect(await stored).toEqual(['stored']);
  },
);

test('names what is wrong with a rule', async () => {
  const fixture = await startFixture();

  const response = await addFaults(fixture, {
    match: { colour: 'red' },
    action: { kind: 'throttle' },
  } as FaultRuleInput);

  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining('colour')]);
});
