import { workerMegabytes } from '@holdfast/engine/model';
import type { StepRows } from '../runtime/needs.ts';

/** The steps of a restore write to the configured targets, and in the vault only to its audit log. */
export const restoreSteps = {
  'plan-restore': {
    needs: {
      targets: 'look',
      images: 'plan',
      blocks: 'look',
      shared: true,
      vault: { read: 'opened', thaw: true, audit: true },
      work: { use: 'restores/*' },
      catalog: 'use',
      ownBuckets: true,
    },
    memoryMegabytes: 1024,
    minutes: 15,
  },
  'restore-shard': {
    needs: {
      targets: 'write',
      blocks: 'look',
      shared: true,
      progress: true,
      vault: { read: 'opened' },
      work: { use: 'restores/*' },
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'start-snapshots': {
    needs: { snapshots: 'start', work: { use: 'restores/*' } },
    minutes: 5,
  },
  'write-blocks': {
    needs: {
      snapshots: 'write',
      shared: true,
      progress: true,
      vault: { read: 'opened' },
      work: { use: 'restores/*' },
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'complete-snapshots': {
    needs: { snapshots: 'complete', images: 'see', work: { use: 'restores/*' } },
    memoryMegabytes: 1024,
    minutes: 15,
  },
  'restore-volumes': {
    needs: { images: 'restore', work: { use: 'restores/*' } },
    minutes: 5,
  },
  'launch-instance': {
    needs: { images: 'launch', vault: { read: 'opened' }, work: { use: 'restores/*' } },
    memoryMegabytes: 1024,
    minutes: 5,
  },
  'finish-restore': {
    needs: {
      targets: 'end-uploads',
      images: 'clear',
      vault: { read: 'sealed', audit: true },
      work: { use: 'restores/*' },
      catalog: 'use',
      metrics: true,
    },
    minutes: 5,
  },
} as const satisfies StepRows;
