import type { FailedExecution } from '@holdfast/aws';
import { AuditLog, type RunId } from '@holdfast/engine';
import {
  FaultPlan,
  MemoryTarget,
  ProcessKilledError,
  putImagePoint,
  withFaults,
} from '@holdfast/engine/testing';
import { describe, expect, test } from 'vitest';
import { closeExecutionsStep } from '../../lambdas/watch/close-executions.ts';
import { cancelledError, restoreIdOf } from '@holdfast/engine/model';
import {
  BUCKET_ARN,
  type Deployment,
  makeDeployment,
  NO_TIME,
  PLENTY,
  readJson,
} from './support/deployment.ts';
import { takeCopyTurn } from '../../lambdas/image/copy-turn.ts';
import { MemoryImages } from './support/memory-images.ts';
import { MemoryLaunches } from './support/memory-launches.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';
import { makeRestoring } from './support/restoring.ts';

const hour = 3_600_000;
const RUN = 'a'.repeat(32) as RunId;
const ITEM = { ...TAGGED_BUCKET, resourceArn: BUCKET_ARN, runId: RUN };
const prefix = 'arn:aws:states:us-east-1:000000000000';
const machines = {
  cycle: `${prefix}:stateMachine:cycle`,
  protect: `${prefix}:stateMachine:protect`,
  restore: `${prefix}:stateMachine:restore`,
  hold: `${prefix}:stateMachine:hold`,
  maintenance: `${prefix}:stateMachine:maintenance`,
  check: `${prefix}:stateMachine:check`,
};
type Machine = keyof typeof machines;
const arnOf = (machine: Machine, name = 'one'): string => `${prefix}:execution:${machine}:${name}`;

/** Step Functions, as far as executions ended without success. */
function makeExecutions(deployment: Deployment) {
  const ended = new Map<string, FailedExecution & { readonly endedAt: Date }>();
  return {
    /** An execution ends, now. */
    end: (machine: Machine, fields: Partial<FailedExecution> = {}): string => {
      const arn = fields.arn ?? arnOf(machine);
      const name = arn.split(':').at(-1) ?? '';
      const base = { arn, name, machineArn: machines[machine], status: 'TIMED_OUT', input: {} } as const;
      ended.set(arn, { ...base, ...fields, endedAt: deployment.clock.now() });
      return arn;
    },
    findFailed: async (arn: string) => Promise.resolve(ended.get(arn)),
    listFailed: async function* (machineArn: string, endedAfter: Date) {
      await Promise.resolve();
      for (const one of ended.values())
        if (one.machineArn === machineArn && one.endedAt > endedAfter) yield one;
    },
  };
}

function makeWatch(
  deployment = makeDeployment(),
  openUploads = () => new MemoryTarget(),
  faults = new FaultPlan(),
  executions = makeExecutions(deployment),
  images = new MemoryImages(deployment.clock),
  launches = new MemoryLaunches(),
) {
  const audit = new AuditLog(deployment.services);
  const logged: unknown[] = [];
  const handler = closeExecutionsStep.over({
    ...deployment,
    catalog: withFaults(deployment.catalog, faults),
    work: withFaults(deployment.work, faults),
    machines,
    executions,
    openUploads,
    images,
    launches,
    audit: {
      append: async (entry) => {
        logged.push(entry.event);
        return audit.append(entry);
      },
    },
  });
  return {
    deployment,
    executions,
    /** What was put on the audit log. */
    logged,
    /** What EventBridge sends of an execution that ended. */
    hear: async (executionArn: string) =>
      handler({ 'detail-type': 'Step Functions Execution Status Change', detail: { executionArn } }, PLENTY),
    sweep: async (context = PLENTY) => handler({}, context),
  };
}

async function openRun(deployment: Deployment) {
  await makePipeline(deployment).openRun({ ...ITEM, type: 'full', execution: arnOf('protect') }, PLENTY);
}

async function startRestore(deployment: Deployment): Promise<void> {
  await protectFiles(deployment, makePipeline(deployment), ITEM);
  const [point] = await Array.fromAsync(deployment.catalog.points.list(BUCKET_ARN));
  const request = { point: point!.pointId, target: { bucket: 'restores', prefix: 'back/' } };
  await makeRestoring(deployment).planRestore({ request, execution: arnOf('restore') }, PLENTY);
}

const run = { input: { runId: RUN } };

