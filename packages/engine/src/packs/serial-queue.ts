/** Runs work one at a time, in the order of the calls; at once, and without a promise, where nothing is waiting. */
export class SerialQueue {
  #last: Promise<void> | undefined;

  /** The work's result or failure. A failure does not stop the work behind it. */
  run<Result>(work: () => Result | Promise<Result>): Result | Promise<Result> {
    const result = this.#last === undefined ? work() : this.#last.then(work);
    if (!(result instanceof Promise)) return result;
    const settled = this.#settle(result);
    this.#last = settled;
    void settled.then(() => this.#idle(settled));
    return result;
  }

  async #settle(work: Promise<unknown>): Promise<void> {
    await work.catch(() => {});
  }

  #idle(settled: Promise<void>): void {
    if (this.#last === settled) this.#last = undefined;
  }
}
