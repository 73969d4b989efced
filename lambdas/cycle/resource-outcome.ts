import { type CatalogReader, type PointRow, type ResourceArn, type RunRow, unreadOf } from '@holdfast/engine';
import type { Plan } from '@holdfast/engine/model';
import type { CycleList } from './cycle-list.ts';
import { skipReason } from '../protect/skip-reason.ts';

export interface ResourceOutcome {
  readonly arn: ResourceArn;
  readonly state: 'completed' | 'completed-with-warnings' | 'degraded' | 'failed' | 'skipped';
  /** Reason for a failure or a skip, or what the point could not read. */
  readonly reason?: string;
  readonly readBytes: number;
  readonly storedBytes: number;
}

const noBytes = { readBytes: 0, storedBytes: 0 } as const;

/**
 * Finds the outcome of a resource in its run or, where there is none, the reason for that.
 * @param plan - of the cycle; it may not be deployed any more.
 * @param endedEarly - reason that the map over the resources did not come to its end, if it did not.
 */
export async function findOutcome(
  catalog: CatalogReader,
  item: CycleList[number],
  type: RunRow['requestedType'],
  plan: Plan | undefined,
  endedEarly?: NonNullable<RunRow['error']>,
): Promise<ResourceOutcome> {
  const { resourceArn: arn, kind, runId } = item;
  const run = await catalog.runs.find(runId);
  if (run === undefined) {
    const skipped = skipReason(kind, type, plan);
    if (skipped !== undefined) return { arn, state: 'skipped', reason: skipped, ...noBytes };
    const reason =
      endedEarly === undefined
        ? await whyNoRun(catalog, item)
        : `it was not begun: ${endedEarly.name}: ${endedEarly.message}`;
    return { arn, state: 'failed', reason, ...noBytes };
  }
  switch (run.state) {
    case 'completed':
    case 'completed-with-warnings':
    case 'degraded': {
      const point = run.pointId && (await catalog.points.find(run.pointId));
      return {
        arn,
        state: run.state,
        ...(run.state === 'degraded' && { reason: degradedReason(point || undefined) }),
        readBytes: point?.counts.readBytes ?? 0,
        storedBytes: point?.counts.storedBytes ?? 0,
      };
    }
    case 'failed':
    case 'cancelled': {
      const { name, message } = run.error ?? { name: run.state, message: 'no reason was recorded' };
      return { arn, state: 'failed', reason: `${name}: ${message}`, ...noBytes };
    }
    default:
      // Open or cancelling: nobody is left who would close it.
      return { arn, state: 'failed', reason: `its execution ended and left run ${runId} open`, ...noBytes };
  }
}

function degradedReason(point: PointRow | undefined): string {
  if (point === undefined) return 'its point could not read everything';
  const { carried, missing } = unreadOf(point);
  return `point ${point.pointId} could not read ${carried + missing} entries and lacks ${missing} of them`;
}

/** A run that was never opened left no trace of its own; mostly another one was in its way. */
async function whyNoRun(catalog: CatalogReader, { resourceArn, runId }: CycleList[number]): Promise<string> {
  const { lastRunId, lastRunState } = (await catalog.resources.find(resourceArn)) ?? {};
  const isOpen = lastRunState === 'open' || lastRunState === 'cancelling';
  const other = isOpen ? `run ${lastRunId} of an earlier cycle is still at work` : 'no run was opened';
  return `${other}; the protect execution ${runId} says why`;
}
