import { allOf } from '@holdfast/engine/testing';
import { expect, test } from 'vitest';
import { directoryWorkerModule } from '../src/workers/worker-module.ts';
import { runPool } from '../src/workers/worker-pool.ts';

test('in a checkout, too, a backup finds the module of its workers', async () => {
  const results = runPool({ workers: 1, module: directoryWorkerModule, initial: {}, tasks: ['none'] });

  // The module has been loaded: it looks for the vault that it was not given.
  await expect(allOf(results)).rejects.toMatchObject({ name: 'TypeError' });
});
