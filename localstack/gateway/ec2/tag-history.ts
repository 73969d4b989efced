export type Tags = Readonly<Record<string, string>>;

interface TagState {
  readonly since: Date;
  readonly tags: Tags;
}

/** Tags of resources over time: the index of the tagging service lags, and remembers lost tags. */
export class TagHistory {
  readonly #states = new Map<string, TagState[]>();

  get(resourceId: string): Tags {
    return this.#states.get(resourceId)?.at(-1)?.tags ?? {};
  }

  /** @returns `undefined` when the resource had never been tagged until then. */
  findAt(resourceId: string, time: Date): Tags | undefined {
    return this.#states.get(resourceId)?.findLast((state) => state.since.getTime() <= time.getTime())?.tags;
  }

  put(resourceId: string, tags: Tags, now: Date): void {
    const states = this.#states.get(resourceId) ?? [];
    states.push({ since: now, tags });
    this.#states.set(resourceId, states);
  }

  /** Ids that ever had a tag, including those of removed resources. */
  listIds(): string[] {
    return [...this.#states.keys()];
  }

  remove(resourceId: string): void {
    this.#states.delete(resourceId);
  }
}