describe('a run whose execution ended without closing it', () => {
  test.each([
    ['ran out of time', { status: 'TIMED_OUT' }, /ran out of time/],
    ['was stopped', { status: 'ABORTED', cause: 'by hand' }, /was stopped \(by hand\)/],
    [
      'had too many events',
      { status: 'FAILED', error: 'States.Runtime', cause: '25000 events' },
      /ended without closing what it had opened \(States\.Runtime: 25000 events\)/,
    ],
    [
      'failed in its failure path',
      { status: 'FAILED', error: 'UnreportedError', cause: 'Lambda.Unknown: ' },
      /ended without closing what it had opened/,
    ],
  ] as const)('is closed as failed, and counted, when it %s', async (_, fields, message) => {
    const { deployment, executions, hear } = makeWatch();
    await openRun(deployment);

    const output = await hear(executions.end('protect', { ...run, ...fields }));

    expect(output).toEqual({ seen: 1, closed: 1, unreported: 1 });
    expect(await deployment.catalog.runs.find(RUN)).toMatchObject({
      state: 'failed',
      error: { name: 'ExecutionEndedError', message: expect.stringMatching(message) },
    });
    expect(deployment.metrics.of('CycleFailures')).toEqual([1]);
    expect(deployment.metrics.of('CycleFailures', 'daily')).toEqual([1]);
  });

  test('is in the way of no other run any more', async () => {
    const { deployment, executions, hear } = makeWatch();
    await openRun(deployment);
    await hear(executions.end('protect', run));

    const next = { ...ITEM, runId: 'b'.repeat(32), type: 'full' };

    expect(await makePipeline(deployment).openRun(next, PLENTY)).toMatchObject({ mode: 'files' });
  });

  test('is closed once, however often it is heard of, and when a sweep finds it as well', async () => {
    const { deployment, executions, hear, sweep } = makeWatch();
    await openRun(deployment);
    const arn = executions.end('protect', run);

    await hear(arn);
    await hear(arn);
    expect(await sweep()).toEqual({ seen: 0, closed: 0, unreported: 0 });

    expect(deployment.metrics.of('CycleFailures')).toEqual([1]);
  });

  test('is found by the sweep when its event was lost, for three days', async () => {
    const { deployment, executions, sweep } = makeWatch();
    await openRun(deployment);
    executions.end('protect', run);
    deployment.clock.advance(71 * hour);

    expect(await sweep()).toEqual({ seen: 1, closed: 1, unreported: 1 });
  });

  test('is left to the execution that goes on with it', async () => {
    const { deployment, executions, hear } = makeWatch();
    await openRun(deployment);

    await hear(executions.end('protect', { ...run, arn: arnOf('protect', 'another') }));

    expect(await deployment.catalog.runs.find(RUN)).toMatchObject({ state: 'open' });
  });

  test('is cancelled, not failed, when somebody asked for that', async () => {
    const { deployment, executions, hear } = makeWatch();
    await openRun(deployment);
    await deployment.catalog.runs.cancel(RUN);

    await hear(executions.end('protect', { ...run, status: 'ABORTED' }));

    expect(await deployment.catalog.runs.find(RUN)).toMatchObject({ state: 'cancelled' });
    expect(deployment.metrics.of('CycleFailures')).toEqual([]);
  });
});

async function openRuns(
  deployment: Deployment,
  executions: ReturnType<typeof makeExecutions>,
  runs: readonly string[],
) {
  const pipeline = makePipeline(deployment);
  for (const name of runs) {
    const runId = name.repeat(32) as RunId;
    const execution = arnOf('protect', name);
    const resourceArn = `${BUCKET_ARN}-${name}`;
    await pipeline.openRun({ ...ITEM, resourceArn, runId, type: 'full', execution }, PLENTY);
    executions.end('protect', { arn: execution, input: { runId } });
  }
}

async function stateOf({ catalog }: Deployment, name: string) {
  return (await catalog.runs.find(name.repeat(32) as RunId))?.state;
}

test('sweeps that have no time, and die at any of their calls, close every run in the end', async () => {
  const names = ['a', 'b', 'c'];
  let survived = false;
  for (let call = 1; !survived; call += 1) {
    const faults = new FaultPlan([{ kind: call % 2 === 0 ? 'kill' : 'kill-after', call }]);
    const deployment = makeDeployment();
    const faulty = makeWatch(deployment, undefined, faults);
    await openRuns(deployment, faulty.executions, names);
    let died = false;
    await faulty.sweep(NO_TIME).catch((error: unknown) => {
      if (!(error instanceof ProcessKilledError)) throw error;
      died = true;
    });
    survived = !died;
    const watch = makeWatch(deployment, undefined, undefined, faulty.executions);

    for (let calls = 1; calls <= names.length; calls += 1) await watch.sweep(NO_TIME);

    for (const name of names) expect([call, await stateOf(deployment, name)]).toEqual([call, 'failed']);
    expect(await watch.sweep(NO_TIME)).toEqual({ seen: 0, closed: 0, unreported: 0 });
    if (!died) continue;
    // Numbers inform: a call that dies may have closed a run that nobody counted.
    expect(deployment.metrics.of('CycleFailures').length).toBeGreaterThanOrEqual(names.length - 1);
  }
});

