import { verifyAudit, type AuditEntry } from '@holdfast/engine';
import { FaultPlan, withFaults } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { holdPointsStep, type HoldOutput } from '../../lambdas/hold/hold-points.ts';
import { BUCKET_ARN, type Deployment, makeDeployment, PLENTY } from './support/deployment.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';

const EXECUTION = 'arn:aws:states:us-east-1:000000000000:execution:hold:one';

async function withPoints(count: number) {
  const deployment = makeDeployment();
  const pipeline = makePipeline(deployment);
  const points = [];
  for (let at = 0; at < count; at++) {
    deployment.source.plant('file', `content ${at}`);
    const item = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId: String(at).repeat(32) };
    points.push((await protectFiles(deployment, pipeline, item))?.pointId ?? '');
    deployment.clock.advance(60_000);
  }
  return { deployment, points, hold: holdPointsStep.over(deployment) };
}

async function heldPoints({ catalog }: Deployment): Promise<number> {
  return (await Array.fromAsync(catalog.points.listHeld())).length;
}

function setOn(scope: unknown) {
  return { request: { action: 'set', scope, by: 'ann', reason: 'case 7' }, execution: EXECUTION };
}

test('an execution sets one hold, however often its step runs, and another one releases it', async () => {
  const { deployment, points, hold } = await withPoints(2);
  const input = setOn({ kind: 'resource', resourceArn: BUCKET_ARN });

  const set = await hold(input, PLENTY);
  expect(await hold(input, PLENTY)).toEqual(set);
  expect(set).toMatchObject({ done: true, action: 'set', points: 2, gone: 0, failures: { count: 0 } });
  expect(await heldPoints(deployment)).toBe(points.length);

  const id = (set as Extract<HoldOutput, { done: true }>).hold;
  const release = { action: 'release', hold: id, by: 'bob', reason: 'over' };
  const released = await hold({ request: release, execution: `${EXECUTION}-2` }, PLENTY);

  expect(released).toMatchObject({ done: true, action: 'release', hold: id, points: 2 });
  expect(await heldPoints(deployment)).toBe(0);
  const entries: AuditEntry[] = [];
  await verifyAudit(deployment.store, { onEntry: (entry) => entries.push(entry) });
  expect(entries.filter(({ event }) => event.kind.startsWith('hold')).map(({ by }) => by)).toEqual([
    'ann',
    'bob',
  ]);
});

test('a call without time hands on, and the next one goes on', async () => {
  const { deployment, hold } = await withPoints(3);
  const input = setOn({ kind: 'resource', resourceArn: BUCKET_ARN });

  const first = await hold(input, { getRemainingTimeInMillis: () => 100_000 });
  expect(first).toMatchObject({ done: false, state: { points: 1, gone: 0 } });
  const second = await hold({ ...input, ...first }, PLENTY);

  expect(second).toMatchObject({ done: true, points: 3 });
  expect(await heldPoints(deployment)).toBe(3);
});

test('a point that an earlier call could not hold is among the failures of the last one', async () => {
  const { deployment, points } = await withPoints(3);
  const faults = new FaultPlan([{ kind: 'throttle', call: 1, method: 'points.addHold' }]);
  const hold = holdPointsStep.over({ ...deployment, catalog: withFaults(deployment.catalog, faults) });
  const input = setOn({ kind: 'resource', resourceArn: BUCKET_ARN });

  const first = await hold(input, { getRemainingTimeInMillis: () => 100_000 });
  const state: unknown = JSON.parse(JSON.stringify(first));
  const last = await hold({ ...input, ...(state as object) }, PLENTY);

  expect(first.done).toBe(false);
  expect(last).toMatchObject({ done: true, points: 2, failures: { count: 1 } });
  expect((last as Extract<HoldOutput, { done: true }>).failures.messages[0]).toContain(points[2]);
  expect(await heldPoints(deployment)).toBe(2);
});

test.each([
  [
    { kind: 'point', pointId: '20200101T000000Z-0123456789abcdef' },
    'UnknownNameError',
    'is not in the catalog',
  ],
  [{ kind: 'planet' }, 'InvalidInputError', 'scope'],
  [{ kind: 'resource', resourceArn: 'photos' }, 'InvalidInputError', 'expected an ARN'],
])('refuses to hold %j', async (scope, name, message) => {
  const { hold } = await withPoints(1);

  await expect(hold(setOn(scope), PLENTY)).rejects.toMatchObject({
    name,
    message: expect.stringContaining(message),
  });
});
