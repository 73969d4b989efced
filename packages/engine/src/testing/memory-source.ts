import { createHash } from 'node:crypto';
import { SourceEntryError, SourceUnavailableError } from '../errors.ts';
import { compareBytes, toHex, utf8 } from '../bytes.ts';
import type { Clock } from '../ports/clock.ts';
import type { FileSource, OpenedEntry, PathRange, SourceEntry } from '../ports/file-source.ts';
import type { ByteRange } from '../ports/object-store.ts';

/** Facts of a planted entry; what is left out is what a plain object has. */
export interface PlantOptions {
  readonly kind?: SourceEntry['kind'];
  /** @default the clock's now */
  readonly modifiedMs?: number;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
}

/** A trap between an entry's listing and its opening. */
export type OpenTrap = 'vanish' | 'change' | 'deny' | 'archive' | 'break-midway';

interface Planted {
  readonly entry: SourceEntry;
  readonly content: Uint8Array;
}

/**
 * A source in memory that behaves like a bucket: a listing shows no metadata, no tags, and of the attributes the storage
 * class; opening checks that the entry is still as it was listed. Traps make single entries go wrong; {@link break} makes
 * the whole source fail.
 */
export class MemorySource implements FileSource {
  readonly #clock: Clock;
  readonly #pieceBytes: number;
  readonly #planted = new Map<string, Planted>();
  readonly #traps = new Map<string, OpenTrap>();
  #broken: string | undefined;
  #bytesRead = 0;
  /** Paths that were opened, in order, as UTF-8 text. */
  readonly opened: string[] = [];

  /** @param pieceBytes size of the pieces that content arrives in */
  constructor(clock: Clock, pieceBytes = 64 * 1024) {
    this.#clock = clock;
    this.#pieceBytes = pieceBytes;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get size(): number {
    return this.#planted.size;
  }

  /** Writes or overwrites an entry. Equal content gives an equal change token, as an ETag does. */
  plant(
    path: string | Uint8Array,
    content: string | Uint8Array = '',
    options: PlantOptions = {},
  ): SourceEntry {
    const pathBytes = typeof path === 'string' ? utf8(path) : path;
    // A copy, and no Buffer, whose slices would share its memory.
    const bytes = new Uint8Array(typeof content === 'string' ? utf8(content) : content);
    const kind = options.kind ?? 'object';
    const entry: SourceEntry = {
      path: pathBytes,
      kind,
      size: kind === 'object' || kind === 'file' ? bytes.length : 0,
      modifiedMs: options.modifiedMs ?? this.#clock.now().getTime(),
      changeToken: createHash('sha256').update(bytes).digest('hex').slice(0, 32),
      attributes: options.attributes ?? {},
      userMetadata: options.userMetadata ?? {},
      tags: options.tags ?? {},
    };
    this.#planted.set(toHex(pathBytes), { entry, content: bytes });
    return entry;
  }

  remove(path: string | Uint8Array): void {
    this.#planted.delete(keyOf(path));
  }

  /** Sets a trap for the entry's next opening; `break-midway`, `deny` and `archive` stay until {@link untrap}. */
  trap(path: string | Uint8Array, trap: OpenTrap): void {
    this.#traps.set(keyOf(path), trap);
  }

  untrap(path: string | Uint8Array): void {
    this.#traps.delete(keyOf(path));
  }

  /** Makes every later call fail with a {@link SourceUnavailableError}; `undefined` mends it. */
  break(why: string | undefined): void {
    this.#broken = why;
  }

  async *list(range: PathRange, signal?: AbortSignal): AsyncIterable<SourceEntry> {
    await this.#begin(signal);
    for (const { entry } of this.#inRange(range)) {
      signal?.throwIfAborted();
      const { 'storage-class': storageClass } = entry.attributes;
      const attributes: SourceEntry['attributes'] =
        storageClass === undefined ? {} : { 'storage-class': storageClass };
      yield { ...entry, attributes, userMetadata: {}, tags: {} };
    }
  }

