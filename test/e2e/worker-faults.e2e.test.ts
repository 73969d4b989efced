import { setTimeout as delay } from 'node:timers/promises';
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { ListExecutionsCommand } from '@aws-sdk/client-sfn';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SourceBucket } from '../../localstack/demo/source-objects.ts';
import type { FaultRuleInput } from '../../localstack/gateway/faults/fault-rules.ts';
import { describeUnless, findGap, testUnless, titleWith } from '../support/gaps.ts';
import { arnOfBucket, listPoints, newestRun, runCycle } from './support/cycles.ts';
import { openApp } from './support/deployed.ts';
import { eventually } from './support/eventually.ts';
import { waitForEnd } from './support/executions.ts';
import { invoke, limitConcurrency } from './support/functions.ts';
import { GatewayClient } from './support/gateway.ts';
import { testBuckets, testPlans } from './support/names.ts';
import { makeTargets, restore, restoreAndCompare } from './support/restores.ts';
import { fill, makeSource, untag } from './support/source-buckets.ts';

const app = openApp();
const gateway = new GatewayClient(app);
const noGateway = await findGap('gateway');
const noWorkers = await findGap('workersToKill');
const noThrottledSteps = await findGap('throttledSteps');
const { workers, twice } = testBuckets.sources;
const arn = arnOfBucket(workers);
let bucket: SourceBucket;
let rounds = 0;

beforeAll(async () => {
  await makeTargets(app);
  bucket = await makeSource(app, workers, { plan: testPlans.workers, objects: 45 });
});

afterEach(async () => {
  if (noGateway === undefined) await gateway.calm();
});

afterAll(async () => untag(app, workers, twice));

/** A write into a folder of the vault. */
const vaultWrite = (folder: string) => ({
  service: 's3',
  operation: 'PutObject',
  bucket: app.vaultBucket,
  key: `${folder}/*`,
});
const folders = ['packs', 'pages', 'points'] as const;

/** Changes the source, disturbs one cycle over it, and looks whether the run and its point are as if nothing had been. */
async function surviveCycle(rules: readonly FaultRuleInput[]): Promise<void> {
  rounds += 1;
  await fill(bucket, `round-${rounds}`, 25);
  const before = await listPoints(app, arn);
  await gateway.disturb(...rules);

  const { status, reason } = await runCycle(
    app,
    testPlans.workers,
    before.length === 0 ? 'full' : 'incremental',
  );

  expect({ status, reason }).toEqual({ status: 'SUCCEEDED', reason: '' });
  const fired = await gateway.countFired();
  await gateway.calm();
  const points = await listPoints(app, arn);
  expect(points).toHaveLength(before.length + 1);
  expect((await newestRun(app, arn)).state).toBe('completed');
  expect(points.at(-1)?.warnings).toBe(0);
  expect(await restoreAndCompare(app, points.at(-1)?.pointId ?? '', bucket.state())).toEqual([]);
  // Otherwise nothing was tried.
  for (const { id, count } of rules) expect([id, fired[id as string]]).toEqual([id, count]);
}

describeUnless(noGateway)('a cycle goes on, with one point that restores completely', () => {
  test.skipIf(noWorkers !== undefined).for([
    { when: 'before', nth: { packs: 1, pages: 1, points: 1 } },
    { when: 'after', nth: { packs: 2, pages: 2, points: 1 } },
    { when: 'after', nth: { packs: 1, pages: 3, points: 1 } },
  ] as const)(
    titleWith(noWorkers, 'when workers die $when a write of packs, of pages and of the point: $nth'),
    async ({ when, nth }) => {
      await surviveCycle(
        folders.map((folder) => ({
          id: `die at ${folder}`,
          match: vaultWrite(folder),
          action: { kind: 'kill-lambda', when },
          skip: nth[folder] - 1,
          count: 1,
        })),
      );
    },
  );

  test('when the answers to its writes are lost', async () => {
    await surviveCycle(
      folders.map((folder) => ({
        id: `lose ${folder}`,
        match: vaultWrite(folder),
        action: { kind: 'drop-after' },
        count: 1,
      })),
    );
  });

  test('when S3 and DynamoDB throttle', async () => {
    await surviveCycle([
      {
        id: 'source',
        match: { service: 's3', operation: 'GetObject', bucket: workers },
        action: { kind: 'throttle' },
        count: 3,
      },
      { id: 'packs', match: vaultWrite('packs'), action: { kind: 'throttle' }, count: 2 },
      { id: 'catalog', match: { service: 'dynamodb' }, action: { kind: 'throttle' }, count: 4 },
    ]);
  });

  test('when CloudWatch takes no metrics', async () => {
    const refused: FaultRuleInput = {
      match: { service: 'monitoring', operation: 'PutMetricData' },
      action: { kind: 'error', status: 503, code: 'ServiceUnavailable' },
    };
    rounds += 1;
    await fill(bucket, `round-${rounds}`, 5);
    await gateway.disturb({ ...refused, id: 'metrics' });

    const { status, reason } = await runCycle(app, testPlans.workers, 'full');
    const [newest] = (await listPoints(app, arn)).toReversed();
    const missing = await restoreAndCompare(app, newest?.pointId ?? '', bucket.state());

    expect({ status, reason, missing }).toEqual({ status: 'SUCCEEDED', reason: '', missing: [] });
    // Discovery, the report and the restore, each more than once.
    expect((await gateway.countFired())['metrics']).toBeGreaterThan(3);
  });

  testUnless(noThrottledSteps)('when a function finds no capacity for a while', async () => {
    await limitConcurrency(app, 'protect-shard', 0);
    const cycle = surviveCycle([]);
    try {
      const { runId } = await eventually('an open run', async () => {
        const run = await newestRun(app, arn).catch(() => undefined);
        return run?.state === 'open' ? run : undefined;
      });
      const shards = { Bucket: app.workBucket, Key: `runs/${runId}/shards.json` };
      await eventually('the list of shards', async () =>
        app.s3.send(new HeadObjectCommand(shards)).catch(() => undefined),
      );
      // One beat of the retries: nothing can come of it.
      await delay(1_500);
      expect((await newestRun(app, arn)).state).toBe('open');
    } finally {
      await limitConcurrency(app, 'protect-shard', undefined);
    }
    await cycle;
  });
});

