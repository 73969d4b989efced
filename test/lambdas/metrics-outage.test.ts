import { AuditLog, StoreUnavailableError, type RunId } from '@holdfast/engine';
import { MemoryTarget } from '@holdfast/engine/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { commitImageStep } from '../../lambdas/image/commit-image.ts';
import { ImageRecords } from '../../lambdas/image/image-record.ts';
import { snapshotVolumesStep } from '../../lambdas/image/snapshot-volumes.ts';
import { checkOverdueStep } from '../../lambdas/watch/check-overdue.ts';
import { closeExecutionsStep } from '../../lambdas/watch/close-executions.ts';
import { countDeadLettersStep } from '../../lambdas/watch/count-dead-letters.ts';
import { reportMaintenanceStep } from '../../lambdas/maintenance/report-maintenance.ts';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import { defineStep } from '../../lambdas/runtime/define-step.ts';
import { metric } from '../../lambdas/runtime/metrics.ts';
import { variablesOf } from '../../lambdas/runtime/needs.ts';
import { allSteps } from '../../lambdas/steps.ts';
import {
  BUCKET_ARN,
  DAILY,
  type Deployment,
  makeDeployment,
  PLENTY,
  untilDone,
} from './support/deployment.ts';
import { MemoryImages } from './support/memory-images.ts';
import { MemoryLaunches } from './support/memory-launches.ts';
import { discover, discoveryOf, makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';
import { EXECUTION, makeRestoring } from './support/restoring.ts';

const RUN = 'a'.repeat(32) as RunId;
const CYCLE = { plan: 'daily', type: 'full', scheduledAt: '2026-03-02T02:00:00Z', cycleId: 'daily-full-1' };
const ITEM = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId: RUN };

/** What a step left behind and answered; an error as its name. */
interface Outcome {
  readonly answer: unknown;
  readonly left: unknown;
}

/** A step, made ready with working metrics, and called with whatever metrics the deployment has then. */
type Prepare = (deployment: Deployment) => Promise<(context: StepContext) => Promise<Outcome>>;

const outcome = async (call: Promise<unknown>, look: () => Promise<unknown>): Promise<Outcome> => {
  const answer = await call.catch((error: Error) => error.name);
  return { answer, left: await look() };
};
const nothing = async (): Promise<undefined> => Promise.resolve(undefined);

