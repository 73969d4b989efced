import type { HoldId, PointId, ResourceArn } from '../ids.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { addHoldTo, removeHoldFrom, renewPointRow, withSnapshotsMissing } from '../ports/catalog-rows.ts';
import { newestFirst, within } from './row-order.ts';

/** The recovery points of a catalog in memory. Every method decides in one step, after it gave others their turn. */
export class MemoryPoints {
  readonly #rows = new Map<PointId, PointRow>();

  async put(row: PointRow): Promise<void> {
    await Promise.resolve();
    const known = this.#rows.get(row.pointId);
    this.#rows.set(row.pointId, known === undefined ? row : renewPointRow(known, row));
  }

  async find(pointId: PointId): Promise<PointRow | undefined> {
    await Promise.resolve();
    return this.#rows.get(pointId);
  }

  async *list(resourceArn: ResourceArn, range: TimeRange): AsyncIterable<PointRow> {
    await Promise.resolve();
    const rows = [...this.#rows.values()].filter(
      (row) => row.resourceArn === resourceArn && within(row.sourceTime, range),
    );
    yield* newestFirst(
      rows,
      (row) => row.sourceTime,
      (row) => row.pointId,
    );
  }

  async *listExpiring(range: TimeRange): AsyncIterable<PointRow> {
    await Promise.resolve();
    for (const row of this.#rows.values()) if (within(row.expiresAt, range)) yield row;
  }

  async startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'> {
    await Promise.resolve();
    const row = this.#rows.get(pointId);
    if (row?.expiring === true) return row;
    if (row === undefined || row.expiresAt > now || row.holds !== undefined) return 'kept';
    const expiring: PointRow = { ...row, expiring: true };
    this.#rows.set(pointId, expiring);
    return expiring;
  }

  async remove(pointId: PointId): Promise<void> {
    await Promise.resolve();
    this.#rows.delete(pointId);
  }

  async prolong(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'> {
    await Promise.resolve();
    const row = this.#findKept(pointId);
    if (row === undefined) return 'gone';
    if (expiresAt > row.expiresAt) this.#rows.set(pointId, { ...row, expiresAt });
    return 'prolonged';
  }

  async noteSnapshotsMissing(pointId: PointId, count: number): Promise<void> {
    await Promise.resolve();
    const row = this.#rows.get(pointId);
    if (row !== undefined) this.#rows.set(pointId, withSnapshotsMissing(row, count));
  }

  async addHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'> {
    await Promise.resolve();
    const row = this.#findKept(pointId);
    if (row === undefined) return 'gone';
    this.#rows.set(pointId, addHoldTo(row, holdId));
    return 'held';
  }

  async removeHold(pointId: PointId, holdId: HoldId): Promise<void> {
    await Promise.resolve();
    const row = this.#rows.get(pointId);
    if (row !== undefined) this.#rows.set(pointId, removeHoldFrom(row, holdId));
  }

  async *listHeld(): AsyncIterable<PointRow> {
    await Promise.resolve();
    for (const row of this.#rows.values()) if (row.holds !== undefined) yield row;
  }

  all(): readonly PointRow[] {
    return [...this.#rows.values()];
  }

  fork(): MemoryPoints {
    const copy = new MemoryPoints();
    for (const [pointId, row] of this.#rows) copy.#rows.set(pointId, row);
    return copy;
  }

  #findKept(pointId: PointId): PointRow | undefined {
    const row = this.#rows.get(pointId);
    return row?.expiring === true ? undefined : row;
  }
}
