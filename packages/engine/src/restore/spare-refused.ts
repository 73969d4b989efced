import { AccessDeniedError, ObjectRefusedError } from '../errors.ts';
import type { ReadRun } from './chunk-fetcher.ts';

/** Runs that may be refused before any was read: then it is the vault that may not be read, and not an object of it. */
const refusedFromTheStart = 16;

/** Reads runs so that an object which may not be read costs only the files that need it. */
export class RefusalSparer {
  readonly #readRun: ReadRun;
  #hasRead = false;
  #refused = 0;
  #refusal: AccessDeniedError | undefined;

  constructor(readRun: ReadRun) {
    this.#readRun = readRun;
  }

  /** Why nothing could be read, when that is so. */
  get refusalOfAll(): AccessDeniedError | undefined {
    return this.#hasRead ? undefined : this.#refusal;
  }

  readonly readRun: ReadRun = async (run, signal) => {
    try {
      const answers = await this.#readRun(run, signal);
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
