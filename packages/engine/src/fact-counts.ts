import { fromUtf8 } from './bytes.ts';

/** A fact's number of entries, and one of them. */
export interface FactCount<Fact extends string> {
  readonly fact: Fact;
  readonly entries: number;
  /** Path of the first, as text. */
  readonly example: string;
}

/** Counts facts about entries by kind, so that a million entries are reported once. */
export class FactCounts<Fact extends string> {
  readonly #counts = new Map<Fact, FactCount<Fact>>();

  add(path: Uint8Array | string, facts: readonly Fact[]): void {
    for (const fact of facts) {
      const { entries, example } = this.#counts.get(fact) ?? {
        entries: 0,
        example: typeof path === 'string' ? path : fromUtf8(path),
      };
      this.#counts.set(fact, { fact, entries: entries + 1, example });
    }
  }

  addAll(counts: readonly FactCount<Fact>[]): void {
    for (const { fact, entries, example } of counts) {
      const before = this.#counts.get(fact) ?? { entries: 0, example };
      this.#counts.set(fact, { fact, entries: before.entries + entries, example: before.example });
    }
  }

  /** Order: as first met. */
  list(): readonly FactCount<Fact>[] {
    return [...this.#counts.values()];
  }

  /** Gives the list away, and begins anew. */
  take(): readonly FactCount<Fact>[] {
    const counts = this.list();
    this.#counts.clear();
    return counts;
  }
}
