import type { AmountKnown, Clock, ProgressReports, WorkAmount } from '@holdfast/engine';
import { safety } from '@holdfast/engine/model';
import { answerWithin } from './answer-within.ts';
import type { Logger } from './logger.ts';

/** A call waits no longer than this for its last report to be taken; the first one of a function also opens a connection. */
const longestReportMs = 5_000;
/** Part of a call's time that is left for its answer to get out. */
const spareMs = 1_000;

interface Reporting {
  readonly progress: Pick<ProgressReports, 'report'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PartProgress {
  /** To be called as work goes on, with what was done of the part so far; reports from time to time, never waits or throws. */
  readonly note: (done: WorkAmount) => void;
  /**
   * Says what the part came to by the end of a call, however short, or the sum of all would lack it. Never throws, and
   * takes none of the last second of the call.
   */
  readonly end: (done: WorkAmount, timeLeftMs: number) => Promise<void>;
}

/**
 * Reports on one part of a run or restore: `progressSeconds` after the call began at the earliest, then as seldom, and once
 * when it ends. Driven by progress, not by a timer. A catalog that refuses, throttles or hangs is one line in the log.
 */
export function followPart({ progress, clock, log }: Reporting, workId: string, part: number): PartProgress {
  let saidMs = clock.elapsedMs();
  let running: Promise<void> | undefined;
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (!hasFailed) log.info('progress was not reported', { workId, part, reason: reasonOf(error) });
    hasFailed = true;
  };
  const report = async (done: WorkAmount): Promise<void> => {
    try {
      await progress.report(workId, part, { files: done.files, bytes: done.bytes }, clock.now());
    } catch (error) {
      fail(error);
    } finally {
      running = undefined;
    }
  };
  return {
    note: (done) => {
      if (running !== undefined || clock.elapsedMs() - saidMs < safety.progressSeconds * 1000) return;
      saidMs = clock.elapsedMs();
      running = report(done);
    },
    end: async (done, timeLeftMs) => {
      await answerWithin(Math.min(longestReportMs, timeLeftMs - spareMs), async () => report(done)).catch(
        fail,
      );
    },
  };
}

/** Notes what all parts come to. Best effort: without it people see no percentage. */
export async function noteTotal(
  {
    catalog,
    clock,
    log,
  }: Omit<Reporting, 'progress'> & { readonly catalog: { readonly progress: ProgressReports } },
  workId: string,
  total: AmountKnown,
): Promise<void> {
  try {
    await answerWithin(longestReportMs, async () => catalog.progress.noteTotal(workId, total, clock.now()));
  } catch (error) {
    log.info('the total of the work was not noted', { workId, reason: reasonOf(error) });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
