import type { StepRows } from '../runtime/needs.ts';

export const cycleSteps = {
  'start-cycle': {
    needs: { plans: true, machines: { cycle: 'start' } },
    isCalledByEvents: true,
  },
  'record-configuration': {
    needs: { configuration: true, vault: { read: 'sealed', audit: true } },
  },
  'discover-resources': {
    needs: { plans: true, sources: 'find', work: { use: 'cycles/*' }, catalog: 'use', metrics: true },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'report-cycle': {
    needs: { plans: true, work: { use: 'cycles/*' }, catalog: 'read', metrics: true },
    memoryMegabytes: 512,
    minutes: 5,
  },
} as const satisfies StepRows;