  async open(entry: SourceEntry, range?: ByteRange, signal?: AbortSignal): Promise<OpenedEntry> {
    await this.#begin(signal);
    const key = toHex(entry.path);
    const path = Buffer.from(entry.path).toString();
    this.opened.push(path);
    const trap = this.#traps.get(key);
    this.#spring(key, trap);
    if (trap === 'deny') throw new SourceEntryError('denied', path, 'may not be read; allow reading it');
    if (trap === 'archive') throw new SourceEntryError('archived', path, 'is in an archive class');
    const planted = this.#planted.get(key);
    if (planted === undefined)
      throw new SourceEntryError('vanished', path, 'was deleted since it was listed');
    if (planted.entry.changeToken !== entry.changeToken) {
      throw new SourceEntryError('changed', path, 'changed since it was listed; the next run reads it');
    }
    const from = range?.offset ?? 0;
    const content = planted.content.subarray(from, from + (range?.length ?? planted.content.length));
    return { entry: planted.entry, content: this.#pieces(path, content, trap === 'break-midway', signal) };
  }

  async getTags(entry: SourceEntry, signal?: AbortSignal): Promise<Readonly<Record<string, string>>> {
    await this.#begin(signal);
    const planted = this.#planted.get(toHex(entry.path));
    if (planted === undefined) {
      throw new SourceEntryError(
        'vanished',
        Buffer.from(entry.path).toString(),
        'was deleted since it was listed',
      );
    }
    return planted.entry.tags;
  }

  /** Splits at the entry in the middle. */
  async findSplit(range: PathRange, signal?: AbortSignal): Promise<Uint8Array | undefined> {
    await this.#begin(signal);
    const inRange = this.#inRange(range);
    const path = inRange[inRange.length >> 1]?.entry.path;
    return path !== undefined && compareBytes(path, range.from ?? new Uint8Array()) > 0 ? path : undefined;
  }

  async now(): Promise<Date> {
    await this.#begin();
    return this.#clock.now();
  }

  async #begin(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await Promise.resolve();
    if (this.#broken !== undefined)
      throw new SourceUnavailableError(`the source cannot be read: ${this.#broken}`);
  }

  #inRange({ from, to }: PathRange): readonly Planted[] {
    return [...this.#planted.values()]
      .filter(
        ({ entry: { path } }) =>
          (!from || compareBytes(path, from) >= 0) && (!to || compareBytes(path, to) < 0),
      )
      .sort((a, b) => compareBytes(a.entry.path, b.entry.path));
  }

  #spring(key: string, trap: OpenTrap | undefined): void {
    if (trap === 'vanish') this.#planted.delete(key);
    if (trap === 'change') {
      const planted = this.#planted.get(key);
      if (planted !== undefined) this.plant(planted.entry.path, Buffer.concat([planted.content, utf8('!')]));
    }
    if (trap === 'vanish' || trap === 'change') this.#traps.delete(key);
  }

  async *#pieces(
    path: string,
    content: Uint8Array,
    breakMidway: boolean,
    signal: AbortSignal | undefined,
  ): AsyncIterable<Uint8Array> {
    const end = breakMidway ? Math.floor(content.length / 2) : content.length;
    for (let offset = 0; offset < end; offset += this.#pieceBytes) {
      signal?.throwIfAborted();
      await Promise.resolve();
      // A Buffer, as files and sockets give: its `slice` does not copy.
      const piece = Buffer.from(content.subarray(offset, Math.min(offset + this.#pieceBytes, end)));
      this.#bytesRead += piece.length;
      yield piece;
      // A piece is valid until the next one is asked for: a consumer that keeps it sees this.
      piece.fill(0xee);
    }
    if (breakMidway) throw new SourceEntryError('unreadable', path, `broke off after ${end} bytes`);
  }
}

function keyOf(path: string | Uint8Array): string {
  return toHex(typeof path === 'string' ? utf8(path) : path);
}
