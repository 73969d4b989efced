import { describe, expect, test, vi } from 'vitest';
import { FaultPlan, ProcessKilledError, withFaults } from '@holdfast/engine/testing';
import type { StepContext } from '../../lambdas/runtime/define-step.ts';
import { makeDeployment, NO_TIME, PLENTY, readJson, untilDone } from './support/deployment.ts';
import { backUpBucket, plantFolders } from './support/pipeline.ts';
import { EXECUTION, endRestore, makeRestoring, restoreFiles, TARGET } from './support/restoring.ts';

test.each([true, false])('a plan without time goes on over several calls, dry run: %s', async (dryRun) => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  const point = await backUpBucket(deployment);
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

test('a shard without time is restored file by file, whatever may be overwritten, and counts each once', async () => {
  for (const overwrite of ['never', 'if-different', 'always']) {
    const deployment = makeDeployment();
    plantFolders(deployment);
    const point = await backUpBucket(deployment);
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

test('a restore over several calls reports each file once, also what is there already', async () => {
  const deployment = makeDeployment();
  plantFolders(deployment);
  deployment.source.plant('large', deployment.services.random.bytes(5_500_000));
  const request = { point: await backUpBucket(deployment), target: TARGET };
  const restoring = makeRestoring(deployment);

  const { restoreId } = await restoreFiles(deployment, restoring, request, NO_TIME);

  const all = { files: 11, bytes: 5_500_090 };
  expect(await deployment.catalog.progress.find(restoreId)).toEqual({ ...all, total: all });
  const again = `${EXECUTION}-2`;
  const plan = await restoring.planRestore({ request, execution: again }, PLENTY);
  for (const shard of (await readJson(deployment.work, plan.shards.key)) as unknown[])
    await restoring.restoreShard({ restoreId: plan.restoreId, shard }, PLENTY);
  expect(await deployment.catalog.progress.find(plan.restoreId)).toEqual({ ...all, total: all });
});

test('a call of a shard ends before a file that has no time in it any more, and the next one begins with it', async () => {
  const deployment = makeDeployment();
  deployment.source.plant('a', 'small');
  deployment.source.plant('b', new Uint8Array(3_000_000));
  deployment.source.plant('c', 'small');
  const request = { point: await backUpBucket(deployment), target: TARGET };
  const restoring = makeRestoring(deployment);
  const { restoreId, shards } = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);
  const [shard] = (await readJson(deployment.work, shards.key)) as unknown[];
  const shortly: StepContext = { getRemainingTimeInMillis: () => 60_100 };
  // Entries may be under way side by side.
  const restored = () =>
    restoring.target.entries.map(({ entry }) => Buffer.from(entry.path).toString()).sort();

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
  const request = { point: await backUpBucket(deployment), target: TARGET };
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
    const request = { point: await backUpBucket(deployment), target: TARGET };
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
  const request = { point: await backUpBucket(deployment), target: TARGET };
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
  plantFolders(deployment);
  const { planRestore, finishRestore } = makeRestoring(deployment);
  const request = { point: await backUpBucket(deployment), target: TARGET };
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
