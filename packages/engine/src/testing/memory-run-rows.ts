import type { Holder, LastFields, RunRows } from '../catalog/rows.ts';
import { meets, type TransitionStep, takeStep, type Transition } from '../catalog/transition.ts';
import type { ResourceArn, RunId } from '../ids.ts';
import type { RunFilter, RunRow } from '../ports/catalog/runs.ts';
import type { TimeRange } from '../ports/catalog/time-range.ts';
import { MemoryRows } from './memory-rows.ts';
import { newestFirst, within } from './row-order.ts';

/** Fields that runs and points leave on resources, in memory: there is a row for each, if only an empty one. */
export class MemoryLasts {
  readonly #rows = new Map<ResourceArn, LastFields>();

  get(arn: ResourceArn): LastFields {
    return this.#rows.get(arn) ?? {};
  }

  set(arn: ResourceArn, fields: LastFields): void {
    this.#rows.set(arn, { ...this.get(arn), ...fields });
  }

  async change<Outcome>(arn: string, { steps, outcome }: Transition<LastFields, Outcome>): Promise<Outcome> {
    await Promise.resolve();
    const after = takeStep(this.get(arn as ResourceArn), steps);
    this.#rows.set(arn as ResourceArn, after);
    return outcome(after);
  }

  lose(arn: ResourceArn): void {
    this.#rows.delete(arn);
  }

  adopt(other: MemoryLasts): void {
    for (const [arn, row] of other.#rows) this.#rows.set(arn, row);
  }
}

export class MemoryRunRows extends MemoryRows<RunRow> implements RunRows {
  readonly #holders = new Map<ResourceArn, RunId>();
  readonly #lasts: MemoryLasts;

  constructor(lasts: MemoryLasts) {
    super(({ runId }) => runId);
    this.#lasts = lasts;
  }

  async findHolder(resourceArn: ResourceArn): Promise<RunId | undefined> {
    await Promise.resolve();
    return this.#holders.get(resourceArn);
  }

  async open(row: RunRow, holder: Holder | undefined): Promise<'done' | 'refused'> {
    await Promise.resolve();
    const { runId, resourceArn } = row;
    if (this.get(runId) !== undefined || this.#holders.get(resourceArn) !== holder?.runId) return 'refused';
    if (holder?.ending !== undefined && !this.#end(holder.runId, holder.ending)) return 'refused';
    this.set(row);
    this.#holders.set(resourceArn, runId);
    this.#record(row);
    return 'done';
  }

  async close(row: RunRow, ending: TransitionStep<RunRow>): Promise<'done' | 'refused'> {
    await Promise.resolve();
    const { runId, resourceArn } = row;
    if ((this.#holders.get(resourceArn) ?? runId) !== runId || !this.#end(runId, ending)) return 'refused';
    this.#holders.delete(resourceArn);
    this.#record(row);
    return 'done';
  }

  async *list({ resourceArn, plan }: RunFilter, range: TimeRange = {}): AsyncIterable<RunRow> {
    await Promise.resolve();
    const rows = this.all().filter(
      (row) =>
        (resourceArn === undefined || row.resourceArn === resourceArn) &&
        (plan === undefined || row.plan === plan) &&
        within(row.startedAt, range),
    );
    yield* newestFirst(
      rows,
      (row) => row.startedAt,
      (row) => row.runId,
    );
  }

  override adopt(other: MemoryRunRows): void {
    super.adopt(other);
    for (const [arn, runId] of other.#holders) this.#holders.set(arn, runId);
  }

  #end(runId: RunId, ending: TransitionStep<RunRow>): boolean {
    const row = this.get(runId);
    if (row === undefined || !meets(ending.when, row)) return false;
    this.set(takeStep(row, [ending]));
    return true;
  }

  #record({ resourceArn, runId, state }: RunRow): void {
    this.#lasts.set(resourceArn, { lastRunId: runId, lastRunState: state });
  }
}
