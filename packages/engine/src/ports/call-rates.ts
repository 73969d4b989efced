/** Calls whose rate AWS limits for a whole account. */
export type RatedCall = 'read-block' | 'write-block';

/** Calls of one second that workers have asked for and been given, of one thing that has a limit. */
export interface SecondCount {
  /** Calls that were asked for, by how many workers. */
  readonly asked: number;
  readonly askers: number;
  /** The same of the second before. */
  readonly askedBefore: number;
  readonly askersBefore: number;
  readonly given: number;
  /** Calls, of those that were reserved for the askers of the second before, for which these have come. */
  readonly claimed: number;
}

/** The counts of a kind of call: of the account, and of each snapshot. */
export interface CallCounts {
  /** Whole seconds since the epoch, in which what is given may be used. */
  readonly second: number;
  readonly account: SecondCount;
  readonly snapshots: Readonly<Record<string, SecondCount>>;
}

/**
 * A place where all workers of a deployment keep the counts of a kind of call. An adapter has to prove that of several
 * callers who replace the same counts one succeeds.
 */
export interface CallRates {
  /** @returns the counts, and a token for what they were when they were read; `undefined` before the first. */
  find(call: RatedCall): Promise<{ readonly counts: CallCounts; readonly version: number } | undefined>;
  /**
   * Replaces counts. After a failure it may have happened: what was given then is lost for its second.
   * @param version - of the counts as they were read. @returns `changed` when they are other ones by now.
   */
  replace(call: RatedCall, version: number | undefined, counts: CallCounts): Promise<'replaced' | 'changed'>;
}
