import { CatalogPacks } from '../catalog/catalog-packs.ts';
import { CatalogPoints } from '../catalog/catalog-points.ts';
import { CatalogRuns } from '../catalog/catalog-runs.ts';
import { definedOnly } from '../catalog/transition.ts';
import type { PackId, ResourceArn } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { HoldRow, Holds } from '../ports/catalog/holds.ts';
import type { PackRow } from '../ports/catalog/packs.ts';
import type { PointRow } from '../ports/catalog/points.ts';
import type { FoundResource, RecordedQuote, ResourceRow, Resources } from '../ports/catalog/resources.ts';
import type { RestoreRow, Restores } from '../ports/catalog/restores.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { MemoryPackRows } from './memory-pack-rows.ts';
import { MemoryPointRows } from './memory-point-rows.ts';
import { MemoryProgress } from './memory-progress.ts';
import { MemoryRows } from './memory-rows.ts';
import { MemoryLasts, MemoryRunRows } from './memory-run-rows.ts';
import { newestFirst, within } from './row-order.ts';

/** A catalog in memory. Every method decides in one step, so callers never see one another half-way. */
export class MemoryCatalog implements Catalog {
  readonly resources: MemoryResources;
  readonly runs: CatalogRuns;
  readonly points: CatalogPoints;
  readonly packs: CatalogPacks;
  readonly holds = new MemoryHolds();
  readonly restores = new MemoryRestores();
  readonly progress = new MemoryProgress();
  readonly #lasts = new MemoryLasts();
  readonly #runRows = new MemoryRunRows(this.#lasts);
  readonly #pointRows = new MemoryPointRows();
  readonly #packRows = new MemoryPackRows();

  constructor() {
    this.resources = new MemoryResources(this.#lasts);
    this.runs = new CatalogRuns(this.#runRows);
    this.points = new CatalogPoints(this.#pointRows, this.#lasts);
    this.packs = new CatalogPacks(this.#packRows);
  }

  /** A catalog with the same rows that goes its own way: for tests that try more than one continuation. */
  fork(): MemoryCatalog {
    const copy = new MemoryCatalog();
    copy.resources.adopt(this.resources);
    copy.#lasts.adopt(this.#lasts);
    copy.#runRows.adopt(this.#runRows);
    copy.#pointRows.adopt(this.#pointRows);
    copy.#packRows.adopt(this.#packRows);
    copy.holds.adopt(this.holds);
    copy.restores.adopt(this.restores);
    copy.progress.adopt(this.progress);
    return copy;
  }

  /** Every run, point, pack and hold, in no order. A row is never changed: a change puts another in its place. */
  *rows(): Generator<RunRow | PointRow | PackRow | HoldRow> {
    yield* this.#runRows.all();
    yield* this.#pointRows.all();
    yield* this.#packRows.all();
    yield* this.holds.all();
  }

  /** All pack rows, in the order they were claimed. */
  packRows(): readonly PackRow[] {
    return this.#packRows.all();
  }

  /** Writes a pack's row as it is, whatever was there. */
  plantPack(row: PackRow): void {
    this.#packRows.set(row);
  }

  /** Takes a pack's row away, whatever its state, as a lost table does. */
  losePack(packId: PackId): void {
    this.#packRows.lose(packId);
  }
}

class MemoryResources implements Resources {
  readonly #found = new MemoryRows<FoundResource>(({ arn }) => arn);
  readonly #lasts: MemoryLasts;

  constructor(lasts: MemoryLasts) {
    this.#lasts = lasts;
  }

  async put({ arn, kind, plan, partOf, problem, seenAt, tags }: FoundResource): Promise<void> {
    await Promise.resolve();
    this.#found.set(definedOnly({ arn, kind, plan, partOf, problem, seenAt, tags }));
  }

  async find(arn: ResourceArn): Promise<ResourceRow | undefined> {
    const found = await this.#found.find(arn);
    return found && { ...found, ...this.#lasts.get(arn) };
  }

  async *list(startAfter = '' as ResourceArn): AsyncIterable<ResourceRow> {
    await Promise.resolve();
    const rows = this.#found.all().filter(({ arn }) => arn > startAfter);
    for (const found of rows.sort((a, b) => (a.arn < b.arn ? -1 : 1)))
      yield { ...found, ...this.#lasts.get(found.arn) };
  }

  async noteQuote(arn: ResourceArn, quote: RecordedQuote): Promise<void> {
    await Promise.resolve();
    this.#lasts.set(arn, { quote });
  }

  async remove(arn: ResourceArn): Promise<void> {
    await this.#found.remove(arn);
    this.#lasts.lose(arn);
  }

  adopt(other: MemoryResources): void {
    this.#found.adopt(other.#found);
  }
}

class MemoryHolds extends MemoryRows<HoldRow> implements Holds {
  constructor() {
    super(({ holdId }) => holdId);
  }

  async put(row: HoldRow): Promise<void> {
    await Promise.resolve();
    this.set(row);
  }

  async *list(): AsyncIterable<HoldRow> {
    await Promise.resolve();
    yield* newestFirst(
      this.all(),
      (row) => row.setAt,
      (row) => row.holdId,
    );
  }
}

class MemoryRestores extends MemoryRows<RestoreRow> implements Restores {
  constructor() {
    super(({ restoreId }) => restoreId);
  }

  async put(row: RestoreRow): Promise<void> {
    await Promise.resolve();
    this.set(row);
  }

  async *list(range: TimeRange = {}): AsyncIterable<RestoreRow> {
    await Promise.resolve();
    const rows = this.all().filter((row) => within(row.startedAt, range));
    yield* newestFirst(
      rows,
      (row) => row.startedAt,
      (row) => row.restoreId,
    );
  }
}
