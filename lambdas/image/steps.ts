import type { StepRows } from '../runtime/needs.ts';

export const imageSteps = {
  'snapshot-volumes': {
    needs: { images: 'take', work: { use: 'runs/*' }, catalog: 'use' },
    minutes: 15,
  },
  'check-snapshots': {
    needs: { images: 'see', work: { read: 'runs/*' }, catalog: 'use' },
  },
  'commit-image': {
    needs: {
      images: 'seal',
      vault: { read: 'opened', write: ['points/*', 'audit/*'] },
      work: { read: 'runs/*' },
      catalog: 'use',
    },
    memoryMegabytes: 1024,
    minutes: 15,
  },
} as const satisfies StepRows;
