import { toHex } from '../../src/bytes.ts';
import type { RandomBytes } from '../../src/ports/random-bytes.ts';
import { chances } from './walk-report.ts';

/** Decisions of a random walk. */
export class Dice {
  readonly #random: RandomBytes;

  constructor(random: RandomBytes) {
    this.#random = random;
  }

  /** A whole number from 0 on, less than `below`. */
  number(below: number): number {
    return below <= 0 ? 0 : Number.parseInt(toHex(this.#random.bytes(6)), 16) % below;
  }

  /** By how much a clock is ahead. Milliseconds, perhaps negative. */
  skew(mostMs: number): number {
    return this.number(2 * mostMs) - mostMs;
  }

  happens(what: keyof typeof chances): boolean {
    return this.number(10_000) < chances[what];
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.number(items.length)] as Item;
  }
}

/** Changes some files of a source; contents repeat between files and resources, so that packs are shared. */
export function changeFiles(files: Map<string, string>, dice: Dice): void {
  for (let change = dice.number(3); change > 0; change -= 1) {
    const path = `file ${dice.number(6)}`;
    if (dice.number(4) === 0) files.delete(path);
    else files.set(path, `content ${dice.number(12)}`.repeat(1 + dice.number(40)));
  }
}
