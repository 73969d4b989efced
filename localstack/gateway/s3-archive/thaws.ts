import { dayMs } from '@holdfast/engine/model';

interface Thaw {
  readonly askedAt: Date;
  readonly days: number;
  /** Of a copy that was found readable: it stays so, however long thaws take from then on. */
  readonly expiresAt: Date | undefined;
}

/** Standing of one object; `undefined` is frozen. */
export type ThawStanding =
  | { readonly state: 'thawing' }
  | { readonly state: 'thawed'; readonly expiresAt: Date }
  | undefined;

/** Thaws of objects, each by an id that no other version has. Lost when the gateway ends. */
export class Thaws {
  readonly #thaws = new Map<string, Thaw>();

  /** @param thawMs - that a thaw takes which has not ended yet. */
  standing(id: string, now: Date, thawMs: number): ThawStanding {
    const thaw = this.#thaws.get(id);
    if (thaw === undefined) return undefined;
    const readableFrom = thaw.askedAt.getTime() + thawMs;
    if (thaw.expiresAt === undefined && now.getTime() < readableFrom) return { state: 'thawing' };
    const { expiresAt = midnightAfter(readableFrom + thaw.days * dayMs) } = thaw;
    if (now < expiresAt) {
      this.#thaws.set(id, { ...thaw, expiresAt });
      return { state: 'thawed', expiresAt };
    }
    this.#thaws.delete(id);
    return undefined;
  }

  /** Begins a thaw, or changes how long the copy of a thawed object stays. */
  thaw(id: string, now: Date, days: number, standing: ThawStanding): void {
    const expiresAt = standing && midnightAfter(now.getTime() + days * dayMs);
    this.#thaws.set(id, { askedAt: now, days, expiresAt });
  }
}

/** S3 removes a readable copy at the next midnight, UTC. */
function midnightAfter(time: number): Date {
  return new Date((Math.floor(time / dayMs) + 1) * dayMs);
}
