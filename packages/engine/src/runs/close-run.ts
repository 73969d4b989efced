import type { ErrorRecord } from '../model/error-record.ts';
import { RunClosedError } from '../errors.ts';
import type { RunId } from '../ids.ts';
import type { Catalog } from '../ports/catalog/catalog.ts';
import type { RunRow } from '../ports/catalog/runs.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/**
 * Records that a run failed, and frees its resource. A cancelled run ends as cancelled. Repeatable; a run that has
 * ended keeps its first outcome.
 */
export async function failRun(
  services: { readonly catalog: Pick<Catalog, 'runs'>; readonly store: Pick<ObjectStore, 'now'> },
  runId: RunId,
  error: ErrorRecord,
): Promise<RunRow> {
  const run = await services.catalog.runs.find(runId);
  const cancelled = run?.state === 'cancelling';
  return services.catalog.runs.close(runId, {
    state: cancelled ? 'cancelled' : 'failed',
    endedAt: await services.store.now(),
    error: cancelled
      ? { name: 'RunClosedError', message: new RunClosedError(runId, 'it was cancelled').message }
      : error,
  });
}
