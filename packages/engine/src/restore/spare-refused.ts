import { AccessDeniedError, ObjectRefusedError } from '../errors.ts';
import type { ReadRun } from './chunk-fetcher.ts';

/** Runs that may be refused before any was read: from then on the vault counts as refused, not an object of it. */
const refusedFromTheStart = 16;

/**
 * Reads runs so that an object which may not be read costs only the files that need it. Everything that is read of a
 * vault shares one, as only all of it shows that nothing of the vault may be read.
 */
export class RefusalSparer {
  #hasRead = false;
  #refused = 0;
  #refusal: AccessDeniedError | undefined;

  /** The refusal, when nothing could be read. */
  get refusalOfAll(): AccessDeniedError | undefined {
    return this.#hasRead ? undefined : this.#refusal;
  }

  /** Reads like `readRun`, but a refusal is the answer of the frames that it hits. */
  sparing(readRun: ReadRun): ReadRun {
    return async (run, signal) => {
      try {
        const answers = await readRun(run, signal);
        this.#hasRead = true;
        return answers;
      } catch (error) {
        if (!(error instanceof AccessDeniedError)) throw error;
        this.#refusal = error;
        this.#refused += 1;
        if (!this.#hasRead && this.#refused >= refusedFromTheStart) throw error;
        return run.frames.map(() => new ObjectRefusedError(error.message, { cause: error }));
      }
    };
  }
}
