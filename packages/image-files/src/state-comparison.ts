import { DiskError, type FileSystemBasis } from '@holdfast/disk';
import type { Reliance } from './reliance.ts';

/** Bytes that are compared at once: a block of EBS. */
const windowBytes = 512 * 1024;
/** Bytes of which it is known together whether they differ: no more than an inode of ext, so that its neighbours count little. */
const grainBytes = 128;
const grains = windowBytes / grainBytes;
const wordsOfGrain = grainBytes / 4;
/** Windows of which is remembered what differs in them: half a kibibyte each, 16 MiB. What is more is compared again. */
const mostWindows = 32_768;

/** A bit for each grain that differs, or what is true of all. */
type Window = 'same' | 'other' | Uint8Array;

/**
 * Two states of one file system, and where their bytes differ. Both are read where it is not known that they do not, a
 * window once; what cannot be read of either differs.
 */
export class StateComparison {
  readonly #before: FileSystemBasis;
  readonly #after: FileSystemBasis;
  readonly #signal: AbortSignal | undefined;
  readonly #windows = new Map<number, Window>();
  readonly #tables = new Map<number, number | undefined>();

  /** @param before - of the same layout, and of which it is known where its source may differ from the other. */
  constructor(before: FileSystemBasis, after: FileSystemBasis, signal?: AbortSignal) {
    this.#before = before;
    this.#after = after;
    this.#signal = signal;
  }

  /** Tells whether what relied on the state before can be other in the one after. */
  async differs({ stretches, tables }: Reliance): Promise<boolean> {
    for (let at = 0; at < tables.length; at += 2) {
      const table = tables[at] as number;
      if (!this.#tables.has(table)) this.#tables.set(table, await this.#findTable(table));
      if (this.#tables.get(table) !== tables[at + 1]) return true;
    }
    for (let at = 0; at < stretches.length; at += 2) {
      const [from, to] = [stretches[at] as number, stretches[at + 1] as number];
      for (let index = Math.floor(from / windowBytes); index * windowBytes < to; index += 1) {
        const window = this.#windows.get(index) ?? (await this.#compare(index));
        if (differsIn(window, from - index * windowBytes, to - index * windowBytes)) return true;
      }
    }
    return false;
  }

  async #findTable(table: number): Promise<number | undefined> {
    try {
      return await this.#after.tableAt?.(table, this.#signal);
    } catch (error) {
      if (error instanceof DiskError) return undefined;
      throw error;
    }
  }

  async #compare(index: number): Promise<Window> {
    const window = await this.#read(index);
    this.#windows.set(index, window);
    if (this.#windows.size > mostWindows) this.#windows.delete(this.#windows.keys().next().value as number);
    return window;
  }

  async #read(index: number): Promise<Window> {
    const [one, other] = [this.#before, this.#after];
    const at = index * windowBytes;
    const bytes = Math.min(windowBytes, other.source.bytes - at);
    if (bytes <= 0 || one.source.bytes !== other.source.bytes) return 'other';
    const mayDiffer =
      (other.source.mayDiffer?.(at, bytes) ?? true) ||
      one.isReplayed?.(at, bytes) === true ||
      other.isReplayed?.(at, bytes) === true;
    if (!mayDiffer) return 'same';
    try {
      return differencesOf(
        await one.source.read(at, bytes, this.#signal),
        await other.source.read(at, bytes, this.#signal),
      );
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      return 'other';
    }
  }
}

/** @param from - within the window, or before it; as `to` may be behind it. */
function differsIn(window: Window, from: number, to: number): boolean {
  if (typeof window === 'string') return window === 'other';
  const end = Math.min(grains, Math.ceil(to / grainBytes));
  for (let grain = Math.floor(Math.max(0, from) / grainBytes); grain < end; grain += 1)
    if (((window[grain >>> 3] as number) & (1 << (grain & 7))) !== 0) return true;
  return false;
}

/** @param one - as long as the other. */
function differencesOf(one: Uint8Array, other: Uint8Array): Window {
  const [before, after] = [wordsOf(one), wordsOf(other)];
  let bits: Uint8Array | undefined;
  for (let at = 0; at < before.length; at += 1) {
    if (before[at] === after[at]) continue;
    const grain = Math.floor(at / wordsOfGrain);
    bits ??= new Uint8Array(grains / 8);
    bits[grain >>> 3] = (bits[grain >>> 3] as number) | (1 << (grain & 7));
    at = (grain + 1) * wordsOfGrain - 1;
  }
  return bits ?? 'same';
}

/** Bytes four at a time; what is missing at the end are zeros. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0)
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
}
