import { workerMegabytes } from '@holdfast/engine/model';
import type { StepRows } from '../runtime/needs.ts';

export const imageSteps = {
  'snapshot-volumes': {
    needs: { images: 'take', work: { use: 'runs/*' }, catalog: 'use' },
    minutes: 15,
  },
  'check-snapshots': {
    needs: { images: 'see', work: { read: 'runs/*' }, catalog: 'use', shared: true },
  },
  'list-blocks': {
    needs: {
      plans: true,
      blocks: 'list',
      shared: true,
      vault: { read: 'opened' },
      work: { use: 'runs/*' },
      catalog: 'use',
    },
    memoryMegabytes: 1024,
    minutes: 15,
  },
  'copy-blocks': {
    needs: {
      blocks: 'read',
      shared: true,
      vault: { read: 'opened', write: ['packs/*', 'pages/*'] },
      work: { use: 'runs/*' },
      catalog: 'use',
      index: 'use',
      progress: true,
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'commit-image': {
    needs: {
      images: 'seal',
      vault: { read: 'opened', write: ['packs/*', 'pages/*', 'points/*', 'audit/*'] },
      work: { use: 'runs/*' },
      catalog: 'use',
      index: 'use',
      shared: true,
      metrics: true,
    },
    memoryMegabytes: workerMegabytes,
    minutes: 15,
  },
  'release-snapshots': {
    needs: { plans: true, images: 'release', work: { read: 'runs/*' }, catalog: 'use' },
    minutes: 15,
  },
} as const satisfies StepRows;
