import { readdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ResourceArn, RunId } from '@holdfast/engine';
import { dayMs, safety } from '@holdfast/engine/model';
import { expect, onTestFinished, test, vi } from 'vitest';

import { backUpDirectory, createLocalVault, maintainLocalVault, openLocalVault } from '../src/index.ts';
import { makeTempDir } from './temp-dir.ts';

async function makeVault(): Promise<{
  vault: { root: string; keyFile: string; durable: false };
  backUp: () => Promise<RunId>;
  runs: () => string[];
}> {
  const directory = makeTempDir();
  const tree = path.join(directory, 'tree');
  await mkdir(tree);
  const vault = {
    root: path.join(directory, 'vault'),
    keyFile: path.join(directory, 'key'),
    durable: false,
  } as const;
  await createLocalVault(vault);
  return {
    vault,
    backUp: async () => {
      writeFileSync(path.join(tree, 'file'), String(Math.random()));
      const options = { vault, directory: tree, keepDays: 400, workers: 1 };
      const { root } = await backUpDirectory({ ...options, type: 'incremental' });
      return root.run;
    },
    runs: () => readdirSync(path.join(vault.root, 'work/runs')),
  };
}

function goOn(days: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * dayMs });
  onTestFinished(() => void vi.useRealTimers());
}

test('removes what runs left each other when a bucket would have, too', async () => {
  const { vault, backUp, runs } = await makeVault();
  const runIds = [await backUp(), await backUp()];

  await maintainLocalVault(vault);
  expect(runs().toSorted()).toEqual(runIds.toSorted());
  goOn(safety.workObjectDays + 1);
  expect(await maintainLocalVault(vault)).toMatchObject({ pointsExpired: 0, failures: { count: 0 } });

  expect(runs()).toEqual([]);
  expect(await backUp()).toEqual(runs()[0]);
});

test('leaves a run alone that is still at work, however long ago it began', async () => {
  const { vault, backUp, runs } = await makeVault();
  const ended = await backUp();
  const { services, close } = await openLocalVault(vault);
  const row = await services.catalog.runs.find(ended);
  const ids = { alive: 'a'.repeat(32) as RunId, dead: 'b'.repeat(32) as RunId };
  for (const [state, runId] of Object.entries(ids)) {
    const aliveUntil = new Date(Date.now() + (safety.workObjectDays + (state === 'alive' ? 2 : 0)) * dayMs);
    const resourceArn = `holdfast:directory:here:/${state}` as ResourceArn;
    const { endedAt: _endedAt, pointId: _pointId, ...begun } = row ?? expect.fail('the run has no row');
    await services.catalog.runs.open({ ...begun, runId, resourceArn, aliveUntil, state: 'open' });
    await services.work.put(`runs/${runId}/plan.json`, Buffer.from('{}'));
  }
  close();
  goOn(safety.workObjectDays + 1);

  await maintainLocalVault(vault);

  expect(runs()).toEqual([ids.alive]);
});

test('maintains a vault that has had no run', async () => {
  const { vault } = await makeVault();

  expect(await maintainLocalVault(vault)).toMatchObject({ packsSwept: 0, failures: { count: 0 } });
});
