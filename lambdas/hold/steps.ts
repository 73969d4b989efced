import type { StepRows } from '../runtime/needs.ts';

export const holdSteps = {
  'hold-points': {
    needs: { vault: { read: 'opened', renew: true, hold: true, audit: true }, catalog: 'use' },
    memoryMegabytes: 512,
    minutes: 15,
  },
} as const satisfies StepRows;
