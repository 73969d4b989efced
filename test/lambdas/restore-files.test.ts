import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { FaultPlan, ProcessKilledError, withFaults } from '@holdfast/engine/testing';
import { RestoreRequest } from '@holdfast/engine/model';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import { restoreSchema } from '../../scripts/restore-schema.ts';
import {
  BUCKET_ARN,
  type Deployment,
  makeDeployment,
  NO_TIME,
  PLENTY,
  readJson,
  untilDone,
} from './support/deployment.ts';
import { makePipeline, protectFiles, TAGGED_BUCKET } from './support/pipeline.ts';
import { EXECUTION, endRestore, makeRestoring, restoreFiles, restoresOnTheLog } from './support/restoring.ts';

const TARGET = { bucket: 'restores', prefix: 'back/' };

async function backUp(deployment: Deployment, runId = 'a'.repeat(32)) {
  const pipeline = makePipeline(deployment);
  const point = await protectFiles(deployment, pipeline, {
    ...TAGGED_BUCKET,
    resourceArn: BUCKET_ARN,
    runId,
  });
  return point!.pointId;
}

function plantFiles({ source }: Deployment) {
  for (let file = 0; file < 10; file += 1) source.plant(`folder-${file % 2}/file-${file}`, `content ${file}`);
}

test('restores every byte of a point into an allowed bucket', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);

  const report = await restoreFiles(deployment, restoring, { point, target: TARGET });

  expect(report).toMatchObject({ state: 'completed', files: 10, written: 10, kept: 0, failed: 0, bytes: 90 });
  expect(restoring.opened[0]).toBe('restores/back/');
  expect(Buffer.from(restoring.target.find('folder-1/file-7')!.content).toString()).toBe('content 7');
  expect(await deployment.catalog.restores.find(report.restoreId)).toMatchObject({
    state: 'completed',
    files: 10,
    target: 's3://restores/back/',
  });
  expect(deployment.metrics.of('RestoredBytes')).toEqual([90]);
});

test('deletes nothing that the target has besides, and has it on the audit log where its caller is going to', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);
  const request = { point, target: TARGET, overwrite: 'if-different', deleteExtra: true };

  const report = await restoreFiles(deployment, restoring, request);

  expect(report).toMatchObject({
    state: 'completed',
    target: 's3://restores/back/ (made equal to the point)',
  });
  expect(await restoresOnTheLog(deployment)).toMatchObject([
    { event: { kind: 'restore-started', target: report.target } },
    { event: { kind: 'restore-ended' } },
  ]);
  for (const wrong of [
    { ...request, overwrite: 'never' },
    { ...request, target: { volumes: { availabilityZone: 'us-east-1a' } } },
  ])
    expect(RestoreRequest.safeParse(wrong).error?.message).toContain('goes with a bucket or directory');
});

test('restores a folder and a file when only they are asked for', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);

  await restoreFiles(deployment, restoring, {
    point,
    target: TARGET,
    paths: ['folder-1/', 'folder-0/file-4'],
  });

  expect(restoring.target.entries).toHaveLength(6);
});

test('restores the newest point at or before a time', async () => {
  const deployment = makeDeployment();
  deployment.source.plant('file', 'old');
  await backUp(deployment, 'a'.repeat(32));
  deployment.clock.advance(3_600_000);
  const between = deployment.clock.now().toISOString();
  deployment.clock.advance(3_600_000);
  deployment.source.plant('file', 'new');
  await backUp(deployment, 'b'.repeat(32));
  const restoring = makeRestoring(deployment);

  await restoreFiles(deployment, restoring, { resource: BUCKET_ARN, time: between, target: TARGET });

  expect(Buffer.from(restoring.target.find('file')!.content).toString()).toBe('old');
});

