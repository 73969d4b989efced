import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ResourceLimits } from 'node:worker_threads';

/**
 * Limits of a worker, which makes many buffers and small objects. Buffers die young, and their memory outside the heap is
 * given back only when the young generation is collected: with Node's default size a worker would hold hundreds of megabytes
 * of dead ones. The old generation never comes near its limit; but where that is below 2 GB, V8 collects a heap at less than
 * twice what was alive instead of four times as much. A flag of V8 would do the same, and have Node compile its own modules
 * anew in every thread: 45 ms.
 */
const workerLimits: ResourceLimits = { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: 1000 };

/** Starts a thread on a module that calls `serveTasks`. In the package it keeps compiled code by the words of its parent. */
export function startThread(module: URL, limits: ResourceLimits = workerLimits): Worker {
  // In a checkout. Node names its own version's part of the directory that it was given.
  const cache = getCompileCacheDir();
  return new Worker(module, {
    resourceLimits: limits,
    argv: process.argv.slice(2),
    ...(cache !== undefined && { env: { ...process.env, NODE_COMPILE_CACHE: dirname(cache) } }),
  });
}

interface IdleThread {
  readonly thread: Worker;
  failure?: unknown;
}

/**
 * Threads that load a pool's module while their work is still being found out: give them to `runPool`.
 * Whoever starts them ends them, after the pool, whatever happened in between.
 */
export class WarmWorkers {
  readonly #idle: IdleThread[] = [];
  readonly #module: URL;

  constructor(module: URL, count = 0) {
    this.#module = module;
    this.start(count);
  }

  /** Starts so many threads more. */
  start(count: number): void {
    for (let started = 0; started < count; started += 1) {
      const idle: IdleThread = { thread: startThread(this.#module) };
      const note = (failure: unknown): void => void (idle.failure ??= failure);
      idle.thread.on('error', note).on('exit', (code) => note(`exit code ${code}`));
      this.#idle.push(idle);
    }
  }

  /** A thread, with the reason why it ended if it has ended already. From now on it is the caller's. */
  take(): { readonly thread: Worker; readonly failure?: unknown } | undefined {
    return this.#idle.shift();
  }

  async end(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(async ({ thread }) => thread.terminate()));
  }
}
