import type { Clock, ProgressEvent } from '@holdfast/engine';
import { bytesText, countText, numberText, safeText } from './text.ts';

/** Least time between two lines about one piece of work. */
const quietMs = 2_000;

/** Progress on stderr, printed only if somebody watches. */
export class ProgressLines {
  readonly #write: (text: string) => void;
  readonly #clock: Clock;
  readonly #enabled: boolean;
  #last = -Infinity;

  constructor(write: (text: string) => void, clock: Clock, enabled: boolean) {
    this.#write = write;
    this.#clock = clock;
    this.#enabled = enabled;
  }

  /** Somebody watches: what only they would be told need not be asked for otherwise. */
  get isShown(): boolean {
    return this.#enabled;
  }

  /** Prints a line of its own, for a state that changed. */
  note(text: string): void {
    if (this.#enabled) this.#write(`${safeText(text)}\n`);
  }

  /** Receives the engine's progress; passes over most events. */
  readonly report = (event: ProgressEvent): void => {
    const now = this.#clock.elapsedMs();
    if (now - this.#last < quietMs) return;
    this.#last = now;
    const { step, unit = 'file' } = event;
    const files =
      event.filesTotal === undefined
        ? countText(event.files, unit)
        : `${numberText(event.files)} of ${countText(event.filesTotal, unit)}`;
    this.note(
      event.bytes === 0 && unit !== 'file'
        ? `${step}: ${files}`
        : `${step}: ${files}, ${bytesText(event.bytes)}`,
    );
  };
}