test('a dry run quotes, writes nothing and is not recorded as a restore', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const { planRestore, target } = makeRestoring(deployment);
  const request = { point, target: TARGET, dryRun: true };

  const plan = await planRestore({ request, execution: EXECUTION }, PLENTY);

  expect(plan).toMatchObject({ mode: 'dry-run', quote: { files: 10, bytes: 90 } });
  expect(target.entries).toEqual([]);
  expect(await deployment.catalog.restores.find(plan.restoreId)).toBeUndefined();
});

test.each([true, false])('a plan without time goes on over several calls, dry run: %s', async (dryRun) => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const request = { point, target: TARGET, dryRun, paths: ['folder-0/', 'folder-1/file-7'] };
  const [{ planRestore }, other] = [makeRestoring(deployment), makeRestoring(deployment)];
  const once = await other.planRestore({ request, execution: `${EXECUTION}-2` }, PLENTY);
  const modes: string[] = [];

  let plan;
  do {
    plan = await planRestore({ request, execution: EXECUTION }, NO_TIME);
    modes.push(plan.mode);
  } while (plan.mode === 'unfinished');

  expect(modes).toHaveLength(6);
  expect(plan).toMatchObject({ mode: once.mode, quote: once.quote, shards: { count: 2 } });
  if (dryRun) return;
  expect(await readJson(deployment.work, plan.shards.key)).toEqual(
    await readJson(deployment.work, once.shards.key),
  );
});

async function withDegraded() {
  const deployment = makeDeployment();
  deployment.source.plant('fine', 'content');
  const clean = await backUp(deployment, 'a'.repeat(32));
  deployment.clock.advance(3_600_000);
  deployment.source.plant('secret', 'content');
  deployment.source.trap('secret', 'deny');
  const point = await backUp(deployment, 'b'.repeat(32));
  const meaning = expect.stringMatching(
    new RegExp(`1 entries could not be read: it lacks 1, and has 0 .*name the point ${clean} of 20`),
  );
  return {
    deployment,
    point,
    said: { unread: { carried: 0, missing: 1 }, cleanPoint: clean, meaning },
  };
}

describe('of a degraded point', () => {
  test('a plan says before anything is written what it could not read, and which point lacks nothing', async () => {
    const { deployment, point, said } = await withDegraded();
    const { planRestore } = makeRestoring(deployment);

    for (const dryRun of [true, false]) {
      const request = { point, target: TARGET, dryRun };
      expect(await planRestore({ request, execution: EXECUTION }, PLENTY)).toMatchObject({ degraded: said });
    }
    expect(deployment.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'the point is degraded', reason: said.meaning }),
    );
  });

  test('the report says it too, and is none of a complete restore', async () => {
    const { deployment, point, said } = await withDegraded();

    const report = await restoreFiles(deployment, makeRestoring(deployment), { point, target: TARGET });

    expect(report).toMatchObject({ state: 'completed-with-warnings', failed: 0, degraded: said });
  });
});

test('files that the target has are kept unless the rule says otherwise, and named where they differ', async () => {
  const deployment = makeDeployment();
  const entry = deployment.source.plant('file', 'from the backup');
  const equal = deployment.source.plant('equal', 'from the backup');
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);
  restoring.target.plant(entry, 'newer work');
  restoring.target.plant(equal, 'from the backup');

  const report = await restoreFiles(deployment, restoring, { point, target: TARGET });

  expect(report).toMatchObject({
    state: 'completed-with-warnings',
    written: 0,
    same: 1,
    kept: 1,
    keptFiles: ['file'],
  });
  expect(Buffer.from(restoring.target.find('file')!.content).toString()).toBe('newer work');
});

test('files that cannot be restored are named, alarmed, and do not stop the others', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);
  const plan = await restoring.planRestore(
    { request: { point, target: TARGET }, execution: EXECUTION },
    PLENTY,
  );
  const failed = [{ path: 'folder-0/file-0', name: 'ChunkCorruptError', message: 'damaged' }];
  const outcome = {
    files: 10,
    bytes: 81,
    written: 9,
    kept: 0,
    keptFiles: [],
    same: 0,
    failed,
    carried: [],
    unkept: [],
  };
  await deployment.work.put(
    `restores/${plan.restoreId}/results/0.json`,
    Buffer.from(JSON.stringify(outcome)),
  );

  const report = await endRestore(restoring, { execution: EXECUTION, restoreId: plan.restoreId });

  expect(report).toMatchObject({ state: 'completed-with-failures', failed: 1, failedFiles: failed });
  expect(report.details).toEqual({ bucket: 'work', prefix: `restores/${plan.restoreId}/results/` });
  expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
});

