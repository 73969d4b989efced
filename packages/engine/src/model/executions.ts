/**
 * How long an execution of each machine may take: the outer net, past which Step Functions ends it and no state of its own
 * runs any more. What waits inside has limits of its own, which end in the failure path. Hours. Lists and results in the
 * work bucket are there for 14 days, so none may be longer; a shorter one ends what still makes progress.
 */
export const longestExecutionHours = {
  /** Between a cycle's map, which waits ten days for a run, and the largest first backup. */
  protect: 9 * 24,
  cycle: 12 * 24,
  /** Two days of thawing, and as long as a backup of the same bytes. */
  restore: 12 * 24,
  hold: 2 * 24,
  maintenance: 2 * 24,
} as const;

/** What an execution ends with whose failure path failed: nobody was told, and what it had opened is open still. */
export const unreportedError = 'UnreportedError';
