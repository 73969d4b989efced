import { decodePage, encodeLeaf, isLeaf, type Entry } from '../manifest/page-codec.ts';
import type { PackId } from '../ids.ts';
import type { WorkStore } from '../ports/work-store.ts';

/** Entries of one scratch object. */
const entriesPerPart = 4_096;
/** Scratch pages refer to no other page, so the pack that they lie in is nobody's. */
const nowhere = { packId: '' as PackId };

/**
 * Manifest entries on their way into a container: written by one process after the other in the order of keys, read
 * back in one go. Pages of an unfinished upload cannot be read, so the tree is built at the very end.
 * Memory: {@link entriesPerPart} entries.
 */
export class ScratchEntries {
  readonly #work: WorkStore;
  readonly #prefix: string;
  #parts: number;
  #open: Entry[] = [];

  constructor(work: WorkStore, prefix: string, parts: number) {
    this.#work = work;
    this.#prefix = prefix;
    this.#parts = parts;
  }

  async add(entry: Entry): Promise<void> {
    this.#open.push(entry);
    if (this.#open.length >= entriesPerPart) await this.flush();
  }

  /** Writes what is held. @returns the parts so far, for the next process. */
  async flush(): Promise<number> {
    if (this.#open.length > 0) {
      await this.#work.put(this.#name(this.#parts), encodeLeaf(this.#open));
      this.#parts += 1;
      this.#open = [];
    }
    return this.#parts;
  }

  /** All entries, of all processes. */
  async *all(): AsyncGenerator<Entry> {
    for (let part = 0; part < this.#parts; part += 1) {
      const page = decodePage(await this.#work.get(this.#name(part)), nowhere, this.#name(part));
      if (isLeaf(page)) yield* page.entries;
    }
  }

  #name(part: number): string {
    return `${this.#prefix}entries/${part}`;
  }
}
