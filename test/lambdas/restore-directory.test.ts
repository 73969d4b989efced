import { putImagePoint } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { BUCKET_ARN, makeDeployment, PLENTY } from './support/deployment.ts';
import { backUpBucket } from './support/pipeline.ts';
import { EXECUTION, endRestore, makeRestoring, restoresOnTheLog } from './support/restoring.ts';

const target = { directory: 'laptop:/home/ann/restored' };

async function backedUp() {
  const deployment = makeDeployment();
  for (const name of ['a', 'b', 'c']) deployment.source.plant(`folder/${name}`, `content ${name}`);
  const point = await backUpBucket(deployment);
  return { deployment, point, restoring: makeRestoring(deployment) };
}

test('a restore that its caller does is put on the audit log, and nothing of it stays under way', async () => {
  const { deployment, point, restoring } = await backedUp();
  const request = { point, target, paths: ['folder/a'] };

  const plan = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  expect(plan).toMatchObject({
    mode: 'directory',
    point: { id: point },
    target: 'directory laptop:/home/ann/restored',
    shards: { count: 0 },
  });
  expect(await restoresOnTheLog(deployment)).toMatchObject([
    {
      chain: BUCKET_ARN,
      by: EXECUTION,
      event: { kind: 'restore-started', restore: plan.restoreId, point, target: plan.target },
    },
  ]);
  expect(await deployment.catalog.restores.find(plan.restoreId)).toMatchObject({
    state: 'recorded',
    endedAt: deployment.clock.now(),
  });
  expect(restoring.target.entries).toEqual([]);
});

test('recording it is repeatable, also when the answer was lost between the log and the catalog', async () => {
  const { deployment, point, restoring } = await backedUp();
  const event = { request: { point, target }, execution: EXECUTION };
  const putRestore = deployment.catalog.restores.put.bind(deployment.catalog.restores);
  deployment.catalog.restores.put = async () => Promise.reject(new Error('the connection is lost'));
  await expect(restoring.planRestore(event, PLENTY)).rejects.toThrow('the connection is lost');
  deployment.catalog.restores.put = putRestore;

  const first = await restoring.planRestore(event, PLENTY);
  const second = await restoring.planRestore(event, PLENTY);

  expect(second).toEqual(first);
  expect(await restoresOnTheLog(deployment)).toHaveLength(1);
});

test('of a time whose newest point has changed since the log was written, both points are on the log', async () => {
  const { deployment, point, restoring } = await backedUp();
  const time = new Date(deployment.clock.now().getTime() + 86_400_000).toISOString();
  const event = { request: { resource: BUCKET_ARN, time, target }, execution: EXECUTION };
  const putRestore = deployment.catalog.restores.put.bind(deployment.catalog.restores);
  deployment.catalog.restores.put = async () => Promise.reject(new Error('the connection is lost'));
  await expect(restoring.planRestore(event, PLENTY)).rejects.toThrow('the connection is lost');
  deployment.catalog.restores.put = putRestore;
  deployment.clock.advance(3_600_000);
  const newer = await backUpBucket(deployment, 'b'.repeat(32));

  const plan = await restoring.planRestore(event, PLENTY);

  expect(plan.point.id).toBe(newer);
  expect(await restoresOnTheLog(deployment)).toMatchObject([
    { event: { point } },
    { event: { point: newer } },
  ]);
});

test('a dry run of it quotes what is selected, and is not recorded', async () => {
  const { deployment, point, restoring } = await backedUp();
  const request = { point, target, paths: ['folder/a'], dryRun: true };

  const plan = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  expect(plan).toMatchObject({ mode: 'dry-run', quote: { files: 1, bytes: 9 } });
  expect(await restoresOnTheLog(deployment)).toEqual([]);
  expect(await deployment.catalog.restores.find(plan.restoreId)).toBeUndefined();
});

test('one that fails while it is under way is closed with its reason', async () => {
  const { deployment, point, restoring } = await backedUp();
  const { finishRestore, planRestore } = restoring;
  const putRestore = deployment.catalog.restores.put.bind(deployment.catalog.restores);
  deployment.catalog.restores.put = async (row) => {
    if (row.state === 'recorded') throw new Error('the connection is lost');
    return putRestore(row);
  };
  await expect(planRestore({ request: { point, target }, execution: EXECUTION }, PLENTY)).rejects.toThrow();
  const error = { Error: 'StoreUnavailableError', Cause: '' };

  const report = await endRestore({ finishRestore }, { execution: EXECUTION, restoreId: null, error });

  expect(await deployment.catalog.restores.find(report.restoreId)).toMatchObject({ state: 'failed' });
  expect((await restoresOnTheLog(deployment)).map(({ event }) => event.kind)).toEqual([
    'restore-started',
    'restore-ended',
  ]);
});

test('a disk image that its caller makes is put on the audit log likewise, if the blocks are in the vault', async () => {
  const deployment = makeDeployment();
  const restoring = makeRestoring(deployment);
  const volumes = [{ volume: 'vol-1', content: new Uint8Array(8192).fill(1), blockBytes: 4096 }];
  const { point } = await putImagePoint({ ...deployment, lockMode: 'governance' }, { volumes });
  const request = { point, target: { directory: 'laptop:/home/ann/disk.raw' } };

  const plan = await restoring.planRestore({ request, execution: EXECUTION }, PLENTY);

  expect(plan).toMatchObject({ mode: 'directory', target: 'directory laptop:/home/ann/disk.raw' });
  expect(await restoresOnTheLog(deployment)).toMatchObject([
    { event: { kind: 'restore-started', point, target: plan.target } },
  ]);
});