describeUnless(noGateway)('a run that fails in a worker', () => {
  test('ends its execution with the reason, and not only with that of the map', async () => {
    await fill(bucket, 'not-stored', 3);
    await gateway.disturb({
      match: vaultWrite('packs'),
      action: { kind: 'error', status: 403, code: 'AccessDenied' },
    });

    const cycle = await runCycle(app, testPlans.workers, 'full');

    const run = await newestRun(app, arn);
    const execution = `${app.machines.protect.replace(':stateMachine:', ':execution:')}:${run.runId}`;
    const { status, error, reason } = await waitForEnd(app.sfn, execution);
    expect(cycle.status).toBe('FAILED');
    expect(run).toMatchObject({ state: 'failed', error: { name: error, message: reason } });
    expect(status).toBe('FAILED');
    expect(error).not.toMatch(/^States\./);
    expect(reason).toContain('AccessDenied');
    for (const path of [...bucket.state().keys()].filter((one) => one.startsWith('not-stored/')))
      await bucket.remove(path);
  });
});

describeUnless(noWorkers)('a restore goes on', () => {
  test('when its worker dies in the middle, and no object is missing or written wrongly', async () => {
    const point = (await listPoints(app, arn)).at(-1);
    await gateway.disturb({
      id: 'die at an object',
      match: { service: 's3', operation: 'PutObject', bucket: testBuckets.restored },
      action: { kind: 'kill-lambda', when: 'after' },
      skip: 12,
      count: 1,
    });

    expect(await restoreAndCompare(app, point?.pointId ?? '', bucket.state())).toEqual([]);
    expect(await gateway.countFired()).toEqual({ 'die at an object': 1 });
  });
});

describeUnless(noGateway)('a restore that fails in a worker', () => {
  test('says why, and not only that a worker failed', async () => {
    const point = (await listPoints(app, arn)).at(-1);
    await gateway.disturb({
      match: { service: 's3', operation: 'PutObject', bucket: testBuckets.restored },
      action: { kind: 'error', status: 404, code: 'NoSuchBucket' },
    });

    const { status, error, reason } = await restore(app, {
      point: point?.pointId,
      target: { bucket: testBuckets.restored, prefix: 'refused/' },
    });

    expect({ status, error }).toEqual({ status: 'FAILED', error: 'TargetUnavailableError' });
    expect(reason).toMatch(/bucket holdfast-e2e-restored does not exist; make it/);
  });
});

describe('a schedule that is delivered more than once', () => {
  const sunday = '2030-03-03T03:00:00Z';
  const monday = '2030-03-04T03:00:00Z';

  beforeAll(async () => {
    await makeSource(app, twice, { plan: testPlans.twice, objects: 5 });
  });

  test('starts one cycle, which makes one point of each resource', async () => {
    const delivery = { plan: testPlans.twice, type: 'incremental', scheduledAt: monday };

    const atOnce = await Promise.all([1, 2, 3].map(() => invoke(app, 'start-cycle', delivery)));
    const { cycleId } = atOnce[0] as { cycleId: string };
    const arns = await executionsOf(cycleId);
    await waitForEnd(app.sfn, arns[0] as string);
    const later = await invoke(app, 'start-cycle', delivery);

    expect(new Set(atOnce.map((answer) => (answer as { cycleId: string }).cycleId))).toEqual(
      new Set([cycleId]),
    );
    expect(later).toEqual({ cycleId, outcome: 'exists' });
    expect(await executionsOf(cycleId)).toHaveLength(1);
    expect(await listPoints(app, arnOfBucket(twice))).toHaveLength(1);
  });

  test('leaves a minute at which a full is due as well to the full', async () => {
    const answer = await invoke(app, 'start-cycle', {
      plan: testPlans.twice,
      type: 'incremental',
      scheduledAt: sunday,
    });

    expect(answer).toMatchObject({ outcome: 'left-to-wider' });
    expect(await executionsOf((answer as { cycleId: string }).cycleId)).toEqual([]);
  });
});

async function executionsOf(name: string): Promise<string[]> {
  const { executions } = await app.sfn.send(
    new ListExecutionsCommand({ stateMachineArn: app.machines.cycle, maxResults: 1000 }),
  );
  return (executions ?? []).flatMap((one) => (one.name === name ? [one.executionArn as string] : []));
}