test('keys that the target refuses are in the report, and do not stop the others', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);
  restoring.target.deny('folder-0/');

  for (const round of ['first', 'again']) {
    const report = await restoreFiles(deployment, restoring, { point, target: TARGET });

    const { files = 0, failed = 0, written = 0, same = 0 } = report;
    expect(failed, round).toBeGreaterThan(0);
    expect(written + same, round).toBe(files - failed);
    expect(
      report.failedFiles?.every(({ path }) => path.startsWith('folder-0/')),
      round,
    ).toBe(true);
  }
});

test.each([
  ['Latin', 'x', 'y'],
  ['Japanese', '写', '壊'],
])(
  'a report of %s names stays small enough for a state machine when everything fails',
  async (_script, x, y) => {
    const deployment = makeDeployment();
    plantFiles(deployment);
    const point = await backUp(deployment);
    const { planRestore, finishRestore } = makeRestoring(deployment);
    const { restoreId } = await planRestore(
      { request: { point, target: TARGET }, execution: EXECUTION },
      PLENTY,
    );
    const failed = Array.from({ length: 1000 }, (_, index) => ({
      path: `${index}-${x.repeat(1000)}`,
      name: 'ChunkCorruptError',
      message: y.repeat(1500),
    }));
    const outcome = {
      files: 1000,
      bytes: 0,
      written: 0,
      kept: 0,
      keptFiles: [],
      same: 0,
      failed,
      carried: [],
      unkept: [],
    };
    await deployment.work.put(`restores/${restoreId}/results/0.json`, Buffer.from(JSON.stringify(outcome)));

    const report = await endRestore({ finishRestore }, { execution: EXECUTION, restoreId });

    expect(report.failed).toBe(1000);
    expect(report.failedFiles!.length).toBeGreaterThan(10);
    expect(Buffer.byteLength(JSON.stringify(report))).toBeLessThan(150_000);
  },
);

test('a shard without time is restored file by file, whatever may be overwritten, and counts each once', async () => {
  for (const overwrite of ['never', 'if-different', 'always']) {
    const deployment = makeDeployment();
    plantFiles(deployment);
    const point = await backUp(deployment);
    const restoring = makeRestoring(deployment);
    restoring.target.deny('folder-0/file-4');
    const write = vi.spyOn(restoring.target, 'write');
    const request = { point, target: TARGET, overwrite };

    const report = await restoreFiles(deployment, restoring, request, NO_TIME);

    expect(report).toMatchObject({ files: 10, written: 9, kept: 0, same: 0, failed: 1, bytes: 81 });
    expect(write).toHaveBeenCalledTimes(10);
    expect(deployment.work.names().some((name) => name.includes('/progress/'))).toBe(true);
  }
});

test('a call of a shard ends before a file that has no time in it any more, and the next one begins with it', async () => {
  const deployment = makeDeployment();
  deployment.source.plant('a', 'small');
  deployment.source.plant('b', new Uint8Array(3_000_000));
  deployment.source.plant('c', 'small');
  const request = { point: await backUp(deployment), target: TARGET };
  const restoring = makeRestoring(deployment);
  const { restoreId, shards } = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];
  const shortly: StepContext = { getRemainingTimeInMillis: () => 60_100 };
  const restored = () => restoring.target.entries.map(({ entry }) => Buffer.from(entry.path).toString());

  const first = await restoring.restoreShard({ restoreId, shard }, shortly);
  const before = restored();
  const second = await restoring.restoreShard({ restoreId, shard }, shortly);

  expect([first.done, before]).toEqual([false, ['a']]);
  expect([second.done, restored()]).toEqual([true, ['a', 'b', 'c']]);
});

