import { decodePage, encodeLeaf, isLeaf, type Entry } from '../manifest/page-codec.ts';
import type { PackId } from '../ids.ts';
import type { WorkStore } from '../ports/work-store.ts';

/** Entries of one scratch object, or as many as have so many bytes: those of content have up to 50 kB each. */
const entriesPerPart = 4_096;
const bytesPerPart = 4 * 2 ** 20;
/** Scratch pages refer to no other page, so the pack that they lie in is nobody's. */
const nowhere = { packId: '' as PackId };

/**
 * Manifest entries on their way into a container: written by one process after the other in the order of keys, and read
 * back part by part. Pages of an unfinished upload cannot be read, so the tree is built at the very end.
 * Memory: one part.
 */
export class ScratchEntries {
  readonly #work: WorkStore;
  readonly #prefix: string;
  #parts: number;
  #open: Entry[] = [];
  #openBytes = 0;

  constructor(work: WorkStore, prefix: string, parts: number) {
    this.#work = work;
    this.#prefix = prefix;
    this.#parts = parts;
  }

  async add(entry: Entry): Promise<void> {
    this.#open.push(entry);
    this.#openBytes += entry.key.length + entry.logical.length + entry.location.length;
    if (this.#open.length >= entriesPerPart || this.#openBytes >= bytesPerPart) await this.flush();
  }

  /** Writes what is held. @returns the parts so far, for the next process. */
  async flush(): Promise<number> {
    if (this.#open.length > 0) {
      await this.#work.put(this.#name(this.#parts), encodeLeaf(this.#open));
      this.#parts += 1;
      this.#open = [];
      this.#openBytes = 0;
    }
    return this.#parts;
  }

  /** The entries of one part, of whatever process. */
  async read(part: number): Promise<readonly Entry[]> {
    const page = decodePage(await this.#work.get(this.#name(part)), nowhere, this.#name(part));
    return isLeaf(page) ? page.entries : [];
  }

  #name(part: number): string {
    return `${this.#prefix}entries/${part}`;
  }
}