test('an execution that cannot be dealt with keeps none of the others open, and fails the call', async () => {
  const deployment = makeDeployment();
  const faults = new FaultPlan([{ kind: 'throttle', call: 1, method: 'runs.find' }]);
  const { executions, sweep } = makeWatch(deployment, undefined, faults);
  await openRuns(deployment, executions, ['a', 'b']);

  await expect(sweep()).rejects.toThrow('throttle');

  const states = await Promise.all(['a', 'b'].map(async (name) => stateOf(deployment, name)));
  expect(new Set(states)).toEqual(new Set(['failed', 'open']));
  expect(await sweep()).toEqual({ seen: 1, closed: 1, unreported: 1 });
});

test.each(['stopped', 'cancelled'])(
  'the turn of a run that was %s while its blocks were copied is free for the next at once',
  async (how) => {
    const { deployment, executions, hear } = makeWatch();
    await openRun(deployment);
    await takeCopyTurn(deployment, RUN, 1);
    if (how === 'cancelled') {
      await deployment.catalog.runs.cancel(RUN);
      const { endedAt } = { endedAt: deployment.clock.now() };
      await deployment.catalog.runs.close(RUN, { state: 'cancelled', endedAt });
    }
    const next = 'b'.repeat(32) as RunId;
    expect(await takeCopyTurn(deployment, next, 1)).toBe('wait');

    await hear(executions.end('protect', { ...run, status: 'ABORTED' }));

    expect(await takeCopyTurn(deployment, next, 1)).toBe('taken');
  },
);

test('a run that its execution closed itself stays as it is, and is not counted again', async () => {
  const { deployment, executions, hear } = makeWatch();
  await openRun(deployment);
  const error = { Error: 'SourceUnavailableError', Cause: 'the bucket is gone' };
  await makePipeline(deployment).failRun({ runId: RUN, error }, PLENTY);

  const ended = { ...run, status: 'FAILED', error: 'SourceUnavailableError' } as const;

  expect(await hear(executions.end('protect', ended))).toMatchObject({ closed: 0, unreported: 0 });
  expect(await deployment.catalog.runs.find(RUN)).toMatchObject({
    error: { name: 'SourceUnavailableError' },
  });
  expect(deployment.metrics.of('CycleFailures')).toEqual([1]);
});

test('frees what a restore that was stopped has left of a large object in its target', async () => {
  const deployment = makeDeployment();
  deployment.source.plant('large', deployment.services.random.bytes(5_500_000));
  const point = await protectFiles(deployment, makePipeline(deployment), ITEM);
  const restoring = makeRestoring(deployment);
  const request = { point: point!.pointId, target: { bucket: 'restores', prefix: 'back/' } };
  const { restoreId, shards } = await restoring.planRestore({ request, execution: arnOf('restore') }, PLENTY);
  const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];
  await restoring.restoreShard({ restoreId, shard }, NO_TIME);
  expect(restoring.uploads.open).toHaveLength(1);
  const { hear, executions } = makeWatch(deployment, () => restoring.target);

  await hear(executions.end('restore', { status: 'ABORTED' }));

  expect(restoring.uploads.open).toEqual([]);
  expect(await deployment.catalog.restores.find(restoreId)).toMatchObject({ state: 'failed' });
});

test('removes the snapshots that a restore that was stopped was writing', async () => {
  const deployment = makeDeployment();
  const content = deployment.services.random.bytes(3 * 4096);
  const { point } = await putImagePoint(
    { ...deployment.services, lockMode: 'governance' },
    { volumes: [{ volume: 'vol-1', content, blockBytes: 4096 }] },
  );
  const { images, ...restoring } = makeRestoring(deployment);
  const request = { point, target: { volumes: { availabilityZone: 'us-east-1a' } } };
  const { restoreId } = await restoring.planRestore({ request, execution: arnOf('restore') }, PLENTY);
  await restoring.startSnapshots({ restoreId }, PLENTY);
  expect(images.written.snapshots.size).toBe(1);
  const { hear, executions } = makeWatch(deployment, undefined, undefined, undefined, images);

  await hear(executions.end('restore', { status: 'ABORTED' }));

  expect(images.written.snapshots.size).toBe(0);
});

