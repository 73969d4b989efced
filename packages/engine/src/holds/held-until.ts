import { safety } from '../model/safety.ts';
import type { ResourceArn } from '../ids.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { generationEnd } from '../runs/generation.ts';
import { dayMs } from '../model/time.ts';

/** The lock that a held point needs now. */
export interface HeldUntil {
  /** A point that is locked until then is left as it is. */
  readonly enough: Date;
  /** The others are locked until then, and stay so after the hold is released. At most 37 days from now. */
  readonly until: Date;
}

/**
 * Decides how long from now a hold locks the points of a resource. The lock is renewed every day while the hold is in
 * force. It cannot be taken back: less is better, as long as maintenance can fail for a while.
 */
export function heldUntil(now: Date, resourceArn: ResourceArn): HeldUntil {
  const after = (days: number): Date => new Date(now.getTime() + days * dayMs);
  return {
    enough: after(safety.heldLeastDays),
    until: generationEnd(after(safety.heldLockDays), resourceKeyOf(resourceArn), safety.heldStaggerDays),
  };
}
