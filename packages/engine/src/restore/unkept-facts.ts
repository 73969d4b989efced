/**
 * A fact of an entry that a target cannot hold as the point has it. `set-id`: the set-user-id and set-group-id bits;
 * `time`: of modification; `headers`: those of an object's content.
 */
export type UnkeptFact =
  | 'mode'
  | 'set-id'
  | 'owner'
  | 'time'
  | 'headers'
  | 'metadata'
  | 'tags'
  | 'storage-class';

/** How many restored entries lack a fact, and one of them. */
export interface UnkeptCount {
  readonly fact: UnkeptFact;
  readonly entries: number;
  /** Path of the first, as text. */
  readonly example: string;
}

/** Counts facts that a target could not keep, by kind: nothing is changed in silence, and a million files say it once. */
export class UnkeptFacts {
  readonly #counts = new Map<UnkeptFact, UnkeptCount>();

  add(path: Uint8Array, facts: readonly UnkeptFact[]): void {
    for (const fact of facts) {
      const { entries, example } = this.#counts.get(fact) ?? { entries: 0, example: textOf(path) };
      this.#counts.set(fact, { fact, entries: entries + 1, example });
    }
  }

  addAll(counts: readonly UnkeptCount[]): void {
    for (const { fact, entries, example } of counts) {
      const before = this.#counts.get(fact) ?? { entries: 0, example };
      this.#counts.set(fact, { fact, entries: before.entries + entries, example: before.example });
    }
  }

  /** In the order in which they were first met. */
  list(): readonly UnkeptCount[] {
    return [...this.#counts.values()];
  }
}

function textOf(path: Uint8Array): string {
  return Buffer.from(path).toString('utf8');
}
