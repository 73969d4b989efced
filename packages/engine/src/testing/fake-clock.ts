import type { Clock } from '../ports/clock.ts';

/**
 * A clock that only moves when a test says so, or when somebody sleeps: a sleep ends at once and moves time on,
 * so waiting code runs without waiting.
 */
export class FakeClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  /** Milliseconds of every sleep so far, in order. */
  readonly sleeps: number[] = [];

  constructor(start: Date | string = '2026-01-01T00:00:00.000Z') {
    this.#nowMs = new Date(start).getTime();
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  elapsedMs(): number {
    return this.#elapsedMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.sleeps.push(ms);
    this.advance(ms);
    await Promise.resolve();
    signal?.throwIfAborted();
  }

  /** Moves wall-clock time and elapsed time on together. */
  advance(ms: number): void {
    this.#nowMs += ms;
    this.#elapsedMs += ms;
  }

  /** Sets the wall clock, backwards too, as an operator or NTP does; elapsed time is not touched. */
  set(time: Date | string): void {
    this.#nowMs = new Date(time).getTime();
  }
}
