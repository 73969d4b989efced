import type { ShardJson } from '@holdfast/engine';

/**
 * Number of first shards that are small and grow one by one: a worker waits until the shard before has been listed,
 * which must not take longer than its own work on the last one.
 */
export const growingShards = 8;

/** News of a worker that has cut its shard off a range: the work that is left. */
export interface CutNews {
  /** In the order of keys: stretches of the shard's large object, then what is left of the range. */
  readonly following: readonly Omit<ShardJson, 'index'>[];
}

/** Shards that any number of takers share; whoever ends them ends them for all, also for those who wait. */
export type Shards = Required<Omit<AsyncIterableIterator<ShardJson, undefined>, 'throw'>>;

/**
 * The shards of a backup whose workers share the listing. The first shard is the whole source; a worker that takes a
 * range cuts its own shard off, and tells what follows while it protects that. As only the last range is ever cut,
 * shards are numbered in the order of their keys.
 */
export class ShardQueue {
  readonly #waiting: ShardJson[] = [];
  readonly #onLast: () => void;
  #count = 0;
  /** True while a worker has the last range and has not told what follows. */
  #cutting = false;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** @param onLast - called when the last shard has been given out. */
  constructor(onLast: () => void = () => {}) {
    this.#onLast = onLast;
    this.#add({});
  }

  get count(): number {
    return this.#count;
  }

  take({ following }: CutNews): void {
    this.#cutting = false;
    for (const shard of following) this.#add(shard);
    this.#wake();
  }

  /**
   * The shards as they become known, for any number of takers. A shard without a stretch is a range that its worker has
   * to cut. Not a generator: its end waits for every taker before it, and one may wait for a worker that has failed.
   */
  shards(): Shards {
    return {
      next: async () => this.#next(),
      return: async () => {
        this.#ended = true;
        this.#wake();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  async #next(): Promise<IteratorResult<ShardJson, undefined>> {
    while (!this.#ended) {
      const value = this.#waiting.shift();
      if (value !== undefined) {
        if (value.stretch === undefined) this.#cutting = true;
        return { done: false, value };
      }
      if (this.#cutting) {
        await this.#changed.promise;
      } else {
        this.#ended = true;
        this.#onLast();
      }
    }
    return { done: true, value: undefined };
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #add(shard: Omit<ShardJson, 'index'>): void {
    this.#waiting.push({ ...shard, index: this.#count });
    this.#count += 1;
  }
}
