/** A resource's tags by key. */
export type Tags = Readonly<Record<string, string>>;

interface TagState {
  readonly since: Date;
  readonly tags: Tags;
}

/** The tags of resources over time, as the tagging service's index runs behind and remembers lost tags. */
export class TagHistory {
  readonly #states = new Map<string, TagState[]>();

  get(resourceId: string): Tags {
    return this.#states.get(resourceId)?.at(-1)?.tags ?? {};
  }

  /** Tags at an earlier time, or `undefined` when the resource had never been tagged until then. */
  findAt(resourceId: string, time: Date): Tags | undefined {
    return this.#states.get(resourceId)?.findLast((state) => state.since.getTime() <= time.getTime())?.tags;
  }

  put(resourceId: string, tags: Tags, now: Date): void {
    const states = this.#states.get(resourceId) ?? [];
    states.push({ since: now, tags });
    this.#states.set(resourceId, states);
  }

  /** Ids that ever had a tag, with those of removed resources. */
  listIds(): string[] {
    return [...this.#states.keys()];
  }

  remove(resourceId: string): void {
    this.#states.delete(resourceId);
  }
}
