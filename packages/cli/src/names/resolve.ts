import {
  type Catalog,
  type ResourceArn,
  type ResourceRow,
  type RestoreRow,
  type RunId,
  type RunRow,
  UnknownNameError,
} from '@holdfast/engine';
import { UsageError } from '../terminal/errors.ts';
import { findNearest } from '../terminal/nearest.ts';
import { shortNameOf } from '../terminal/text.ts';
import { dayMs } from '@holdfast/engine/model';

const candidatesShown = 10;

export function ambiguous(text: string, candidates: readonly string[], remedy: string): UsageError {
  const shown = candidates.slice(0, candidatesShown).join(', ');
  const more = candidates.length > candidatesShown ? `, and ${candidates.length - candidatesShown} more` : '';
  return new UsageError(`"${text}" may be any of ${shown}${more}; ${remedy}`);
}

/**
 * The catalog's row of a resource, by ARN, bucket name, instance or volume id.
 * @throws {@link UnknownNameError} the catalog has none of that name.
 * @throws {@link UsageError} several have; the message lists them.
 */
export async function resolveResource(catalog: Catalog, name: string): Promise<ResourceRow> {
  const row = await findResource(catalog, name);
  if (row !== undefined) return row;
  const arns = (await Array.fromAsync(catalog.resources.list())).map(({ arn }) => arn);
  const near = findNearest(name, isArn(name) ? arns : arns.map(shortNameOf));
  throw new UnknownNameError(
    `resource "${name}" is not in the catalog${near === undefined ? '' : `; did you mean ${near}?`}; "holdfast resources" lists what is; ` +
      'a resource that has just been tagged appears with the next cycle of its plan',
  );
}

/**
 * Finds the ARN of a name. An ARN is taken as it is: points outlive the row of their resource.
 * @throws {@link UnknownNameError} the catalog has none of that name.
 * @throws {@link UsageError} several have.
 */
export async function resolveResourceArn(catalog: Catalog, name: string): Promise<ResourceArn> {
  return isArn(name) ? name : (await resolveResource(catalog, name)).arn;
}

/** Finds a resource by ARN or the end of it. @throws {@link UsageError} several have that name. */
export async function findResource(catalog: Catalog, name: string): Promise<ResourceRow | undefined> {
  if (isArn(name)) return catalog.resources.find(name);
  const found: ResourceRow[] = [];
  for await (const row of catalog.resources.list()) if (isNamed(row.arn, name)) found.push(row);
  if (found.length <= 1) return found[0];
  throw ambiguous(name, found.map(({ arn }) => arn).toSorted(), 'name one by its ARN');
}

export function isArn(name: string): name is ResourceArn {
  return /^(arn|holdfast):/.test(name);
}

/** Tells an ARN that has the name as its end, after a `:` or `/`: a directory's path has slashes of its own. */
export function isNamed(arn: string, name: string): boolean {
  const before = arn.at(-name.length - 1);
  return name !== '' && arn.endsWith(name) && (before === ':' || before === '/');
}

const searchedDays = 30;

/**
 * A run by its id, or by the beginning of its id if it started in the last 30 days.
 * @throws {@link UnknownNameError} the catalog has none.
 * @throws {@link UsageError} several ids begin so.
 */
export async function resolveRun(catalog: Catalog, text: string, now: Date): Promise<RunRow> {
  const exact = await catalog.runs.find(text as RunId);
  if (exact !== undefined) return exact;
  const found: RunRow[] = [];
  if (/^[0-9a-f]{4,31}$/.test(text)) {
    const from = new Date(now.getTime() - searchedDays * dayMs);
    for await (const run of catalog.runs.list({}, { from })) if (run.runId.startsWith(text)) found.push(run);
  }
  const [run] = found;
  if (run === undefined) {
    throw new UnknownNameError(`run "${text}" is not in the catalog; "holdfast runs" lists the newest ones`);
  }
  if (found.length === 1) return run;
  throw ambiguous(
    text,
    found.map(({ runId }) => runId),
    'write more of the id',
  );
}

/**
 * A restore by its id, the ARN of its execution, or the beginning of its id: of those of the last 30 days, and where none of
 * them begins so, of all.
 * @throws {@link UnknownNameError} the catalog has none.
 * @throws {@link UsageError} several ids begin so.
 */
export async function resolveRestore(catalog: Catalog, text: string, now: Date): Promise<RestoreRow> {
  const exact = await catalog.restores.find(text);
  if (exact !== undefined) return exact;
  const found: RestoreRow[] = [];
  if (/^[0-9a-f]{4,31}$/.test(text) || isArn(text)) {
    const from = new Date(now.getTime() - searchedDays * dayMs);
    for (const range of [{ from }, { to: from }]) {
      if (found.length > 0) break;
      for await (const row of catalog.restores.list(range))
        if (row.execution === text || row.restoreId.startsWith(text)) found.push(row);
    }
  }
  const [restore] = found;
  if (restore === undefined) {
    throw new UnknownNameError(
      `restore "${text}" is not in the catalog; "holdfast restores" lists the newest ones; one that has just been started ` +
        'appears when it is planned',
    );
  }
  if (found.length === 1) return restore;
  throw ambiguous(
    text,
    found.map(({ restoreId }) => restoreId),
    'write more of the id',
  );
}
