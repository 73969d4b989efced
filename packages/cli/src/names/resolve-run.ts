import { type Catalog, type RunId, type RunRow, UnknownNameError } from '@holdfast/engine';
import { UsageError } from '../terminal/errors.ts';
import { safeText } from '../terminal/text.ts';

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
    const from = new Date(now.getTime() - searchedDays * 86_400_000);
    for await (const run of catalog.runs.list({}, { from })) if (run.runId.startsWith(text)) found.push(run);
  }
  const [run] = found;
  if (run === undefined) {
    throw new UnknownNameError(
      `run "${safeText(text)}" is not in the catalog; "holdfast runs" lists the newest ones`,
    );
  }
  if (found.length === 1) return run;
  throw new UsageError(
    `"${text}" may be any of ${found.map(({ runId }) => runId).join(', ')}; write more of the id`,
  );
}
