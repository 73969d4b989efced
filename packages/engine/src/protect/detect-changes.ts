import { isEntryOf, type FileEntry } from '../manifest/file-entry.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { BaseFile } from './base-files.ts';

export type Decision =
  | { readonly action: 'keep'; readonly listed: SourceEntry; readonly base: BaseFile }
  | { readonly action: 'read'; readonly listed: SourceEntry; readonly base?: BaseFile }
  | { readonly action: 'remove'; readonly base: BaseFile };

/** Most decisions of a portion, and most entries of a portion where the listing is in memory already. */
const portionMost = 256;

/**
 * Compares a listing with the base, path by path; both come in the order of their paths' bytes. Decisions come in
 * portions: a promise for each of a million files that did not change would cost more than looking at them.
 * Memory: one path of a listing that is still under way, and one page of the base.
 * @param mustRead - says of a path that looks unchanged that it has to be read all the same.
 */
export async function* detectChanges(
  listing: AsyncIterable<SourceEntry> | Iterable<SourceEntry>,
  base: AsyncIterable<readonly BaseFile[]>,
  mustRead: (file: BaseFile) => boolean,
): AsyncGenerator<readonly Decision[], void, undefined> {
  const before = new PortionCursor(base);
  try {
    await before.fill();
    for await (const portion of portionsOf(listing)) {
      let decisions: Decision[] = [];
      for (const listed of portion) {
        let order = before.current?.compareTo(listed.path) ?? 1;
        while (before.current !== undefined && order < 0) {
          decisions.push({ action: 'remove', base: before.current });
          if (decisions.length >= portionMost) {
            yield decisions;
            decisions = [];
          }
          if (before.next()) await before.fill();
          order = before.current?.compareTo(listed.path) ?? 1;
        }
        if (before.current === undefined || order > 0) {
          decisions.push({ action: 'read', listed });
          continue;
        }
        const file = before.current;
        const unchanged = isAsListed(file, listed) && !mustRead(file);
        decisions.push({ action: unchanged ? 'keep' : 'read', listed, base: file });
        if (before.next()) await before.fill();
      }
      yield decisions;
    }
    for (; before.current !== undefined; await before.fill()) {
      const removed: Decision[] = [];
      do removed.push({ action: 'remove', base: before.current });
      while (!before.next());
      yield removed;
    }
  } finally {
    await before.end();
  }
}

/** Splits a listing into portions: single entries while it is under way, so that none waits for the next. */
async function* portionsOf(
  listing: AsyncIterable<SourceEntry> | Iterable<SourceEntry>,
): AsyncGenerator<readonly SourceEntry[]> {
  if (Symbol.asyncIterator in listing) {
    for await (const entry of listing) yield [entry];
    return;
  }
  let portion: SourceEntry[] = [];
  for (const entry of listing) {
    portion.push(entry);
    if (portion.length < portionMost) continue;
    yield portion;
    portion = [];
  }
  if (portion.length > 0) yield portion;
}

/** Goes through items that come in portions, waiting only for the portions. */
class PortionCursor<Item> {
  readonly #portions: AsyncIterator<readonly Item[]>;
  #portion: readonly Item[] = [];
  #at = 0;

  constructor(portions: AsyncIterable<readonly Item[]>) {
    this.#portions = portions[Symbol.asyncIterator]();
  }

  /** `undefined` at the end, and where the cursor has to be filled. */
  get current(): Item | undefined {
    return this.#portion[this.#at];
  }

  /** @returns true if the cursor has to be filled. */
  next(): boolean {
    this.#at += 1;
    return this.#at >= this.#portion.length;
  }

  async fill(): Promise<void> {
    this.#at = 0;
    do {
      const next = await this.#portions.next();
      this.#portion = next.done === true ? [] : next.value;
      if (next.done === true) return;
    } while (this.#portion.length === 0);
  }

  async end(): Promise<void> {
    await this.#portions.return?.();
  }
}

/** Most files of most runs are as they were to the last attribute: comparing bytes saves decoding them. */
function isAsListed(base: BaseFile, listed: SourceEntry): boolean {
  if (isEntryOf(base.entries[0], listed)) return true;
  return base.file !== undefined && looksUnchanged(base.file, listed);
}

export function looksUnchanged(file: FileEntry, listed: SourceEntry): boolean {
  return (
    !file.mustRead &&
    file.carriedFrom === undefined &&
    file.entry.kind === listed.kind &&
    file.entry.size === listed.size &&
    file.entry.modifiedMs === listed.modifiedMs &&
    file.entry.changeToken === listed.changeToken
  );
}
