import type { RestoreShard } from '@holdfast/engine';
import { hasUntaken, type SharedFile } from './shared-file.ts';

/** A worker's task: a shard, or to help another worker with a file of its shard. */
export type RestoreTask = { readonly shard: RestoreShard } | { readonly help: SharedFile };

/**
 * Tasks of a restore's workers: the shards, and, for who is free when all are taken, large files that others are at.
 * Ends when all shards are done.
 */
export class RestoreQueue {
  readonly #shards: readonly RestoreShard[];
  #given = 0;
  #done = 0;
  #files: readonly SharedFile[] = [];
  #changed = Promise.withResolvers<void>();

  constructor(shards: readonly RestoreShard[]) {
    this.#shards = shards;
  }

  /** Notes a file whose worker asks for help. */
  addFile(file: SharedFile): void {
    this.#files = [...this.#files, file];
    this.#wake();
  }

  /** Notes that a shard is done. */
  endShard(): void {
    this.#done += 1;
    this.#wake();
  }

  async *tasks(): AsyncGenerator<RestoreTask, void, undefined> {
    while (this.#done < this.#shards.length) {
      const shard = this.#shards[this.#given];
      this.#files = this.#files.filter(hasUntaken);
      const [help] = this.#files;
      if (shard !== undefined) {
        this.#given += 1;
        yield { shard };
      } else if (help === undefined) {
        await this.#changed.promise;
      } else {
        yield { help };
      }
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
