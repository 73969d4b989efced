import { workerMegabytes } from '@holdfast/engine/model';
import type { StepRows } from '../runtime/needs.ts';

/** The steps that protect files, and those that open and close any run. */
export const protectSteps = {
  'open-run': {
    needs: {
      plans: true,
      sources: 'list',
      vault: { read: 'opened', write: ['format.json', 'keys/*'], createKeys: true },
      work: { use: 'runs/*' },
      catalog: 'use',
      ownBuckets: true,
    },
    memoryMegabytes: 1024,
    minutes: 15,
  },
  'list-shards': {
    needs: { plans: true, sources: 'list', work: { use: 'runs/*' }, catalog: 'use' },
    // Reading answers of 64 listings at once takes a whole processor.
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'protect-shard': {
    needs: {
      plans: true,
      sources: 'read',
      vault: { read: 'opened', write: ['packs/*', 'pages/*'] },
      work: { use: 'runs/*' },
      catalog: 'use',
      index: 'use',
      progress: true,
    },
    // Measured: with one processor, dollars times hours for a TiB are the least (docs/scale.md, one worker).
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'join-group': {
    needs: {
      vault: { read: 'opened', write: ['pages/*'] },
      work: { use: 'runs/*' },
      catalog: 'use',
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'commit-point': {
    needs: {
      vault: { read: 'opened', write: ['packs/*', 'pages/*', 'points/*', 'audit/*'] },
      work: { use: 'runs/*' },
      catalog: 'use',
      index: 'use',
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'consolidate-point': {
    needs: {
      vault: { read: 'opened', write: ['containers/*', 'pages/*', 'points/*', 'audit/*'] },
      work: { use: 'runs/*' },
      catalog: 'use',
      index: 'use',
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'fail-run': {
    needs: { catalog: 'use', shared: true, metrics: true },
  },
} as const satisfies StepRows;
