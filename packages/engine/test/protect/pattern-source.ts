import { compareBytes, utf8 } from '../../src/bytes.ts';
import { SourceEntryError } from '../../src/errors.ts';
import type { FileSource, OpenedEntry, PathRange, SourceEntry } from '../../src/ports/file-source.ts';
import type { ByteRange } from '../../src/ports/object-store.ts';
import type { FakeClock } from '../../src/testing/index.ts';

const gibibyte = 2 ** 30;
const pieceBytes = 2 ** 20;

/** The byte that fills a version's content around an offset: another one in every GiB, and in every version. */
export function fillAt(version: number, offset: number): number {
  return (version * 16 + Math.floor(offset / gibibyte)) % 256;
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
  const piece = Buffer.alloc(pieceBytes);
  let filledWith = -1;
  for (let at = offset; at < end;) {
    const room = Math.min(pieceBytes, end - at, gibibyte - (at % gibibyte));
    const fill = fillAt(version, at);
    if (fill !== filledWith) piece.fill(fill);
    filledWith = fill;
    yield piece.subarray(0, room);
    at += room;
  }
}