test('an object that outgrows a call is restored over as many as it takes, and counted once', async () => {
  const deployment = makeDeployment();
  const content = deployment.services.random.bytes(5_500_000);
  deployment.source.plant('a', 'small');
  deployment.source.plant('large', content, { userMetadata: { m: '1' } });
  deployment.source.plant('z', 'small');
  const request = { point: await backUp(deployment), target: TARGET };
  const restoring = makeRestoring(deployment);
  const write = vi.spyOn(restoring.target, 'write');

  const report = await restoreFiles(deployment, restoring, request, NO_TIME);

  expect(report).toMatchObject({
    state: 'completed',
    files: 3,
    written: 3,
    kept: 0,
    same: 0,
    bytes: 5_500_010,
  });
  const { content: restored, entry } = restoring.target.find('large')!;
  expect(Buffer.compare(restored, content)).toBe(0);
  expect(entry.userMetadata).toEqual({ m: '1' });
  // Each call of the large one adds a part at least.
  expect(write).toHaveBeenCalledTimes(2 + 6);
  expect(restoring.uploads.open).toEqual([]);
});

test.each(['kill', 'kill-after'] as const)(
  'a call that dies (%s) after any of its writes is repeated, and nothing is lost or left half',
  async (kind) => {
    const deployment = makeDeployment();
    const content = deployment.services.random.bytes(4_200_000);
    deployment.source.plant('a', 'small');
    deployment.source.plant('large', content);
    const request = { point: await backUp(deployment), target: TARGET };
    for (let call = 1; ; call += 1) {
      const restoring = makeRestoring(deployment);
      const execution = `${EXECUTION}-${call}`;
      const { restoreId, shards } = await restoring.planRestore({ request, execution }, PLENTY);
      const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];
      const plan = new FaultPlan([{ kind, call }]);
      const dying = makeRestoring({ ...deployment, work: withFaults(deployment.work, plan) }, undefined, {
        target: restoring.target,
        uploads: restoring.uploads,
      });

      const died = await untilDone(async () => dying.restoreShard({ restoreId, shard }, NO_TIME)).catch(
        (error: unknown) => error,
      );
      await untilDone(async () => restoring.restoreShard({ restoreId, shard }, NO_TIME));

      const where = `${kind} at call ${call}`;
      const report = await endRestore(restoring, { execution, restoreId });
      const { written = 0, same = 0 } = report;
      expect({ ...report, written: written + same }, where).toMatchObject({
        files: 2,
        written: 2,
        failed: 0,
      });
      expect(Buffer.compare(restoring.target.find('large')!.content, content), where).toBe(0);
      for (const open of restoring.uploads.open) expect(await restoring.uploads.giveUp(open), where).toBe(0);
      if (!(died instanceof ProcessKilledError)) break;
    }
  },
);

/** A restore of two large objects, of the first of which a part has been uploaded. */
async function underWay() {
  const deployment = makeDeployment();
  deployment.source.plant('large', deployment.services.random.bytes(5_500_000));
  deployment.source.plant('large too', deployment.services.random.bytes(5_500_000));
  const request = { point: await backUp(deployment), target: TARGET };
  const restoring = makeRestoring(deployment);
  const { restoreId, shards } = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];
  const event = { restoreId, shard };
  expect(await restoring.restoreShard(event, NO_TIME)).toMatchObject({ done: false });
  expect(restoring.uploads.open).toHaveLength(1);
  return { restoring, event };
}
const endUnfinished = async (
  { finishRestore }: Awaited<ReturnType<typeof underWay>>['restoring'],
  restoreId: string,
) => finishRestore({ execution: EXECUTION, restoreId, error: { Error: 'TargetUnavailableError' } }, PLENTY);

