import type { ResourceLimits, Worker } from 'node:worker_threads';

import { BackupError, InvalidInputError } from '@holdfast/engine';

import { startThread } from './warm-workers.ts';
import type { WarmWorkers } from './warm-workers.ts';
import { landError } from './worker-error.ts';
import type { TaskAnswer, TaskMessage } from './worker-tasks.ts';

/** A worker thread ended while it had a task: it ran out of memory, or something called `process.exit`. */
export class WorkerDiedError extends BackupError {
  override readonly name = 'WorkerDiedError';
}

export interface PoolOptions<Initial, Task> {
  /** Threads at most; fewer start when there are fewer tasks. */
  readonly workers: number;
  /** Module that calls `serveTasks`; `new URL('../some-worker.ts', import.meta.url)` works. */
  readonly module: URL;
  /** Copied to every worker. */
  readonly initial: Initial;
  /** Asked for the next task only when a worker is free. */
  readonly tasks: Iterable<Task> | AsyncIterable<Task>;
  /** `tasks`: results in the order of their tasks; `done`: as they come. @default 'tasks' */
  readonly order?: 'tasks' | 'done';
  /** Memory limits of each worker. @default those of `startThread` */
  readonly limits?: ResourceLimits;
  /** Threads of the same module that were started before; `limits` does not concern them. */
  readonly warm?: WarmWorkers;
  /** Called with the news of a task before it is done, in their order. */
  readonly onNews?: (news: unknown) => void;
  readonly signal?: AbortSignal;
}

interface PoolWorker {
  readonly thread: Worker;
  /** Tasks without a result, by their index: at work, or only waiting for their end. */
  readonly tasks: Map<number, 'works' | 'waits'>;
}

/** Tasks per worker that may be ahead of the awaited result: bounds what is held in memory. */
const aheadPerWorker = 4;

/** Tasks of one worker at a time: one that works, and one that waits for its end. Each may hold memory. */
const tasksPerWorker = 2;

function isFree({ tasks }: PoolWorker): boolean {
  return tasks.size < tasksPerWorker && !tasks.values().some((state) => state === 'works');
}

class Pool<Initial, Task, Result> {
  readonly #options: PoolOptions<Initial, Task>;
  readonly #tasks: Iterator<Task> | AsyncIterator<Task>;
  readonly #workers: PoolWorker[] = [];
  readonly #results = new Map<number, Result>();
  #started = 0;
  #yielded = 0;
  #pulling = false;
  #exhausted = false;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(options: PoolOptions<Initial, Task>) {
    this.#options = options;
    const { tasks } = options;
    this.#tasks = Symbol.asyncIterator in tasks ? tasks[Symbol.asyncIterator]() : tasks[Symbol.iterator]();
  }

  async *run(): AsyncGenerator<Result, void, undefined> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#fail(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.error;
        const next = this.#nextResult();
        if (next !== undefined) {
          yield next.result;
          continue;
        }
        if (this.#exhausted && this.#workers.every(({ tasks }) => tasks.size === 0)) return;
        this.#pull();
        // Any change before this line has resolved it already.
        await this.#changed.promise;
        this.#changed = Promise.withResolvers<void>();
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.#end();
    }
  }

  #nextResult(): { readonly result: Result } | undefined {
    const index = this.#options.order === 'done' ? this.#results.keys().next().value : this.#yielded;
    if (index === undefined || !this.#results.has(index)) return undefined;
    const result = this.#results.get(index) as Result;
    this.#results.delete(index);
    this.#yielded += 1;
    return { result };
  }

  /** Asks for one task if a worker is free to do it; asks again when it has been given out. */
  #pull(): void {
    const { workers } = this.#options;
    const free = this.#workers.length < workers || this.#workers.some(isFree);
    const tooFarAhead = this.#started - this.#yielded >= workers * aheadPerWorker;
    if (this.#pulling || this.#exhausted || this.#failure !== undefined || !free || tooFarAhead) return;
    this.#pulling = true;
    void this.#pullOne();
  }

  async #pullOne(): Promise<void> {
    try {
      const next = await this.#tasks.next();
      this.#pulling = false;
      if (this.#failure !== undefined) return;
      if (next.done === true) this.#exhausted = true;
      else this.#give(next.value);
      this.#wake();
    } catch (error) {
      this.#fail(error);
    }
  }

  #give(task: Task): void {
    const index = this.#started;
    this.#started += 1;
    try {
      const worker = this.#workers.find(isFree) ?? this.#startWorker();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.thread.postMessage({ index, task } satisfies TaskMessage);
      worker.tasks.set(index, 'works');
    } catch (error) {
      this.#fail(error);
    }
  }

  #startWorker(): PoolWorker {
    const { module, initial, limits, warm, onNews } = this.#options;
    const { thread, failure } = warm?.take() ?? { thread: startThread(module, limits) };
    const worker: PoolWorker = { thread, tasks: new Map() };
    this.#workers.push(worker);
    thread.on('message', (answer: TaskAnswer) => {
      if ('news' in answer) {
        onNews?.(answer.news);
        return;
      }
      if ('waits' in answer) {
        worker.tasks.set(answer.index, 'waits');
      } else {
        worker.tasks.delete(answer.index);
        if ('error' in answer) this.#fail(landError(answer.error));
        else this.#results.set(answer.index, answer.result as Result);
      }
      this.#wake();
    });
    // Errors that the worker itself cannot catch: a module that cannot be loaded, memory that ran out.
    thread.on('error', (error) => this.#fail(this.#died(worker, error)));
    thread.on('messageerror', (error) => this.#fail(error));
    thread.on('exit', (code) => this.#fail(this.#died(worker, `exit code ${code}`)));
    if (failure !== undefined) this.#fail(this.#died(worker, failure));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage({ initial } satisfies TaskMessage);
    return worker;
  }

  #died(worker: PoolWorker, why: unknown): WorkerDiedError {
    const at = [...worker.tasks.keys()];
    const task = at.length === 0 ? 'between tasks' : `at task ${at.join(' and ')}`;
    const shown = why instanceof Error ? why.message : String(why);
    return new WorkerDiedError(
      `a worker of ${this.#options.module.href} ended ${task} (${shown}); give it more memory, or fewer workers`,
      {
        cause: why,
      },
    );
  }

  /** The first failure counts: what follows is its consequence. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  #wake(): void {
    // Here and not only when a result is asked for: workers go on while the caller is busy with a result.
    this.#pull();
    this.#changed.resolve();
  }

  async #end(): Promise<void> {
    this.#failure ??= { error: undefined };
    await Promise.all(this.#workers.map((worker) => worker.thread.terminate()));
    if (!this.#exhausted && !this.#pulling) await this.#tasks.return?.();
  }
}

/**
 * Runs tasks in worker threads and gives their results. The first task that fails, or worker that dies, ends the run:
 * the error is thrown here, of the engine's class that it had in the worker. Aborting, or leaving the loop over the
 * results, terminates the workers at once, in the middle of their tasks.
 * @throws {@link WorkerDiedError} a worker ended without an answer.
 */
export function runPool<Initial, Task, Result>(
  options: PoolOptions<Initial, Task>,
): AsyncGenerator<Result, void, undefined> {
  if (!Number.isInteger(options.workers) || options.workers < 1) {
    throw new InvalidInputError(`a pool of ${options.workers} workers cannot run; use 1 or more`);
  }
  return new Pool<Initial, Task, Result>(options).run();
}
