import type { StepRows } from '../runtime/needs.ts';

export const watchSteps = {
  'check-overdue': {
    needs: {
      plans: true,
      sources: 'find',
      work: { use: 'checks/*' },
      catalog: 'use',
      metrics: true,
      machines: { maintenance: 'recall' },
    },
    memoryMegabytes: 512,
    minutes: 15,
  },
  'close-executions': {
    needs: {
      // For what a stopped restore left in its target, and in EC2.
      targets: 'end-uploads',
      images: 'clear',
      vault: { read: 'sealed', audit: true },
      work: { use: ['executions/*', 'restores/*'] },
      catalog: 'use',
      // For the turn of a stopped run.
      shared: true,
      metrics: true,
      machines: {
        cycle: 'follow',
        protect: 'follow',
        restore: 'follow',
        hold: 'follow',
        maintenance: 'follow',
        check: 'follow',
      },
    },
    minutes: 15,
    isCalledByEvents: true,
  },
  'count-dead-letters': {
    needs: { deadLetters: 'count', metrics: true },
    isCalledByEvents: true,
  },
} as const satisfies StepRows;
