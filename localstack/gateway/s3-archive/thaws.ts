import { dayMs } from '@holdfast/engine/model';

interface Thaw {
  readonly readableFrom: Date;
  readonly expiresAt: Date;
}

/** Standing of one object; `undefined` is frozen. */
export type ThawStanding =
  | { readonly state: 'thawing' }
  | { readonly state: 'thawed'; readonly expiresAt: Date }
  | undefined;

/** Thaws of objects, each by an id that no other version has. Lost when the gateway ends. */
export class Thaws {
  readonly #thaws = new Map<string, Thaw>();

  standing(id: string, now: Date): ThawStanding {
    const thaw = this.#thaws.get(id);
    if (thaw === undefined) return undefined;
    if (now < thaw.readableFrom) return { state: 'thawing' };
    if (now < thaw.expiresAt) return { state: 'thawed', expiresAt: thaw.expiresAt };
    this.#thaws.delete(id);
    return undefined;
  }

  /** Begins a thaw that ends at a time, or changes how long the copy of a thawed object stays. */
  thaw(id: string, readableFrom: Date, days: number): void {
    this.#thaws.set(id, { readableFrom, expiresAt: midnightAfter(readableFrom.getTime() + days * dayMs) });
  }
}

/** S3 removes a readable copy at the next midnight, UTC. */
function midnightAfter(time: number): Date {
  return new Date((Math.floor(time / dayMs) + 1) * dayMs);
}
