import { RestorePathError, TargetEntryError, TargetUnavailableError, type EntryRefusal } from '../errors.ts';
import { equalBytes, toHex, utf8 } from '../bytes.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type { OverwriteRule, RestoreTarget, WriteOutcome } from '../ports/restore-target.ts';
import type { UnkeptCount } from '../restore/unkept-facts.ts';

/** What a target holds under one path. */
export interface RestoredEntry {
  readonly entry: SourceEntry;
  readonly content: Uint8Array;
}

/**
 * A restore target in memory. An entry appears only when its whole content has arrived. `if-different` compares
 * content, kind, attributes, metadata and tags.
 */
export class MemoryTarget implements RestoreTarget {
  readonly naming: RestoreTarget['naming'];
  readonly #entries = new Map<string, RestoredEntry>();
  readonly #refuse: (path: Uint8Array) => string | undefined;
  readonly #denied: { readonly begins: string; readonly reason: EntryRefusal }[] = [];
  #broken: string | undefined;
  /** Writes that it was asked for so far. */
  asked = 0;
  /** Calls of `finish` so far. */
  finished = 0;

  /** @param refuse says why a path cannot be written here, or `undefined` */
  constructor(
    refuse: (path: Uint8Array) => string | undefined = () => undefined,
    naming: RestoreTarget['naming'] = 'flat',
  ) {
    this.#refuse = refuse;
    this.naming = naming;
  }

  /** What the target holds, in the order it was first written. */
  get entries(): readonly RestoredEntry[] {
    return [...this.#entries.values()];
  }

  find(path: string | Uint8Array): RestoredEntry | undefined {
    return this.#entries.get(keyOf(path));
  }

  /** Puts something into the target that was there before the restore. */
  plant(entry: SourceEntry, content: string | Uint8Array): void {
    this.#entries.set(toHex(entry.path), {
      entry,
      content: typeof content === 'string' ? utf8(content) : content,
    });
  }

  /** Makes every entry whose path begins so fail with a {@link TargetEntryError}. */
  deny(begins: string, reason: EntryRefusal = 'denied'): void {
    this.#denied.push({ begins, reason });
  }

  /** Makes every later call fail with a {@link TargetUnavailableError}; `undefined` mends it. */
  break(why: string | undefined): void {
    this.#broken = why;
  }

  async write(
    entry: SourceEntry,
    content: AsyncIterable<Uint8Array>,
    rule: OverwriteRule,
    signal?: AbortSignal,
  ): Promise<WriteOutcome> {
    this.#check(signal);
    this.asked += 1;
    const why = this.#refuse(entry.path);
    if (why !== undefined) throw new RestorePathError(Buffer.from(entry.path).toString(), why);
    this.#admit(entry);
    const key = toHex(entry.path);
    const pieces: Uint8Array[] = [];
    for await (const piece of content) {
      this.#check(signal);
      pieces.push(new Uint8Array(piece));
    }
    const restored: RestoredEntry = { entry, content: new Uint8Array(Buffer.concat(pieces)) };
    const existing = this.#entries.get(key);
    // Somebody may have written the path while the content arrived.
    if (rule !== 'always' && existing !== undefined && isSame(existing, restored)) return 'same';
    if (rule === 'never' && existing !== undefined) return 'kept';
    this.#entries.set(key, restored);
    return 'written';
  }

  async accepts(entry: SourceEntry, _rule: OverwriteRule, signal?: AbortSignal): Promise<boolean> {
    this.#check(signal);
    try {
      this.#admit(entry);
      return Promise.resolve(this.#refuse(entry.path) === undefined);
    } catch {
      return false;
    }
  }

  async finish(): Promise<readonly UnkeptCount[]> {
    this.#check();
    this.finished++;
    return Promise.resolve([]);
  }

  #admit(entry: SourceEntry): void {
    const path = Buffer.from(entry.path).toString();
    const denial = this.#denied.find(({ begins }) => path.startsWith(begins));
    if (denial !== undefined) throw new TargetEntryError(denial.reason, path, 'may not be written here');
    const inTheWay = this.naming === 'tree' ? this.#findInTheWay(path) : undefined;
    if (inTheWay !== undefined) throw new RestorePathError(path, `${inTheWay} is in its way`);
  }

  /** What is where an entry, or a directory above it, would have to be. */
  #findInTheWay(path: string): string | undefined {
    const place = path.replace(/\/$/, '');
    for (const { entry } of this.#entries.values()) {
      const other = Buffer.from(entry.path).toString();
      const isFile = entry.kind !== 'directory' && !other.endsWith('/');
      const otherPlace = other.replace(/\/$/, '');
      if (isFile && path !== other && `${path}/`.startsWith(`${otherPlace}/`)) return other;
      if (path !== other && otherPlace.startsWith(`${place}/`) && !path.endsWith('/')) return other;
    }
    return undefined;
  }

  #check(signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (this.#broken !== undefined)
      throw new TargetUnavailableError(`the target cannot be written: ${this.#broken}`);
  }
}

function isSame(a: RestoredEntry, b: RestoredEntry): boolean {
  return (
    equalBytes(a.content, b.content) && JSON.stringify(facts(a.entry)) === JSON.stringify(facts(b.entry))
  );
}

function facts(entry: SourceEntry): unknown {
  return [entry.kind, sorted(entry.attributes), sorted(entry.userMetadata), sorted(entry.tags)];
}

function sorted(record: Readonly<Record<string, string>>): unknown {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}

function keyOf(path: string | Uint8Array): string {
  return toHex(typeof path === 'string' ? utf8(path) : path);
}
