import { safety } from '@holdfast/engine/model';
/** Of the time that it has taken already. */
const waitShare = 1 / 50;

/**
 * When to look again at what AWS is making: as often as asked in the beginning, then after a fiftieth of the time that it
 * has taken, ten minutes at most. A state machine looks by this some 1,300 times in eight days, which is 12,000 of the
 * 25,000 events that an execution may have. Seconds.
 */
export function nextLookSeconds(pollSeconds: number, sinceOrderedMs: number): number {
  const growing = Math.ceil((sinceOrderedMs / 1000) * waitShare);
  return Math.min(Math.max(pollSeconds, growing), Math.max(pollSeconds, safety.longestLookSeconds));
}
