import { ChunkCorruptError, StoreUnavailableError } from '@holdfast/engine';

import { serveTasks } from '../../src/index.ts';

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
  | { readonly kind: 'tell'; readonly value: number };

type Tell = (news: unknown) => void;

const kinds: Readonly<Record<SampleTask['kind'], (task: SampleTask, factor: number, tell: Tell) => unknown>> =
  {
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
    tell: (task, _, tell) => {
      tell(1);
      tell(2);
      return task.kind === 'tell' ? task.value : undefined;
    },
  };

serveTasks(async (initial) => {
  const { factor } = initial as { factor: number };
  if (factor < 0) throw new RangeError('no negative factors');
  return async (task, tell) => kinds[(task as SampleTask).kind](task as SampleTask, factor, tell);
});
