import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@holdfast/engine';
import { watched } from '../watched.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/**
 * A clock on which waiting costs nothing: when all work waits, time moves to where the first of it goes on. So code that
 * waits for stores side by side takes as long on this clock as it would with their latencies.
 */
export class VirtualTime implements Clock {
  #nowMs = Date.parse('2026-01-01T00:00:00Z');
  readonly #startMs = this.#nowMs;
  /** By time, the latest first. */
  readonly #sleepers: Sleeper[] = [];

  now(): Date {
    return new Date(this.#nowMs);
  }

  elapsedMs(): number {
    return this.#nowMs - this.#startMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      const sleeper = { atMs: this.#nowMs + ms, wake };
      let at = this.#sleepers.length;
      while (at > 0 && (this.#sleepers[at - 1] as Sleeper).atMs <= sleeper.atMs) at -= 1;
      this.#sleepers.splice(at, 0, sleeper);
    });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets work that waits for this clock run to its end. */
  async run<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    for (;;) {
      await setImmediate();
      if (isOver) return work;
      const next = this.#sleepers.pop();
      if (next === undefined) throw new Error('all work waits, and nothing of it for this clock');
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
    }
  }
}

/** One processor, which does one thing at a time. */
export class Processor {
  readonly #time: VirtualTime;
  #freeAtMs = 0;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  async use(ms: number): Promise<void> {
    const nowMs = this.#time.elapsedMs();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + ms;
    await this.#time.sleep(this.#freeAtMs - nowMs);
  }
}

/** A port each of whose calls takes a time, and is counted by its name. */
export function slowed<Port extends object>(
  port: Port,
  time: VirtualTime,
  latencyMs: number,
  counts: Map<string, number>,
  name: string,
): Port {
  return watched(port, name, (call, _args, answer) => {
    counts.set(call, (counts.get(call) ?? 0) + 1);
    if (!(answer instanceof Promise)) return answer;
    // It may fail before it is waited for.
    answer.catch(() => {});
    return time.sleep(latencyMs).then(() => answer);
  });
}
