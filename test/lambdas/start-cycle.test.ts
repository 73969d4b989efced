import { createHash } from 'node:crypto';
import { assert, property, string } from 'fast-check';
import { expect, test } from 'vitest';
import { cycleIdOf } from '../../lambdas/cycle/cycle-id.ts';
import { startCycleStep } from '../../lambdas/cycle/start-cycle.ts';
import { DAILY, makeDeployment, PLENTY } from './support/deployment.ts';

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

/** Step Functions' memory: a name is started once. */
function makeCycles() {
  const started = new Map<string, unknown>();
  return {
    started,
    start: async (name: string, input: unknown) => {
      await Promise.resolve();
      if (started.has(name)) return 'exists' as const;
      started.set(name, input);
      return 'started' as const;
    },
  };
}

function makeStartCycle() {
  const cycles = makeCycles();
  const services = { ...makeDeployment(), plans: [DAILY], machines: { cycle: cycles } };
  return { cycles, startCycle: startCycleStep.over(services) };
}

test('starts the cycle of a due time under a name that tells plan, type and time', async () => {
  const { cycles, startCycle } = makeStartCycle();

  await startCycle({ plan: 'daily', type: 'incremental', scheduledAt: '2026-03-03T02:00:00Z' }, PLENTY);

  expect([...cycles.started]).toEqual([
    [
      'daily-incremental-20260303T020000Z',
      {
        plan: 'daily',
        type: 'incremental',
        scheduledAt: '2026-03-03T02:00:00.000Z',
        cycleId: 'daily-incremental-20260303T020000Z',
      },
    ],
  ]);
});

test('a schedule that is delivered twice runs once', async () => {
  const { cycles, startCycle } = makeStartCycle();
  const event = { plan: 'daily', type: 'incremental', scheduledAt: '2026-03-03T02:00:00Z' };

  const first = await startCycle(event, PLENTY);
  const second = await startCycle({ ...event, scheduledAt: '2026-03-03T03:00:00+01:00' }, PLENTY);

  expect([first.outcome, second.outcome]).toEqual(['started', 'exists']);
  expect(cycles.started.size).toBe(1);
});

test('leaves a minute to the wider type that is due in it', async () => {
  const { cycles, startCycle } = makeStartCycle();
  const sunday = '2026-03-01T02:00:00Z';

  const narrow = await startCycle({ plan: 'daily', type: 'incremental', scheduledAt: sunday }, PLENTY);
  const wide = await startCycle({ plan: 'daily', type: 'full', scheduledAt: sunday }, PLENTY);

  expect([narrow.outcome, wide.outcome]).toEqual(['left-to-wider', 'started']);
  expect([...cycles.started.keys()]).toEqual(['daily-full-20260301T020000Z']);
});

test('a plan that is not deployed is refused with the names of those that are', async () => {
  const { startCycle } = makeStartCycle();

  const started = startCycle({ plan: 'hourly', type: 'full', scheduledAt: '2026-03-03T02:00:00Z' }, PLENTY);

  await expect(started).rejects.toMatchObject({
    name: 'UnknownNameError',
    message: expect.stringMatching(/"hourly".*daily/),
  });
});

test('a time that the scheduler did not fill in is refused', async () => {
  const { startCycle } = makeStartCycle();
  const scheduledAt = '<aws.scheduler.scheduled-time>';

  await expect(startCycle({ plan: 'daily', type: 'full', scheduledAt }, PLENTY)).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringContaining(scheduledAt),
  });
});

test('a cycle id of any plan is a valid execution name, and different plans have different ids', () => {
  const at = new Date('2026-03-03T02:00:00Z');
  assert(
    property(string({ minLength: 1, maxLength: 200 }), (plan) => {
      const id = cycleIdOf(plan, 'synthetic-full', at);
      expect(id).toMatch(/^[A-Za-z0-9_-]{1,80}$/);
      expect(cycleIdOf(`${plan}${digest(plan)}`, 'synthetic-full', at)).not.toBe(id);
    }),
  );
});
