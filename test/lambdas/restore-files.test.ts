import { describe, expect, test } from 'vitest';
import { RestoreRequest } from '@holdfast/engine/model';
import { BUCKET_ARN, makeDeployment, PLENTY } from './support/deployment.ts';
import { backUpBucket, plantFolders } from './support/pipeline.ts';
import {
  EXECUTION,
  endRestore,
  makeRestoring,
  restoreFiles,
  restoresOnTheLog,
  TARGET,
} from './support/restoring.ts';

test('restores every byte of a point into an allowed bucket', async () => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
  await backUpBucket(deployment, 'a'.repeat(32));
  deployment.clock.advance(3_600_000);
  const between = deployment.clock.now().toISOString();
  deployment.clock.advance(3_600_000);
  deployment.source.plant('file', 'new');
  await backUpBucket(deployment, 'b'.repeat(32));
  const restoring = makeRestoring(deployment);

  await restoreFiles(deployment, restoring, { resource: BUCKET_ARN, time: between, target: TARGET });

  expect(Buffer.from(restoring.target.find('file')!.content).toString()).toBe('old');
});

test('a dry run quotes, writes nothing and is not recorded as a restore', async () => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
  const { planRestore, target } = makeRestoring(deployment);
  const request = { point, target: TARGET, dryRun: true };

  const plan = await planRestore({ request, execution: EXECUTION }, PLENTY);

  expect(plan).toMatchObject({ mode: 'dry-run', quote: { files: 10, bytes: 90 } });
  expect(target.entries).toEqual([]);
  expect(await deployment.catalog.restores.find(plan.restoreId)).toBeUndefined();
});

async function withDegraded() {
  const deployment = makeDeployment();
  deployment.source.plant('fine', 'content');
  const clean = await backUpBucket(deployment, 'a'.repeat(32));
  deployment.clock.advance(3_600_000);
  deployment.source.plant('secret', 'content');
  deployment.source.trap('secret', 'deny');
  const point = await backUpBucket(deployment, 'b'.repeat(32));
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
  const point = await backUpBucket(deployment);
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
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
    plantFolders(deployment);
    const point = await backUpBucket(deployment);
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

test('planning is repeatable, and finishing counts once', async () => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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
