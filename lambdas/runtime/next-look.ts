import { safety } from '@holdfast/engine/model';
const waitShare = 1 / 50;

/**
 * Seconds until the next look at what AWS is making: as many as asked in the beginning, then a fiftieth of the time
 * that it has taken, ten minutes at most. A state machine looks by this some 1,300 times in eight days, which is 12,000
 * of the 25,000 events that an execution may have.
 */
export function nextLookSeconds(pollSeconds: number, sinceOrderedMs: number): number {
  const growing = Math.ceil((sinceOrderedMs / 1000) * waitShare);
  return Math.min(Math.max(pollSeconds, growing), Math.max(pollSeconds, safety.longestLookSeconds));
}
