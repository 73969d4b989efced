import type { ShardJson } from '@holdfast/engine';

/**
 * Number of first shards that are small and grow one by one: a worker waits until the shard before has been listed,
 * which must not take longer than its own work on the last one.
 */
export const growingShards = 8;

/** News of a worker that leaves work to others: what is left of its range, or of a large content. */
export interface CutNews {
  /** Index of the worker's shard. */
  readonly index: number;
  /** In the order of keys, right behind the shard: stretches of a large object, then what is left of a range. */
  readonly following: readonly Omit<ShardJson, 'index'>[];
  /** True where the worker may leave still more of this shard. */
  readonly goesOn: boolean;
}

/** Shards that any number of takers share; whoever ends them ends them for all, also for those who wait. */
export type Shards = Required<Omit<AsyncIterableIterator<ShardJson, undefined>, 'throw'>>;

/**
 * The shards of a backup whose workers share the listing. The first shard is the whole source; a worker that takes a
 * range cuts its own shard off, and tells what follows while it protects that; so does one that leaves the rest of a large
 * content. Every worker tells that it leaves no more.
 */
export class ShardQueue {
  /** In the order of keys, in which they are given out: a content that was begun comes before the next one. */
  readonly #waiting: ShardJson[] = [];
  readonly #onLast: () => void;
  readonly #order: number[] = [];
  /** Workers that may still tell of more. */
  #telling = 0;
  #ended = false;
  #changed = Promise.withResolvers<void>();

  /** @param onLast - called when the last shard has been given out. */
  constructor(onLast: () => void = () => {}) {
    this.#onLast = onLast;
    this.#add([{}], 0);
  }

  /** Indexes of all shards in the order of their keys. */
  get order(): readonly number[] {
    return this.#order;
  }

  take({ index, following, goesOn }: CutNews): void {
    if (!goesOn) this.#telling -= 1;
    this.#add(following, this.#order.lastIndexOf(index) + 1);
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
        this.#telling += 1;
        return { done: false, value };
      }
      if (this.#telling > 0) {
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

  #add(shards: readonly Omit<ShardJson, 'index'>[], place: number): void {
    const first = this.#order.length;
    this.#order.splice(place, 0, ...shards.map((_, at) => first + at));
    const later = this.#waiting.findIndex(({ index }) => this.#order.lastIndexOf(index) > place);
    const at = later < 0 ? this.#waiting.length : later;
    this.#waiting.splice(at, 0, ...shards.map((shard, nth) => ({ ...shard, index: first + nth })));
  }
}
