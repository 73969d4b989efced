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

/**
 * The shards of a backup whose workers share the listing. The first shard is the whole source; a worker that takes a
 * range cuts its own shard off, and tells what follows while it protects that. As only the last range is ever cut,
 * shards are numbered in the order of their keys.
 */
export class ShardQueue {
  readonly #waiting: ShardJson[] = [];
  #count = 0;
  /** True while a worker has the last range and has not told what follows. */
  #cutting = false;
  #changed = Promise.withResolvers<void>();

  constructor() {
    this.#add({});
  }

  get count(): number {
    return this.#count;
  }

  take({ following }: CutNews): void {
    this.#cutting = false;
    for (const shard of following) this.#add(shard);
    this.#changed.resolve();
  }

  /** The shards as they become known. A shard without a stretch is a range that its worker has to cut. */
  async *shards(): AsyncGenerator<ShardJson, void, undefined> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) {
        if (next.stretch === undefined) this.#cutting = true;
        yield next;
      } else if (this.#cutting) {
        await this.#changed.promise;
        this.#changed = Promise.withResolvers<void>();
      } else {
        return;
      }
    }
  }

  #add(shard: Omit<ShardJson, 'index'>): void {
    this.#waiting.push({ ...shard, index: this.#count });
    this.#count += 1;
  }
}