describe('a restore whose execution ended without closing it', () => {
  test('is closed as failed, on the audit log as well, and counted', async () => {
    const { deployment, executions, hear, logged } = makeWatch();
    await startRestore(deployment);

    const output = await hear(executions.end('restore', { status: 'ABORTED' }));

    expect(output).toEqual({ seen: 1, closed: 1, unreported: 1 });
    expect(await deployment.catalog.restores.find(restoreIdOf(arnOf('restore')))).toMatchObject({
      state: 'failed',
      error: { name: 'ExecutionEndedError' },
    });
    expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
    expect(logged).toEqual([
      { kind: 'restore-ended', restore: restoreIdOf(arnOf('restore')), state: 'failed' },
    ]);
  });

  test('is closed as cancelled when a command has stopped it, and is no failure', async () => {
    const { deployment, executions, hear, logged } = makeWatch();
    await startRestore(deployment);

    const output = await hear(
      executions.end('restore', {
        status: 'ABORTED',
        error: cancelledError,
        cause: 'restore one was cancelled',
      }),
    );

    expect(output).toMatchObject({ seen: 1, closed: 1 });
    expect(await deployment.catalog.restores.find(restoreIdOf(arnOf('restore')))).toMatchObject({
      state: 'cancelled',
      error: { message: expect.stringContaining('restore one was cancelled') },
    });
    expect(deployment.metrics.of('RestoreFailures')).toEqual([]);
    expect(logged).toMatchObject([{ kind: 'restore-ended', state: 'cancelled' }]);
  });

  test('is closed as failed when its own state ended with the name of a cancelled one', async () => {
    const { deployment, executions, hear } = makeWatch();
    await startRestore(deployment);

    await hear(executions.end('restore', { status: 'FAILED', error: cancelledError }));

    expect(await deployment.catalog.restores.find(restoreIdOf(arnOf('restore')))).toMatchObject({
      state: 'failed',
    });
    expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
  });

  test('is counted once when it was not even planned', async () => {
    const { deployment, executions, hear, sweep } = makeWatch();

    await hear(executions.end('restore', { status: 'TIMED_OUT' }));
    await sweep();

    expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
  });

  test('is left alone when its own failure path has told', async () => {
    const { deployment, executions, hear } = makeWatch();

    await hear(executions.end('restore', { status: 'FAILED', error: 'InvalidInputError' }));

    expect(deployment.metrics.of('RestoreFailures')).toEqual([]);
  });
});

describe('an execution that has nothing to close', () => {
  test.each([
    ['cycle', { input: { plan: 'daily' } }, 'CycleFailures'],
    ['cycle', { input: undefined }, 'CycleFailures'],
    ['maintenance', { status: 'ABORTED' }, 'MaintenanceFailures'],
    ['maintenance', { status: 'FAILED', error: 'UnreportedError' }, 'MaintenanceFailures'],
    ['check', { status: 'TIMED_OUT' }, 'CheckFailures'],
    ['check', { status: 'FAILED', error: 'StoreUnavailableError' }, 'CheckFailures'],
  ] as const)('of the %s machine is counted when nobody was told: %o', async (machine, fields, name) => {
    const { deployment, executions, hear, sweep } = makeWatch();

    await hear(executions.end(machine, fields));
    await sweep();

    expect(deployment.metrics.of(name)).toEqual([1]);
  });

  test.each([
    ['cycle', 'CycleFailedError', 'CycleFailures'],
    ['maintenance', 'MaintenanceFailedError', 'MaintenanceFailures'],
  ] as const)('of the %s machine is not counted twice when it ends with %s', async (machine, error, name) => {
    const { deployment, executions, hear } = makeWatch();

    await hear(executions.end(machine, { status: 'FAILED', error }));

    expect(deployment.metrics.of(name)).toEqual([]);
  });

  test('is passed over when it succeeded or belongs to somebody else', async () => {
    const { deployment, executions, hear } = makeWatch();
    const foreign = executions.end('cycle', { machineArn: `${prefix}:stateMachine:other` });

    expect(await hear(arnOf('cycle', 'still-runs'))).toEqual({ seen: 0, closed: 0, unreported: 0 });
    expect(await hear(foreign)).toEqual({ seen: 0, closed: 0, unreported: 0 });
    expect(deployment.metrics.values).toEqual([]);
  });
});
