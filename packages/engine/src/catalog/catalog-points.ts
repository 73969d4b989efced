import type { HoldId, PointId, ResourceArn } from '../ids.ts';
import type { ExpiryPlace, KeptSigns, PointRow, Points } from '../ports/catalog/points.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { decisionsMost, rowsChanged } from './decisions.ts';
import * as transitions from './point-transitions.ts';
import type { LastFields, PointRows, Rows } from './rows.ts';

/** Recovery points by the rules of point-transitions.ts, whatever keeps their rows. */
export class CatalogPoints implements Points {
  readonly #rows: PointRows;
  readonly #lasts: Pick<Rows<LastFields>, 'change'>;

  constructor(rows: PointRows, lasts: Pick<Rows<LastFields>, 'change'>) {
    this.#rows = rows;
    this.#lasts = lasts;
  }

  async put(row: PointRow): Promise<void> {
    await this.#write(row);
    // Apart from it: being repeatable is enough, and a refusal must not take the row with it.
    await this.#lasts.change(row.resourceArn, transitions.moveNewest(row));
  }

  async find(pointId: PointId): Promise<PointRow | undefined> {
    return this.#rows.find(pointId);
  }

  list(resourceArn: ResourceArn, range?: TimeRange): AsyncIterable<PointRow> {
    return this.#rows.list(resourceArn, range);
  }

  listExpiring(range: TimeRange, after?: ExpiryPlace): AsyncIterable<PointRow> {
    return this.#rows.listExpiring(range, after);
  }

  async startExpiring(pointId: PointId, now: Date): Promise<PointRow | 'kept'> {
    return this.#rows.change(pointId, transitions.startExpiring(now));
  }

  async remove(pointId: PointId): Promise<void> {
    await this.#rows.remove(pointId);
  }

  async prolong(pointId: PointId, expiresAt: Date): Promise<'prolonged' | 'gone'> {
    return this.#rows.change(pointId, transitions.raiseExpiry(expiresAt));
  }

  async noteSnapshotsMissing(pointId: PointId, count: number): Promise<void> {
    await this.#rows.change(pointId, transitions.noteSnapshotsMissing(count));
  }

  async noteSigns(pointId: PointId, kept: readonly KeptSigns[]): Promise<void> {
    await this.#rows.change(pointId, transitions.noteSigns(kept));
  }

  async addHold(pointId: PointId, holdId: HoldId): Promise<'held' | 'gone'> {
    return this.#rows.change(pointId, transitions.holdPoint(holdId));
  }

  async removeHold(pointId: PointId, holdId: HoldId): Promise<void> {
    await this.#rows.change(pointId, transitions.releasePoint(holdId));
  }

  listHeld(startAfter?: PointId): AsyncIterable<PointRow> {
    return this.#rows.listHeld(startAfter);
  }

  async #write(row: PointRow): Promise<void> {
    for (let decision = 0; decision < decisionsMost; decision++) {
      if ((await this.#rows.insert(row.pointId, row)) === 'inserted') return;
      if (await this.#rows.change(row.pointId, transitions.renewPoint(row))) return;
    }
    throw rowsChanged(`point ${row.pointId}`);
  }
}