/** Every step that publishes, in what it does when all is well, and when it reports a failure. */
const steps: Readonly<Record<string, Prepare>> = {
  'discover-resources': async (deployment) => {
    const { discover: step } = makePipeline(deployment);
    await nothing();
    return async (context) =>
      outcome(
        untilDone(async () => step(CYCLE, context)),
        async () => deployment.work.get('cycles/daily-full-1/files.json'),
      );
  },
  'fail-run': async (deployment) => {
    const pipeline = makePipeline(deployment);
    await pipeline.openRun({ ...ITEM, type: 'full', execution: 'arn:execution' }, PLENTY);
    const error = { Error: 'StoreUnavailableError', Cause: 'no answer' };
    return async (context) =>
      outcome(pipeline.failRun({ runId: RUN, error }, context), async () =>
        deployment.catalog.runs.find(RUN),
      );
  },
  'report-cycle': async (deployment) => {
    const pipeline = makePipeline(deployment);
    const [item] = await discover(deployment, pipeline);
    await protectFiles(deployment, pipeline, item!);
    return async (context) => outcome(pipeline.reportCycle(CYCLE, context), nothing);
  },
  'report-cycle of a failure': async (deployment) => {
    const pipeline = makePipeline(deployment);
    await discover(deployment, pipeline);
    return async (context) => outcome(pipeline.reportCycle(CYCLE, context), nothing);
  },
  'finish-restore': async (deployment) => {
    const restoring = makeRestoring(deployment);
    await protectFiles(deployment, makePipeline(deployment), ITEM);
    const [point] = await Array.fromAsync(deployment.catalog.points.list(BUCKET_ARN));
    const request = { point: point!.pointId, target: { bucket: 'restores', prefix: 'back/' } };
    const { restoreId } = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
    return async (context) =>
      outcome(restoring.finishRestore({ execution: EXECUTION, restoreId }, context), async () =>
        deployment.catalog.restores.find(restoreId),
      );
  },
  'finish-restore of a failure': async (deployment) => {
    const restoring = makeRestoring(deployment);
    await protectFiles(deployment, makePipeline(deployment), ITEM);
    const [point] = await Array.fromAsync(deployment.catalog.points.list(BUCKET_ARN));
    const request = { point: point!.pointId, target: { bucket: 'restores', prefix: 'back/' } };
    const { restoreId } = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
    const error = { Error: 'TargetUnavailableError', Cause: 'the bucket is gone' };
    return async (context) =>
      outcome(restoring.finishRestore({ execution: EXECUTION, restoreId, error }, context), async () =>
        deployment.catalog.restores.find(restoreId),
      );
  },
  'report-maintenance': async (deployment) => {
    const step = reportMaintenanceStep.over(deployment);
    const expired = { skipped: false, state: { expired: 2, failures: { count: 0, messages: [] } } };
    await nothing();
    return async (context) => outcome(step({ errors: {}, expired }, context), nothing);
  },
  'check-overdue': async (deployment) => {
    const step = checkOverdueStep.over({
      ...deployment,
      plans: [DAILY],
      tagged: discoveryOf([TAGGED_BUCKET]),
      machines: { maintenance: { lastSuccess: async () => Promise.resolve(deployment.clock.now()) } },
    });
    await nothing();
    return async (context) =>
      outcome(
        untilDone(async () => step({ checkId: 'check-1' }, context)),
        async () => deployment.catalog.resources.find(BUCKET_ARN),
      );
  },
  'commit-image': async (deployment) => {
    const images = new MemoryImages(deployment.clock);
    const deps = { ...deployment, images };
    const event = { kind: 'ec2-instance', plan: 'daily', type: 'full', runId: RUN };
    const resourceArn = 'arn:aws:ec2:us-east-1:000000000000:instance/i-1';
    await makePipeline(deployment).openRun({ ...event, resourceArn }, PLENTY);
    await snapshotVolumesStep.over(deps)({ runId: RUN }, PLENTY);
    images.change({ state: 'completed', progress: 100 });
    await new ImageRecords(deployment.work, RUN).putThrottledCalls(7);
    const commit = { runId: RUN, shardCount: 0, groupCount: 0, state: null };
    return async (context) =>
      outcome(commitImageStep.over(deps)(commit, context), async () => deployment.catalog.runs.find(RUN));
  },
  'close-executions': async (deployment) => {
    const machines = { cycle: 'c', protect: 'p', restore: 'r', hold: 'h', maintenance: 'm', check: 'o' };
    const ended = { arn: 'arn:execution', machineArn: 'p', name: 'one', status: 'ABORTED' } as const;
    const step = closeExecutionsStep.over({
      ...deployment,
      images: new MemoryImages(deployment.clock),
      launches: new MemoryLaunches(),
      openUploads: () => new MemoryTarget(),
      machines,
      executions: {
        findFailed: async () => Promise.resolve({ ...ended, input: { runId: RUN } }),
        listFailed: async function* () {
          yield* [];
          await nothing();
        },
      },
      audit: new AuditLog(deployment.services),
    });
    const pipeline = makePipeline(deployment);
    await pipeline.openRun({ ...ITEM, type: 'full', execution: ended.arn }, PLENTY);
    return async (context) =>
      outcome(step({ detail: { executionArn: ended.arn } }, context), async () =>
        deployment.catalog.runs.find(RUN),
      );
  },
  'count-dead-letters': async (deployment) => {
    const step = countDeadLettersStep.over({
      ...deployment,
      countDeadLetters: async () => Promise.resolve(3),
    });
    await nothing();
    return async (context) => outcome(step({}, context), nothing);
  },
};

