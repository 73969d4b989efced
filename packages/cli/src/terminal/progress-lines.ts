import type { Clock, ProgressEvent } from '@holdfast/engine';
import { bytesText, countText, durationText, numberText, safeText } from './text.ts';

/** Least time between two lines about one piece of work: for a person who looks on, and for a log. */
const quietMs = { terminal: 2_000, log: 10_000 };

/** A share of a step's work, and when it was done. */
interface Reached {
  readonly step: ProgressEvent['step'];
  readonly share: number;
  readonly atMs: number;
}

/** Progress on stderr, printed only if somebody watches. */
export class ProgressLines {
  readonly #write: (text: string) => void;
  readonly #clock: Clock;
  readonly #enabled: boolean;
  readonly #quietMs: number;
  #last = -Infinity;
  /** The first line about the work at hand: what is done since says how fast it goes. */
  #first: Reached | undefined;

  constructor(
    write: (text: string) => void,
    clock: Clock,
    { isTerminal, isAskedFor }: { readonly isTerminal: boolean; readonly isAskedFor: boolean },
  ) {
    this.#write = write;
    this.#clock = clock;
    this.#enabled = isTerminal || isAskedFor;
    this.#quietMs = isTerminal ? quietMs.terminal : quietMs.log;
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
    if (now - this.#last < this.#quietMs) return;
    this.#last = now;
    this.note(`${event.step}: ${[...doneTexts(event), ...this.#shareTexts(event, now)].join(', ')}`);
  };

  /** Percent and time left, where the total is known; the time from the second line on. */
  #shareTexts({ step, ...event }: ProgressEvent, atMs: number): readonly string[] {
    const share = shareOf(event);
    if (share === undefined) return [];
    const reached = { step, share, atMs };
    const isSame = this.#first?.step === step && this.#first.share <= share;
    const first = (this.#first = isSame && this.#first !== undefined ? this.#first : reached);
    const percent = `${Math.floor(100 * share)} %`;
    if (share === first.share || share >= 1) return [percent];
    const secondsLeft = ((1 - share) * (atMs - first.atMs)) / (share - first.share) / 1000;
    return [percent, `about ${durationText(secondsLeft)} left`];
  }
}

/** Bytes say more of how long it takes than files do. */
function shareOf({
  files,
  filesTotal = 0,
  bytes,
  bytesTotal = 0,
}: Omit<ProgressEvent, 'step'>): number | undefined {
  if (bytesTotal > 0) return Math.min(1, bytes / bytesTotal);
  return filesTotal > 0 ? Math.min(1, files / filesTotal) : undefined;
}

function doneTexts({ files, filesTotal, bytes, bytesTotal, unit }: ProgressEvent): readonly string[] {
  if (bytesTotal !== undefined) return [`${bytesText(bytes)} of ${bytesText(bytesTotal)}`];
  const noun = unit ?? 'file';
  const count =
    filesTotal === undefined
      ? countText(files, noun)
      : `${numberText(files)} of ${countText(filesTotal, noun)}`;
  return bytes === 0 && unit !== undefined ? [count] : [count, bytesText(bytes)];
}
