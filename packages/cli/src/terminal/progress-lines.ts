import type { Clock, ProgressEvent } from '@holdfast/engine';
import { bytesText, countText, safeText } from './text.ts';

/** Lines of one piece of work are at least this far apart. */
const quietMs = 2_000;

/** Says on stderr how long work gets on; says nothing unless somebody watches. */
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

  /** A line that stands for itself: a state that changed. */
  note(text: string): void {
    if (this.#enabled) this.#write(`${safeText(text)}\n`);
  }

  /** Receives the engine's progress; most events are passed over. */
  readonly report = (event: ProgressEvent): void => {
    const now = this.#clock.elapsedMs();
    if (now - this.#last < quietMs) return;
    this.#last = now;
    const { step, unit = 'file' } = event;
    const files =
      event.filesTotal === undefined
        ? countText(event.files, unit)
        : `${event.files.toLocaleString('en-US')} of ${countText(event.filesTotal, unit)}`;
    this.note(
      event.bytes === 0 && unit !== 'file'
        ? `${step}: ${files}`
        : `${step}: ${files}, ${bytesText(event.bytes)}`,
    );
  };
}
