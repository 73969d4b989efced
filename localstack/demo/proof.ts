import { say, secondsSoFar, show, table } from './narrate.ts';

/** One thing that the demo did to the sources or the vault, and what came of it. */
interface Shown {
  readonly done: string;
  readonly came: string;
  readonly compared: string;
}

/** The proofs of the demo so far, and the differences that it found. */
export class Proof {
  readonly #shown: Shown[] = [];
  readonly #differences: string[] = [];

  /** @param found - the differences of this comparison; none is what is hoped for. */
  add(shown: Shown, found: readonly string[] = []): void {
    this.#shown.push(shown);
    this.#differences.push(...found.map((difference) => `${shown.came}: ${difference}`));
  }

  fail(difference: string): void {
    this.#differences.push(difference);
  }

  get isWhole(): boolean {
    return this.#differences.length === 0;
  }

  /** Prints the last screen. */
  sum(): void {
    console.log('');
    say(`what was proven, in ${secondsSoFar()} s:`);
    const rows = this.#shown.map(({ done, came, compared }) => [done, came, compared]);
    show(table([['WHAT WAS DONE', 'WHAT CAME OF IT', 'HOW IT WAS COMPARED'], ...rows]));
    console.log('');
    if (this.isWhole) return say('everything came back as it was');
    console.error(`${this.#differences.length} things differ:`);
    for (const line of this.#differences.slice(0, 50)) console.error(`  - ${line}`);
  }
}