describe('a restore that ends while a large object is on its way', () => {
  test('leaves nothing of it in the target', async () => {
    const { restoring, event } = await underWay();

    await endUnfinished(restoring, event.restoreId);

    expect(restoring.uploads.open).toEqual([]);
  });

  test('ends the worker that is still at it, which leaves nothing either', async () => {
    const { restoring, event } = await underWay();
    await endUnfinished(restoring, event.restoreId);

    await expect(restoring.restoreShard(event, PLENTY)).rejects.toThrow('is over');

    expect(restoring.uploads.open).toEqual([]);
    expect(restoring.target.entries).toEqual([]);
  });
});

test('a report without time adds up some shards a call, and comes to what one call says', async () => {
  const deployment = makeDeployment();
  const { work } = deployment;
  plantFiles(deployment);
  const { planRestore, finishRestore } = makeRestoring(deployment);
  const request = { point: await backUp(deployment), target: TARGET };
  const { restoreId } = await planRestore({ request, execution: EXECUTION }, PLENTY);
  const shardCount = 600;
  const job = (await readJson(work, `restores/${restoreId}/plan.json`)) as object;
  await work.put(`restores/${restoreId}/plan.json`, Buffer.from(JSON.stringify({ ...job, shardCount })));
  for (let index = 0; index < shardCount; index += 1) {
    const outcome = {
      files: 10,
      bytes: 7,
      written: 8,
      kept: 1,
      keptFiles: [`kept-${index}`],
      same: 0,
      failed: [{ path: `failed-${index}`, name: 'ChunkCorruptError', message: 'damaged' }],
      carried: [],
      unkept: [{ fact: 'owner', entries: 2, example: `${index}` }],
    };
    await work.put(`restores/${restoreId}/results/${index}.json`, Buffer.from(JSON.stringify(outcome)));
  }
  const event = { execution: EXECUTION, restoreId };

  const first = await Promise.all([finishRestore(event, NO_TIME), finishRestore(event, NO_TIME)]);
  const second = await finishRestore(event, NO_TIME);
  const report = await endRestore({ finishRestore }, event, NO_TIME);
  const other = makeDeployment();
  for (const [name, body] of work.entries())
    if (!name.endsWith('/sum.json')) await other.work.put(name, body);
  const atOnce = await endRestore(makeRestoring(other), event);

  expect([...first, second]).toEqual([{ done: false }, { done: false }, { done: false }]);
  expect(report).toMatchObject({
    files: 6000,
    bytes: 4200,
    written: 4800,
    kept: 600,
    failed: 600,
    unkept: [{ fact: 'owner', entries: 1200, example: '0' }],
  });
  expect({ ...report, target: undefined }).toEqual({ ...atOnce, target: undefined });
  expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
});

test('planning is repeatable, and finishing counts once', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);
  const request = { point, target: TARGET };

  const first = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  const report = await restoreFiles(deployment, restoring, request);
  const second = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  const again = await endRestore(restoring, { execution: EXECUTION, restoreId: first.restoreId });

  expect(second).toEqual(first);
  expect(again).toEqual(report);
  expect(deployment.metrics.of('RestoresCompleted')).toEqual([1]);
  expect(await deployment.catalog.restores.find(first.restoreId)).toMatchObject({ state: 'completed' });
});

test('a restore that failed keeps its first reason and is alarmed once', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const { planRestore, finishRestore } = makeRestoring(deployment);
  const { restoreId } = await planRestore(
    { request: { point, target: TARGET }, execution: EXECUTION },
    PLENTY,
  );
  const Cause = JSON.stringify({
    errorType: 'TargetUnavailableError',
    errorMessage: 'bucket restores is gone',
  });

  const event = { execution: EXECUTION, restoreId };
  await finishRestore({ ...event, error: { Error: 'TargetUnavailableError', Cause } }, PLENTY);
  await finishRestore({ ...event, error: { Error: 'States.ExceedToleratedFailureThreshold' } }, PLENTY);

  expect(await deployment.catalog.restores.find(restoreId)).toMatchObject({
    state: 'failed',
    error: { name: 'TargetUnavailableError', message: 'bucket restores is gone' },
  });
  expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
});

