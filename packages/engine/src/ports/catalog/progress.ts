import { sum } from '../../sum.ts';

export interface WorkAmount {
  readonly files: number;
  readonly bytes: number;
}

export function addAmounts(amounts: readonly WorkAmount[]): WorkAmount {
  return { files: sum(amounts.map(({ files }) => files)), bytes: sum(amounts.map(({ bytes }) => bytes)) };
}

/** An amount of which one half may not be known. */
export type AmountKnown = { readonly [Of in keyof WorkAmount]?: number | undefined };

/** Sum of what the parts of a run or restore have reported. */
export interface ReportedWork extends WorkAmount {
  /** All that there is to do, as far as planning knows it. */
  readonly total?: AmountKnown;
}

/**
 * Reports of workers, for people who wait: they decide nothing, and nothing else in the catalog depends on them. Every
 * report lies in a row of its own, which vanishes by itself `progressDays` after it was made.
 */
export interface ProgressReports {
  /**
   * Says what a part has done since its beginning, over all calls and attempts. A part never goes back: a report that is
   * smaller in either number changes nothing, so repeated and late ones are harmless.
   * @param workId - of a run or a restore.
   */
  report(workId: string, part: number, done: WorkAmount, at: Date): Promise<void>;
  /** Says what all parts will come to. The last word stays. */
  noteTotal(workId: string, total: AmountKnown, at: Date): Promise<void>;
  /** Adds up all parts: costs reading a row of each. @returns `undefined` where no part has reported. */
  find(workId: string): Promise<ReportedWork | undefined>;
}
