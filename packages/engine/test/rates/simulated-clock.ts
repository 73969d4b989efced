import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/ports/clock.ts';

/** A clock for many who wait at once: it moves to the end of the next wait when nobody has anything else to do. */
export class SimulatedClock implements Clock {
  #nowMs: number;
  readonly #waits: { readonly untilMs: number; readonly end: () => void }[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  elapsedMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((end) => {
      this.#waits.push({ untilMs: this.#nowMs + ms, end });
    });
  }

  async run(untilMs: number): Promise<void> {
    for (;;) {
      await setImmediate();
      this.#waits.sort((a, b) => a.untilMs - b.untilMs);
      const next = this.#waits.shift();
      if (next === undefined || next.untilMs > untilMs) return;
      this.#nowMs = Math.max(this.#nowMs, next.untilMs);
      next.end();
    }
  }
}
