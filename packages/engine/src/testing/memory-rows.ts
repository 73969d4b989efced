import type { Rows } from '../catalog/rows.ts';
import { type Condition, meets, takeStep, type Transition } from '../catalog/transition.ts';

/** Rows in memory. Every method decides in one step, after it gave others their turn. */
export class MemoryRows<Row extends object> implements Rows<Row> {
  readonly #rows = new Map<string, Row>();
  readonly #idOf: (row: Row) => string;

  constructor(idOf: (row: Row) => string) {
    this.#idOf = idOf;
  }

  async find(id: string): Promise<Row | undefined> {
    await Promise.resolve();
    return this.#rows.get(id);
  }

  async insert(id: string, row: Row): Promise<'inserted' | 'taken'> {
    await Promise.resolve();
    if (this.#rows.has(id)) return 'taken';
    this.set(row);
    return 'inserted';
  }

  async change<Outcome>(id: string, { steps, outcome }: Transition<Row, Outcome>): Promise<Outcome> {
    await Promise.resolve();
    const row = this.get(id);
    const after = row && takeStep(row, steps);
    if (after !== undefined && after !== row) this.set(after);
    return outcome(after);
  }

  async remove(id: string, when: Condition<Row> = {}): Promise<void> {
    await Promise.resolve();
    const row = this.#rows.get(id);
    if (row !== undefined && meets(when, row)) this.lose(id);
  }

  get(id: string): Row | undefined {
    return this.#rows.get(id);
  }

  /** Writes a row now, whatever was there. */
  set(row: Row): void {
    this.#rows.set(this.#idOf(row), row);
  }

  /** Takes a row away now, whatever it says. */
  lose(id: string): void {
    this.#rows.delete(id);
  }

  all(): readonly Row[] {
    return [...this.#rows.values()];
  }

  /** Takes another table's rows over; from then on each goes its own way. */
  adopt(other: MemoryRows<Row>): void {
    for (const [id, row] of other.#rows) this.#rows.set(id, row);
  }
}
