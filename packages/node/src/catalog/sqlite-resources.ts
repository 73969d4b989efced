import {
  type FoundResource,
  type LastFields,
  type RecordedQuote,
  type ResourceArn,
  type ResourceRow,
  type Resources,
  type RunRow,
  takeStep,
  type Transition,
} from '@holdfast/engine';
import type { SqliteDatabase } from './sqlite-database.ts';
import { decodeRow } from './sqlite-rows.ts';

/** JSON texts; absent until somebody writes them. */
interface Columns {
  readonly found?: string | null;
  readonly last?: string | null;
}

/**
 * The catalog's resources in a SQLite file: what discovery found, and beside it the last runs and points of a resource,
 * which discovery may not have seen yet.
 */
export class SqliteResources implements Resources {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async put({ arn, kind, plan, partOf, problem, seenAt, tags }: FoundResource): Promise<void> {
    return this.#database.durably(() => {
      this.#putNow(arn, 'found', { arn, kind, plan, partOf, problem, seenAt, tags });
    });
  }

  async find(arn: ResourceArn): Promise<ResourceRow | undefined> {
    return this.#database.snapshot(() => resourceOf(this.#columnsNow(arn)));
  }

  async *list(startAfter = '' as ResourceArn): AsyncGenerator<ResourceRow> {
    const rows = this.#database.snapshot(() =>
      this.#database
        .statement('SELECT found, last FROM resources WHERE arn > ? ORDER BY arn')
        .all(startAfter),
    );
    for (const row of rows) {
      const resource = resourceOf(row);
      if (resource !== undefined) yield resource;
    }
  }

  async noteQuote(arn: ResourceArn, quote: RecordedQuote): Promise<void> {
    return this.#database.durably(() => {
      this.#putNow(arn, 'last', { ...lastOf(this.#columnsNow(arn)), quote });
    });
  }

  async remove(arn: ResourceArn): Promise<void> {
    return this.#database.durably(() => {
      this.#database.statement('DELETE FROM resources WHERE arn = ?').run(arn);
    });
  }

  /** Changes what a point left on a resource. A resource without a row counts as one with an empty row. */
  async change<Outcome>(arn: string, { steps, outcome }: Transition<LastFields, Outcome>): Promise<Outcome> {
    return this.#database.durably(() => {
      const last = lastOf(this.#columnsNow(arn));
      const after = takeStep(last, steps);
      if (after !== last) this.#putNow(arn, 'last', after);
      return outcome(after);
    });
  }

  /** Records a run as the resource's last one, inside a transaction. */
  recordNow({ resourceArn, runId, state }: RunRow): void {
    const last = lastOf(this.#columnsNow(resourceArn));
    this.#putNow(resourceArn, 'last', { ...last, lastRunId: runId, lastRunState: state });
  }

  #columnsNow(arn: string): Columns {
    return this.#database.statement('SELECT found, last FROM resources WHERE arn = ?').get(arn) ?? {};
  }

  #putNow(arn: string, column: 'found' | 'last', fields: object): void {
    this.#database
      .statement(
        `INSERT INTO resources (arn, ${column}) VALUES (?, ?)
           ON CONFLICT (arn) DO UPDATE SET ${column} = excluded.${column}`,
      )
      .run(arn, JSON.stringify(fields));
  }
}

function lastOf({ last }: Columns): LastFields {
  return decodeRow<LastFields>(last ?? '{}', ['lastSourceTime']);
}

/** The row that discovery found, with the `last…` fields; `undefined` for a resource that has only the latter. */
function resourceOf(columns: Columns): ResourceRow | undefined {
  const { found } = columns;
  if (typeof found !== 'string') return undefined;
  return { ...lastOf(columns), ...decodeRow<ResourceRow>(found, ['seenAt']) };
}
