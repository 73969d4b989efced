import { createHash } from 'node:crypto';
import { S3FileSource } from '@holdfast/aws';
import type { Clock, FileSource, OpenedEntry, PathRange, SourceEntry } from '@holdfast/engine';
import { SeededRandom } from '@holdfast/engine/testing';

const folder = 'customers/eu/';
const keyHead = folder.length;

/** Names that S3 knows: below each other, of one length, so that their order is that of their numbers. */
function keyOf(index: number): string {
  const digits = String(index).padStart(10, '0');
  return `${folder}${digits.slice(0, 3)}/${digits.slice(3, 6)}/${digits.slice(6)}.json`;
}

const width = Buffer.byteLength(keyOf(0));

export interface SyntheticBucketOptions {
  /** Objects that the listing shows. */
  readonly entries: number;
  readonly objectBytes: number;
  readonly pageEntries: number;
  readonly clock: Clock;
  /** Waits as long as a request for a page takes, or for a single key. */
  readonly onRequest: (of: 'page' | 'key') => Promise<void>;
}

interface ListInput {
  readonly StartAfter?: string;
  readonly Prefix?: string;
  readonly MaxKeys?: number;
}

/** A bucket of computed objects, of which nothing is held. Splits are found by the product's own source. */
export class SyntheticBucket implements FileSource {
  readonly #options: SyntheticBucketOptions;
  readonly #splitter: S3FileSource;

  constructor(options: SyntheticBucketOptions) {
    this.#options = options;
    const client = { send: async ({ input }: { readonly input: ListInput }) => this.#answer(input) };
    this.#splitter = new S3FileSource(
      client as unknown as ConstructorParameters<typeof S3FileSource>[0],
      'synthetic',
      options.clock,
      new SeededRandom(),
    );
  }

  async *list({ from, to }: PathRange): AsyncGenerator<SourceEntry> {
    const { entries, pageEntries, onRequest } = this.#options;
    const start = from === undefined ? 0 : this.#firstFrom(Buffer.from(from).toString());
    const end = to === undefined ? entries : this.#firstFrom(Buffer.from(to).toString());
    for (let index = start; index < end; index += 1) {
      if ((index - start) % pageEntries === 0) await onRequest('page');
      yield this.entry(index);
    }
    if (start >= end) await onRequest('page');
  }

  findSplit = async (range: PathRange): Promise<Uint8Array | undefined> => this.#splitter.findSplit(range);

  async open(entry: SourceEntry): Promise<OpenedEntry> {
    // Nothing compresses: what the files of a shard have in common must not leave a pack mostly dead.
    const { objectBytes: outputLength } = this.#options;
    const whole = createHash('shake256', { outputLength }).update(entry.path).digest();
    return Promise.resolve({ entry, content: oneOf(whole), whole });
  }

  async now(): Promise<Date> {
    return Promise.resolve(this.#options.clock.now());
  }

  entry(index: number): SourceEntry {
    return {
      path: Buffer.from(keyOf(index)),
      kind: 'object',
      size: this.#options.objectBytes,
      modifiedMs: 0,
      changeToken: '"0123456789abcdef0123456789abcdef"',
      attributes: {},
      userMetadata: {},
      tags: {},
    };
  }

  async #answer({ StartAfter = '', MaxKeys = 1_000 }: ListInput) {
    await this.#options.onRequest('key');
    const first = this.#firstFrom(`${StartAfter}\0`);
    const last = Math.min(this.#options.entries, first + MaxKeys);
    const Contents = Array.from({ length: Math.max(0, last - first) }, (_, at) => ({
      Key: keyOf(first + at),
    }));
    return { Contents, IsTruncated: last < this.#options.entries, NextContinuationToken: undefined };
  }

  /** Number of the first object whose key is not before a text. */
  #firstFrom(text: string): number {
    // The usual case, a key or the text just behind one, is read off.
    const guess = Number(text.slice(keyHead, keyHead + 12).replaceAll('/', ''));
    const behind = text.length - width;
    if ((behind === 0 || (behind === 1 && text.endsWith('\0'))) && keyOf(guess) === text.slice(0, width))
      return Math.min(this.#options.entries, guess + behind);
    const wanted = Buffer.from(text);
    let [low, high] = [0, this.#options.entries];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (Buffer.compare(Buffer.from(keyOf(middle)), wanted) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

async function* oneOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
