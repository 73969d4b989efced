import { ChunkCorruptError, StoreUnavailableError } from '@holdfast/engine';

import { serveTasks } from '../../src/workers/worker-tasks.ts';
import type { TaskReports } from '../../src/workers/worker-tasks.ts';

/** What the sample worker can be asked for. */
export type SampleTask =
  | { readonly kind: 'square'; readonly value: number }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'unknown-class' }
  | { readonly kind: 'exit' }
  | { readonly kind: 'exhaust-memory' }
  | { readonly kind: 'uncaught' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'cannot-copy' }
  | { readonly kind: 'tell'; readonly value: number }
  | { readonly kind: 'wait-for-next' };

type Do = (task: SampleTask, factor: number, reports: TaskReports) => unknown;

/** Ends the task that waits for the next one. */
let endWaiting = (): void => {};

const kinds: Readonly<Record<SampleTask['kind'], Do>> = {
  square: (task, factor) => (task.kind === 'square' ? factor * task.value * task.value : undefined),
  corrupt: () => {
    throw new ChunkCorruptError('c1', 'p1', { cause: new StoreUnavailableError('inner') });
  },
  'unknown-class': () => {
    throw Object.assign(new TypeError('odd'), { detail: 7 });
  },
  exit: () => process.exit(3),
  'exhaust-memory': () => {
    const held: number[][] = [];
    for (;;) held.push(Array.from({ length: 100_000 }, (_, n) => n));
  },
  uncaught: () => {
    queueMicrotask(() => {
      throw new Error('nobody catches this');
    });
    return new Promise(() => {});
  },
  hang: () => {
    for (;;);
  },
  'cannot-copy': (task) => () => task,
  tell: (task, _, { tell }) => {
    tell(1);
    tell(2);
    return task.kind === 'tell' ? task.value : undefined;
  },
  'wait-for-next': async (_, __, { waits }) => {
    const next = Promise.withResolvers<string>();
    endWaiting = () => next.resolve('waited');
    waits();
    return next.promise;
  },
};

serveTasks(async (initial) => {
  const { factor } = initial as { factor: number };
  if (factor < 0) throw new RangeError('no negative factors');
  return async (task, reports) => {
    endWaiting();
    return kinds[(task as SampleTask).kind](task as SampleTask, factor, reports);
  };
});
