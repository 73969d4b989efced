import { AccessDeniedError, ObjectRefusedError } from '../errors.ts';
import type { ReadRun } from './chunk-fetcher.ts';

/** Runs that may be refused before any was read: then it is the vault that may not be read, and not an object of it. */
const refusedFromTheStart = 16;

/**
 * Reads runs so that an object which may not be read costs only the files that need it. One for all that is read of a vault:
 * whether any of it may be read is known by all of it.
 */
export class RefusalSparer {
  #hasRead = false;
  #refused = 0;
  #refusal: AccessDeniedError | undefined;

  /** Why nothing could be read, when that is so. */
  get refusalOfAll(): AccessDeniedError | undefined {
    return this.#hasRead ? undefined : this.#refusal;
  }

  /** Reads as another does, but that a refusal is the answer of the chunks that it hits. */
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
        return run.chunks.map(() => new ObjectRefusedError(error.message, { cause: error }));
      }
    };
  }
}
