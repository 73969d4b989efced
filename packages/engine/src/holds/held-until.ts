import type { ResourceArn } from '../ids.ts';
import { resourceKeyOf } from '../points/point-id.ts';
import { generationEnd } from '../runs/generation.ts';

const dayMs = 86_400_000;

/** How far ahead of now the locks of held points are kept. A lock cannot be taken back: less is better, as long as maintenance can fail for a while. */
const held = {
  /** A point whose lock ends sooner is prolonged. Fewer days, and maintenance that does not run for so long loses points. */
  leastDays: 15,
  /** It is then locked for so long. Fewer days, and more of the days on which its packs are looked at. */
  lockDays: 30,
  /** And up to so much longer, by its resource, so that a large hold is not renewed on one day. */
  staggerDays: 7,
};

/** The lock that a held point needs now. */
export interface HeldUntil {
  /** A point that is locked until then is left as it is. */
  readonly enough: Date;
  /** The others are locked until then, and stay so after the hold is released. At most 37 days from now. */
  readonly until: Date;
}

/** How long a hold locks the points of a resource, from now. Renewed every day, while the hold is in force. */
export function heldUntil(now: Date, resourceArn: ResourceArn): HeldUntil {
  const after = (days: number): Date => new Date(now.getTime() + days * dayMs);
  return {
    enough: after(held.leastDays),
    until: generationEnd(after(held.lockDays), resourceKeyOf(resourceArn), held.staggerDays),
  };
}
