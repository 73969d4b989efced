import * as z from 'zod';
import { newId } from '../bytes.ts';
import { decodePage, encodeLeaf, isLeaf, type Entry } from '../manifest/page-codec.ts';
import type { PackId } from '../ids.ts';
import type { RandomBytes } from '../ports/random-bytes.ts';
import type { WorkStore } from '../ports/work-store.ts';

/** Entries of one scratch object, or as many as have so many bytes: those of content have up to 50 kB each. */
const entriesPerPart = 4_096;
const bytesPerPart = 4 * 2 ** 20;
/** Scratch pages refer to no other page, so the pack that they lie in is nobody's. */
const nowhere = { packId: '' as PackId };

/** The parts that one call wrote. */
export const ScratchRun = z.object({ name: z.string(), parts: z.int().nonnegative() });
export type ScratchRun = z.infer<typeof ScratchRun>;

/**
 * Manifest entries on their way into a container: written by one call after the other in the order of keys, and read
 * back part by part. Pages of an unfinished upload cannot be read, so the tree is built at the very end. Each call
 * writes under a name of its own: one that is repeated while it still runs gives the same entries other locations,
 * even in another container. Memory: one part.
 */
export class ScratchEntries {
  readonly #work: WorkStore;
  readonly #before: readonly ScratchRun[];
  readonly #name: string;
  #parts = 0;
  #open: Entry[] = [];
  #openBytes = 0;

  /** @param before - what earlier calls wrote. */
  constructor(
    { work, random }: { readonly work: WorkStore; readonly random: RandomBytes },
    prefix: string,
    before: readonly ScratchRun[],
  ) {
    this.#work = work;
    this.#before = before;
    this.#name = `${prefix}entries/${newId(random)}`;
  }

  async add(entry: Entry): Promise<void> {
    this.#open.push(entry);
    this.#openBytes += entry.key.length + entry.logical.length + entry.location.length;
    if (this.#open.length >= entriesPerPart || this.#openBytes >= bytesPerPart) await this.#put();
  }

  /** Writes what is held. @returns what all calls wrote so far, for the next one. */
  async flush(): Promise<readonly ScratchRun[]> {
    await this.#put();
    return this.#parts === 0 ? this.#before : [...this.#before, { name: this.#name, parts: this.#parts }];
  }

  async #put(): Promise<void> {
    if (this.#open.length === 0) return;
    await this.#work.put(partName(this.#name, this.#parts), encodeLeaf(this.#open));
    this.#parts += 1;
    this.#open = [];
    this.#openBytes = 0;
  }
}

export function listScratchParts(runs: readonly ScratchRun[]): readonly string[] {
  return runs.flatMap(({ name, parts }) => Array.from({ length: parts }, (_, part) => partName(name, part)));
}

export async function readScratchPart(work: WorkStore, name: string): Promise<readonly Entry[]> {
  const page = decodePage(await work.get(name), nowhere, name);
  return isLeaf(page) ? page.entries : [];
}

function partName(run: string, part: number): string {
  return `${run}/${part}`;
}
