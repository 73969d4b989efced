import { parentPort } from 'node:worker_threads';

import { InvalidInputError } from '@holdfast/engine';

import { carryError } from './worker-error.ts';
import type { CarriedError } from './worker-error.ts';

/** Message to a worker: first what it is started with, then one task after the other. */
export type TaskMessage = { readonly initial: unknown } | { readonly index: number; readonly task: unknown };

/** Answer of a worker: its one result or error, before it any number of news, and perhaps that the rest is waiting. */
export type TaskAnswer =
  | { readonly index: number; readonly news: unknown }
  | { readonly index: number; readonly waits: true }
  | { readonly index: number; readonly result: unknown }
  | { readonly index: number; readonly error: CarriedError };

export interface TaskReports {
  readonly tell: (news: unknown) => void;
  /** Says that the rest is mostly waiting, for a disk for instance: the next task may begin beside it. */
  readonly waits: () => void;
}

export type DoTask = (task: unknown, reports: TaskReports) => Promise<unknown>;

/**
 * The worker's side of {@link runPool}: call it once at the top level of the worker's module.
 * `start` gets the pool's `initial` and returns what does a task; it runs once in a worker, before its first task.
 * Tasks, news and results are copied between threads: plain objects, numbers, text, dates, byte arrays.
 */
export function serveTasks(start: (initial: unknown) => Promise<DoTask>): void {
  const port = parentPort;
  if (port === null) throw new InvalidInputError('this module is a worker of a pool; start it with runPool');
  const send = (answer: TaskAnswer): void => port.postMessage(answer);
  let started: Promise<DoTask> | undefined;
  const answer = async (index: number, task: unknown): Promise<void> => {
    try {
      const work = await started;
      if (work === undefined) throw new InvalidInputError('a task came before what the worker starts with');
      const reports: TaskReports = {
        tell: (news) => send({ index, news }),
        waits: () => send({ index, waits: true }),
      };
      send({ index, result: await work(task, reports) });
    } catch (error) {
      send({ index, error: carryError(error) });
    }
  };
  port.on('message', (message: TaskMessage) => {
    if ('initial' in message) {
      started = start(message.initial);
      // A start that failed fails the first task; until then nobody waits for it.
      started.catch(() => {});
    } else {
      void answer(message.index, message.task);
    }
  });
}
