import { parentPort, workerData } from 'node:worker_threads';

import { InvalidInputError } from '@holdfast/engine';

import { carryError } from './worker-error.ts';
import type { CarriedError } from './worker-error.ts';

/** What the pool sends to a worker. */
export interface TaskMessage {
  readonly index: number;
  readonly task: unknown;
}

/** What a worker answers. */
export type TaskAnswer =
  | { readonly index: number; readonly result: unknown }
  | { readonly index: number; readonly error: CarriedError };

/**
 * The worker's side of {@link runPool}: call it once at the top level of the worker's module.
 * `start` gets the pool's `initial` and returns what does a task; it runs once in
 * a worker, before its first task.
 * Tasks and results are copied between threads: plain objects, numbers, text, dates, byte arrays.
 */
export function serveTasks(start: (initial: unknown) => Promise<(task: unknown) => Promise<unknown>>): void {
  const port = parentPort;
  if (port === null) throw new InvalidInputError('this module is a worker of a pool; start it with runPool');
  const started = start(workerData);
  // A start that failed fails the first task; until then nobody waits for it.
  started.catch(() => {});
  const answer = async ({ index, task }: TaskMessage): Promise<void> => {
    try {
      const work = await started;
      port.postMessage({ index, result: await work(task) } satisfies TaskAnswer);
    } catch (error) {
      port.postMessage({ index, error: carryError(error) } satisfies TaskAnswer);
    }
  };
  port.on('message', (message: TaskMessage) => void answer(message));
}