test('a restore whose plan failed is alarmed although nothing is known of it', async () => {
  const deployment = makeDeployment();
  const { finishRestore } = makeRestoring(deployment);
  const error = { Error: 'InvalidInputError', Cause: '' };

  const report = await endRestore({ finishRestore }, { execution: EXECUTION, restoreId: null, error });

  expect(report).toMatchObject({ state: 'failed', error: { name: 'InvalidInputError' } });
  expect(deployment.metrics.of('RestoreFailures')).toEqual([1]);
});

test('a worker refuses a bucket that the configuration no longer allows', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const restoring = makeRestoring(deployment);
  const { restoreId } = await restoring.planRestore(
    { request: { point, target: TARGET }, execution: EXECUTION },
    PLENTY,
  );
  const name = `restores/${restoreId}/plan.json`;
  const job = Buffer.from(await deployment.work.get(name)).toString();
  await deployment.work.put(name, Buffer.from(job.replace('"restores"', '"elsewhere"')));

  const step = restoring.restoreShard({ restoreId, shard: { index: 0 } }, PLENTY);

  await expect(step).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringContaining('elsewhere'),
  });
});

const POINT = '20260302T020000Z-0123456789abcdef';

test.for([
  ['no point', { target: TARGET }, /either "point", or "resource" and "time"/],
  ['point and time', { point: POINT, time: '2026-01-01T00:00:00Z', target: TARGET }, /either "point"/],
  ['half a name', { resource: BUCKET_ARN, target: TARGET }, /either "point"/],
  ['no target', { point: POINT }, /"target" is missing/],
  [
    'an empty target',
    { point: POINT, target: {} },
    /one of bucket, original, volumes, instance, ami, directory, found none/,
  ],
  [
    'two targets',
    { point: POINT, target: { bucket: 'restores', original: true } },
    /found bucket and original/,
  ],
  [
    'a bucket and a directory',
    { point: POINT, target: { bucket: 'restores', directory: 'here:/d' } },
    /found bucket and directory/,
  ],
  ['a directory without a name', { point: POINT, target: { directory: '' } }, /"target.directory" is ""/],
  [
    'a directory of a long name',
    { point: POINT, target: { directory: 'd'.repeat(1025) } },
    /"target.directory" is/,
  ],
  [
    'nothing at all',
    {},
    /"target" is missing; it is an object: expected either "point", or "resource" and "time" together/,
  ],
  [
    'a URL as bucket',
    { point: POINT, target: { bucket: 's3://my-restores/monday' } },
    /write "bucket": "my-restores" and "prefix": "monday\/";/,
  ],
  [
    'an ARN as bucket',
    { point: POINT, target: { bucket: 'arn:aws:s3:::my-restores' } },
    /write "bucket": "my-restores";/,
  ],
  [
    'a prefix that is no folder',
    { point: POINT, target: { ...TARGET, prefix: 'monday' } },
    /"target.prefix" is "monday": it has no "\/" at its end, so "a.txt" would become "mondaya.txt"/,
  ],
  [
    'several faults',
    { point: 7, paths: 'a', overwrite: 'yes' },
    /"point" is 7: it should be a text; "paths" is "a": it should be a list; "target" is missing; .* "never", "if-different" or "always"/,
  ],
  ['a prefix without bucket', { point: POINT, target: { original: true, prefix: 'a/' } }, /goes with bucket/],
  ['a misspelt setting', { point: POINT, target: TARGET, overwite: 'always' }, /overwite/],
  [
    'an overwrite rule that does not exist',
    { point: POINT, target: TARGET, overwrite: 'yes' },
    /"overwrite" is "yes"/,
  ],
  ['a point id that is none', { point: 'latest', target: TARGET }, /"point" is "latest"/],
  [
    'a time without a zone',
    { resource: BUCKET_ARN, time: '2026-01-01T00:00:00', target: TARGET },
    /"time" is/,
  ],
  ['no paths at all', { point: POINT, target: TARGET, paths: [] }, /"paths" is a list of 0/],
  ['text', 'restore everything', /it is "restore everything"/],
] as const)('input with %s is refused with a message that names it', async ([, request, message]) => {
  const { planRestore } = makeRestoring(makeDeployment());

  await expect(planRestore({ request, execution: EXECUTION }, PLENTY)).rejects.toMatchObject({
    name: 'InvalidInputError',
    message: expect.stringMatching(message),
  });
});

