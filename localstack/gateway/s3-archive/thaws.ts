const dayMs = 86_400_000;

interface Thaw {
  readonly readableFrom: Date;
  readonly expiresAt: Date;
}

/** Where one object stands: `undefined` is frozen. */
export type ThawStanding =
  | { readonly state: 'thawing' }
  | { readonly state: 'thawed'; readonly expiresAt: Date }
  | undefined;

/** Which objects are thawing or thawed, each by an id that no other version has. Lost when the gateway ends. */
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

  /** Begins a thaw that ends at a time, or of what is thawed already, changes until when its copy stays. */
  thaw(id: string, readableFrom: Date, days: number): void {
    this.#thaws.set(id, { readableFrom, expiresAt: midnightAfter(readableFrom.getTime() + days * dayMs) });
  }
}

/** The next midnight, UTC, which is when S3 removes a readable copy. */
function midnightAfter(time: number): Date {
  return new Date((Math.floor(time / dayMs) + 1) * dayMs);
}
