import { compareBytes, utf8 } from '../../src/bytes.ts';
import { SourceEntryError } from '../../src/errors.ts';
import type { FileSource, OpenedEntry, PathRange, SourceEntry } from '../../src/ports/file-source.ts';
import type { ByteRange } from '../../src/ports/object-store.ts';
import type { FakeClock } from '../../src/testing/index.ts';

/** As long as the longest chunk, which then need not be put together. */
const pieceBytes = 2 ** 22;
/** Marks stand around the multiples of this, of which 1 GiB is one, and have so many bytes on each side. */
const markedEvery = 2 ** 28;
const markReach = 16;

/**
 * Contents of versions, computed: zeros, which are cut, named and compared in no time, but for marks, which say the
 * version and the offset.
 */
export class PatternBytes {
  readonly #bytes: Buffer;
  #marks: Buffer[] = [];

  /** @param mostBytes - that are asked for at once. */
  constructor(mostBytes: number) {
    this.#bytes = Buffer.alloc(mostBytes);
  }

  /** Bytes of a version's content; valid until others are asked for. */
  of(version: number, offset: number, length: number): Uint8Array {
    for (const mark of this.#marks) mark.fill(0);
    this.#marks = [];
    const end = offset + length;
    const first = Math.ceil((offset - markReach + 1) / markedEvery) * markedEvery;
    for (let at = first; at - markReach < end; at += markedEvery) {
      const [from, to] = [Math.max(at - markReach, offset), Math.min(at + markReach, end)];
      const mark = this.#bytes.subarray(from - offset, to - offset);
      Buffer.alloc(2 * markReach, `${version} at ${at} `).copy(mark, 0, from - at + markReach);
      this.#marks.push(mark);
    }
    return this.#bytes.subarray(0, length);
  }
}

/** A source whose contents are computed, so that objects of gigabytes take no memory. */
export class PatternSource implements FileSource {
  readonly #clock: FakeClock;
  readonly #entries = new Map<string, SourceEntry>();
  /** Called before anything is opened: what happens meanwhile in the world. */
  beforeOpen: (path: string, range: ByteRange | undefined) => void = () => undefined;
  /** Every opening, with its range. */
  readonly opened: { readonly path: string; readonly offset: number; readonly length: number }[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  write(path: string, version: number, size: number): void {
    this.#entries.set(path, {
      path: utf8(path),
      kind: 'object',
      size,
      modifiedMs: this.#clock.now().getTime(),
      changeToken: `version ${version} of ${size}`,
      attributes: { version: String(version) },
      userMetadata: {},
      tags: {},
    });
  }

  remove(path: string): void {
    this.#entries.delete(path);
  }

  async *list({ from, to }: PathRange): AsyncGenerator<SourceEntry> {
    const entries = [...this.#entries.values()].sort((a, b) => compareBytes(a.path, b.path));
    for (const entry of entries) {
      if (from !== undefined && compareBytes(entry.path, from) < 0) continue;
      if (to !== undefined && compareBytes(entry.path, to) >= 0) continue;
      yield { ...entry, attributes: {} };
    }
  }

  async open(listed: SourceEntry, range?: ByteRange): Promise<OpenedEntry> {
    const path = Buffer.from(listed.path).toString();
    this.beforeOpen(path, range);
    const entry = this.#entries.get(path);
    if (entry === undefined) throw new SourceEntryError('vanished', path, 'was deleted since it was listed');
    if (entry.changeToken !== listed.changeToken) {
      throw new SourceEntryError('changed', path, 'changed since it was listed');
    }
    const { offset, length } = range ?? { offset: 0, length: entry.size };
    this.opened.push({ path, offset, length });
    return {
      entry,
      content: piecesOf(Number(entry.attributes['version']), offset, Math.min(offset + length, entry.size)),
    };
  }

  async now(): Promise<Date> {
    return this.#clock.now();
  }
}

async function* piecesOf(version: number, offset: number, end: number): AsyncGenerator<Uint8Array> {
  const bytes = new PatternBytes(pieceBytes);
  for (let at = offset; at < end; at += pieceBytes)
    yield bytes.of(version, at, Math.min(pieceBytes, end - at));
}
