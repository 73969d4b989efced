/** The places of a file system's `basis` that something was read from. */
export interface Reliance {
  /** Stretches, in order and apart: begin and end of each, in turn. */
  readonly stretches: readonly number[];
  /** Tables of nodes: number and place of each, in turn. */
  readonly tables: readonly number[];
}

/** Notes what work reads of file systems, one piece of work at a time; pieces can be within each other. */
export class ReadRecorder {
  #current: Notes | undefined;

  readonly onRead = (offset: number, length: number): void => {
    this.#current?.reads.push([offset, offset + length]);
  };

  readonly onTable = (table: number, at: number): void => {
    this.#current?.tables.set(table, at);
  };

  /** Notes what work reads, without that of the pieces within it. */
  async record<Result>(
    work: () => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly reliance: Reliance }> {
    const around = this.#current;
    const notes = new Notes();
    this.#current = notes;
    try {
      return { result: await work(), reliance: notes.take() };
    } finally {
      this.#current = around;
    }
  }
}

/** All that any of some relies on. */
export function joinReliances(some: readonly Reliance[]): Reliance {
  const notes = new Notes();
  for (const { stretches, tables } of some) {
    for (let at = 0; at < stretches.length; at += 2)
      notes.reads.push([stretches[at] as number, stretches[at + 1] as number]);
    for (let at = 0; at < tables.length; at += 2)
      notes.tables.set(tables[at] as number, tables[at + 1] as number);
  }
  return notes.take();
}

class Notes {
  readonly reads: (readonly [from: number, to: number])[] = [];
  readonly tables = new Map<number, number>();

  take(): Reliance {
    const stretches: number[] = [];
    for (const [from, to] of this.reads.sort(([one], [other]) => one - other)) {
      const end = stretches.at(-1);
      if (end !== undefined && from <= end) stretches[stretches.length - 1] = Math.max(end, to);
      else stretches.push(from, to);
    }
    return { stretches, tables: [...this.tables].flat() };
  }
}
