import {
  concernsOne,
  RestorePathError,
  TargetEntryError,
  TargetUnavailableError,
  type EntryRefusal,
} from '../errors.ts';
import { equalBytes, toHex, utf8 } from '../bytes.ts';
import type { SourceEntry } from '../ports/file-source.ts';
import type {
  BegunWrite,
  RestoredContent,
  RestoreTarget,
  WriteOptions,
  WriteOutcome,
} from '../ports/restore-target.ts';
import type { OverwriteRule } from '../model/machines/restore-request.ts';
import type { UnkeptCount } from '../restore/unkept-facts.ts';

export interface RestoredEntry {
  readonly entry: SourceEntry;
  readonly content: Uint8Array;
}

/** Uploads of a {@link MemoryTarget} that are under way: a port of its own, so that faults can hit each of its calls. */
export class MemoryUploads {
  readonly #parts = new Map<string, Uint8Array[]>();
  #begun = 0;

  /** Uploads that nobody has ended. */
  get open(): readonly string[] {
    return [...this.#parts.keys()];
  }

  async begin(): Promise<string> {
    this.#begun += 1;
    this.#parts.set(`upload ${this.#begun}`, []);
    return Promise.resolve(`upload ${this.#begun}`);
  }

  /** Writing a part again replaces it. @returns whether there is such an upload. */
  async addPart(upload: string, at: number, part: Uint8Array): Promise<boolean> {
    const parts = this.#parts.get(upload);
    if (parts !== undefined) parts[at] = new Uint8Array(part);
    return Promise.resolve(parts !== undefined);
  }

  /** Puts an upload in its place, if it is there: both or none. */
  async complete<Outcome>(
    upload: string,
    put: (content: Uint8Array) => Outcome,
  ): Promise<Outcome | undefined> {
    const parts = this.#parts.get(upload);
    this.#parts.delete(upload);
    return Promise.resolve(parts && put(new Uint8Array(Buffer.concat(parts))));
  }

  /** @returns the bytes that are freed. */
  async giveUp(upload: string): Promise<number> {
    const parts = this.#parts.get(upload) ?? [];
    this.#parts.delete(upload);
    return Promise.resolve(parts.reduce((sum, part) => sum + part.length, 0));
  }
}

/** Entries larger than `bytes` are written in parts of that size. */
export interface MemoryParts {
  readonly uploads: MemoryUploads;
  readonly bytes: number;
}

interface BegunUpload {
  readonly upload: string;
  readonly parts: number;
}

/**
 * A restore target in memory. An entry appears only when its whole content has arrived. `if-different` compares
 * content, kind, attributes, metadata and tags. With parts, entries that are larger than one are written over any number
 * of calls.
 */
export class MemoryTarget implements RestoreTarget {
  readonly naming: RestoreTarget['naming'];
  readonly #entries = new Map<string, RestoredEntry>();
  readonly #refuse: (path: Uint8Array) => string | undefined;
  readonly #denied: { readonly begins: string; readonly reason: EntryRefusal }[] = [];
  readonly #parts: MemoryParts | undefined;
  #broken: string | undefined;
  /** Writes that it was asked for so far. */
  asked = 0;
  /** Calls of `finish` so far. */
  finished = 0;

  /** @param refuse says why a path cannot be written here, or `undefined` */
  constructor(
    refuse: (path: Uint8Array) => string | undefined = () => undefined,
    naming: RestoreTarget['naming'] = 'flat',
    parts?: MemoryParts,
  ) {
    this.#parts = parts;
    this.#refuse = refuse;
    this.naming = naming;
  }

  /** Entries in the order in which they were first written. */
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
    content: RestoredContent,
    rule: OverwriteRule,
    options: WriteOptions = {},
  ): Promise<WriteOutcome | BegunWrite> {
    const { signal } = options;
    this.#check(signal);
    this.asked += 1;
    const why = this.#refuse(entry.path);
    if (why !== undefined) throw new RestorePathError(Buffer.from(entry.path).toString(), why);
    this.#admit(entry);
    if (this.#parts !== undefined && entry.size > this.#parts.bytes)
      return this.#writeParts(this.#parts, entry, content, rule, options);
    const pieces: Uint8Array[] = [];
    for await (const piece of content) {
      this.#check(signal);
      pieces.push(new Uint8Array(piece));
    }
    return this.#put({ entry, content: new Uint8Array(Buffer.concat(pieces)) }, rule);
  }

  async #writeParts(
    { uploads, bytes }: MemoryParts,
    entry: SourceEntry,
    content: RestoredContent,
    rule: OverwriteRule,
    { from, shouldStop, remember, signal }: WriteOptions,
  ): Promise<WriteOutcome | BegunWrite> {
    let { upload, parts } = (from?.state as BegunUpload | undefined) ?? {
      upload: await uploads.begin(),
      parts: 0,
    };
    const begun = (): BegunWrite => ({
      bytes: Math.min(entry.size, parts * bytes),
      state: { upload, parts } satisfies BegunUpload,
    });
    let isFirst = true;
    let isRemembered = from !== undefined;
    try {
      if (from === undefined) {
        await remember?.(begun());
        isRemembered = remember !== undefined;
      }
      let filling = Buffer.alloc(0);
      for await (const piece of content) {
        this.#check(signal);
        filling = Buffer.concat([filling, piece]);
        for (; filling.length >= bytes; filling = filling.subarray(bytes)) {
          if (!(await uploads.addPart(upload, parts, filling.subarray(0, bytes)))) {
            if (parts > 0 || from === undefined) throw uploadGone(entry);
            upload = await uploads.begin();
            await remember?.(begun());
            await uploads.addPart(upload, parts, filling.subarray(0, bytes));
          }
          parts += 1;
          isFirst = false;
          if (parts * bytes < entry.size && shouldStop?.(bytes) === true) return begun();
        }
      }
      if (filling.length > 0) await uploads.addPart(upload, parts++, filling);
      await remember?.(begun());
      if (!isFirst && shouldStop?.(0) === true) return begun();
      const outcome = await uploads.complete(upload, (whole) => this.#put({ entry, content: whole }, rule));
      // Completed by a call that died before it could tell.
      if (outcome === undefined && this.find(entry.path)?.content.length !== entry.size)
        throw uploadGone(entry);
      return outcome ?? 'written';
    } catch (error) {
      if (!isRemembered || concernsOne(error)) await uploads.giveUp(upload).catch(() => undefined);
      throw error;
    }
  }

  #put(restored: RestoredEntry, rule: OverwriteRule): WriteOutcome {
    const key = toHex(restored.entry.path);
    const existing = this.#entries.get(key);
    // Somebody may have written the path while the content arrived.
    if (rule !== 'always' && existing !== undefined && isSame(existing, restored)) return 'same';
    if (rule === 'never' && existing !== undefined) return 'kept';
    this.#entries.set(key, restored);
    return 'written';
  }

  /** Frees what an abandoned write has here. */
  async giveUp({ state }: BegunWrite): Promise<void> {
    await this.#parts?.uploads.giveUp((state as BegunUpload).upload);
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

  /** Finds what is in the place of an entry, or of a directory above it. */
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

function uploadGone({ path }: SourceEntry): TargetEntryError {
  return new TargetEntryError('contended', Buffer.from(path).toString(), 'its upload is not there any more');
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