test("no refusal of an input speaks the validator's language", async () => {
  const { planRestore } = makeRestoring(makeDeployment());
  const values = [undefined, null, 5, 'x', [], {}, true];
  const fields = ['point', 'resource', 'time', 'paths', 'target', 'overwrite', 'thaw', 'dryRun'];
  const requests = [
    ...values,
    ...fields.flatMap((field) => values.map((value) => ({ [field]: value }))),
    ...['bucket', 'prefix', 'original', 'volumes', 'directory'].flatMap((field) =>
      values.map((value) => ({ point: POINT, target: { [field]: value } })),
    ),
    { point: POINT, target: { volumes: { availabilityZone: 1, type: 'x', iops: 0.5 } } },
    { point: POINT, target: TARGET, thaw: { speed: 'slow', days: 1000 }, paths: [''] },
  ];

  for (const request of requests) {
    const refusal = await planRestore({ request, execution: EXECUTION }, PLENTY).catch(
      (error: Error) => error,
    );
    expect((refusal as Error).message).not.toMatch(/undefined|received|invalid|too (small|big)|>=|<=/i);
  }
});

test.for([
  [
    'a bucket that is not configured',
    { bucket: 'elsewhere' },
    /elsewhere is not allowed.*restoreTargets.*restores/,
  ],
  ['the original that is not configured', { original: true }, /photos is not allowed/],
  ['the vault, configured or not', { bucket: 'vault' }, /belongs to Holdfast/],
  ['a bucket that does not exist', { bucket: 'gone' }, /gone does not exist/],
  ['volumes', { volumes: { availabilityZone: 'us-east-1a' } }, /no volumes can be made/],
] as const)('files are not restored into %s', async ([, target, message]) => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const { planRestore } = makeRestoring(deployment);

  const plan = planRestore({ request: { point, target }, execution: EXECUTION }, PLENTY);

  await expect(plan).rejects.toThrow(message);
});

test('a point, a path or a time that does not exist is refused with what there is', async () => {
  const deployment = makeDeployment();
  plantFiles(deployment);
  const point = await backUp(deployment);
  const { planRestore } = makeRestoring(deployment);
  const plan = async (request: object) =>
    planRestore({ request: { target: TARGET, ...request }, execution: EXECUTION }, PLENTY);

  await expect(plan({ point: POINT })).rejects.toThrow(`point ${POINT} does not exist`);
  await expect(plan({ point, paths: ['folder-9/'] })).rejects.toThrow('folder-9/');
  await expect(plan({ resource: BUCKET_ARN, time: '2020-01-01T00:00:00Z' })).rejects.toThrow(
    `oldest one is ${point}`,
  );
  await expect(plan({ resource: 'arn:aws:s3:::other', time: '2030-01-01T00:00:00Z' })).rejects.toThrow(
    'none at all',
  );
});

test('the published schema of the input is the one that is checked against', async () => {
  const published = join(import.meta.dirname, '..', '..', 'docs', 'restore-input.schema.json');

  // When this fails: node scripts/write-restore-schema.ts
  expect(await readFile(published, 'utf8')).toBe(restoreSchema());
});

test('the examples in the published schema are valid input', () => {
  const { examples } = JSON.parse(restoreSchema()) as { examples: unknown[] };

  expect(examples.length).toBeGreaterThan(2);
  for (const example of examples) expect(RestoreRequest.safeParse(example).error).toBeUndefined();
});