/** What a step comes to when its numbers are taken. */
async function undisturbed(prepare: Prepare): Promise<Outcome> {
  const deployment = makeDeployment();
  const call = await prepare(deployment);
  const result = await call(PLENTY);
  expect(deployment.metrics.values).not.toEqual([]);
  return result;
}

/** Everything that any of the steps writes. */
async function leftOf({ catalog, work, lines }: Deployment): Promise<unknown> {
  return [
    await catalog.runs.find(RUN),
    await catalog.resources.find(BUCKET_ARN),
    await Array.fromAsync(catalog.restores.list()),
    await work.get('cycles/daily-full-1/files.json').catch(() => undefined),
    lines.length,
  ];
}

/** Five milliseconds for metrics, and a second for the answer. */
const LITTLE: StepContext = { getRemainingTimeInMillis: () => 1_005 };

describe.each(Object.entries(steps))('%s', (_, prepare) => {
  test('does and answers the same when metrics are refused', async () => {
    const expected = await undisturbed(prepare);
    const deployment = makeDeployment();
    const call = await prepare(deployment);
    deployment.metrics.put = async () => {
      await Promise.resolve();
      throw new StoreUnavailableError('publishing metrics did not succeed (503); try again later');
    };

    expect(await call(PLENTY)).toEqual(expected);
    expect(deployment.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'metrics were not published' }),
    );
  });

  test('does and answers the same when metrics are never answered', async () => {
    const expected = await undisturbed(prepare);
    const deployment = makeDeployment();
    const call = await prepare(deployment);
    deployment.metrics.put = async () => new Promise(() => {});

    expect(await call(LITTLE)).toEqual(expected);
  });

  test('publishes when all else is done', async () => {
    const expected = await undisturbed(prepare);
    const deployment = makeDeployment();
    const call = await prepare(deployment);
    const seen: unknown[] = [];
    deployment.metrics.put = async () => {
      seen.push(await leftOf(deployment));
    };

    expect(await call(PLENTY)).toEqual(expected);
    expect(seen).toEqual([await leftOf(deployment)]);
  });
});

test('every function that is told where to publish is among them', async () => {
  const publishing = Object.entries(allSteps)
    .filter(([, { needs }]) => variablesOf(needs).includes('METRICS_NAMESPACE'))
    .map(([name]) => name);

  expect(new Set(publishing)).toEqual(new Set(Object.keys(steps).map((name) => name.split(' ')[0])));
});

/** A step that does nothing but count. */
const makeCounting = (deployment: Deployment) =>
  defineStep(
    { counting: { needs: { metrics: true } } } as const,
    'counting',
    z.unknown(),
    async (_, __, { count }) => {
      count([metric('DeadLetters', 7)]);
      return Promise.resolve('done');
    },
  ).over(deployment);

describe('a step that counts', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('waits five seconds for its numbers to be taken, and tells the client to stop', async () => {
    vi.useFakeTimers();
    const deployment = makeDeployment();
    let stopped = false;
    deployment.metrics.put = async (_values, options) => {
      options?.signal?.addEventListener('abort', () => (stopped = true));
      return new Promise(() => {});
    };
    let answer: string | undefined;

    const called = makeCounting(deployment)({}, PLENTY).then((text) => (answer = text));
    await vi.advanceTimersByTimeAsync(4_999);
    expect(answer).toBeUndefined();
    await vi.advanceTimersByTimeAsync(1);
    await called;

    expect([answer, stopped]).toEqual(['done', true]);
  });

  test('leaves in its log what was not taken', async () => {
    const deployment = makeDeployment();
    deployment.metrics.put = async () => Promise.reject(new Error('503'));

    await makeCounting(deployment)({}, PLENTY);

    expect(deployment.lines).toEqual([expect.objectContaining({ reason: '503', metrics: 'DeadLetters 7' })]);
  });

  test('leaves no timer behind', async () => {
    vi.useFakeTimers();

    await makeCounting(makeDeployment())({}, PLENTY);

    expect(vi.getTimerCount()).toBe(0);
  });
});
