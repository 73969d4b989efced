import { compareBytes } from '../bytes.ts';
import { Chunker } from '../chunking/chunker.ts';
import { contentDefinedCuts } from '../chunking/fastcdc.ts';
import { concernsOne } from '../errors.ts';
import type { ChunkId } from '../ids.ts';
import { encodeExtent } from '../manifest/extent.ts';
import { encodeFileEntry } from '../manifest/file-entry.ts';
import { encodeLeaf, type Entry } from '../manifest/page-codec.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { ChunkReference } from '../packs/chunk-location.ts';
import { encodeContent } from '../packs/frame-codec.ts';
import type { ChunkIndex } from '../ports/chunk-index.ts';
import type { FileSource, SourceEntry } from '../ports/file-source.ts';
import { FrameMeter, type FrameMeterOptions } from './frame-meter.ts';
import type { SampleUnit } from './unit-sampler.ts';

/** Units that are read at once; each takes 8 MiB of memory at most. */
const readsAtOnce = 8;
/** Entries of one page of a manifest, about. */
const entriesOfPage = 128;

export interface MeasureOptions extends FrameMeterOptions {
  readonly source: Pick<FileSource, 'open'>;
  /** The index of the vault's chunks. @default nothing counts as stored already */
  readonly index?: Pick<ChunkIndex, 'find'> | undefined;
  readonly onRead?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface UnitMeasure {
  readonly unit: SampleUnit;
  /** Bytes that the unit and all its copies would take up in the vault: chunks once, entries of the manifest each. */
  readonly storedBytes: number;
  /** Part of it that is the manifest's. */
  readonly pageBytes: number;
  readonly chunks: number;
  /** Plain bytes that the sample had before. */
  readonly repeatedBytes: number;
  /** Plain bytes that the vault has already. */
  readonly knownBytes: number;
}

const none: Awaited<ReturnType<ChunkIndex['find']>> = new Map();

interface ReadUnit {
  readonly unit: SampleUnit;
  readonly entry: SourceEntry;
  readonly chunks: readonly { readonly id: ChunkId; readonly plain: Uint8Array }[];
  readonly known: Awaited<ReturnType<ChunkIndex['find']>>;
}

/** Measures units of one stratum after another: what one had, the next repeats. */
export class UnitMeter {
  readonly #options: MeasureOptions;
  readonly #frames: FrameMeter;
  readonly #seen = new Map<ChunkId, ChunkReference['location']>();
  #owners = 0;

  private constructor(options: MeasureOptions, frames: FrameMeter) {
    this.#options = options;
    this.#frames = frames;
  }

  static async make(options: MeasureOptions): Promise<UnitMeter> {
    return new UnitMeter(options, await FrameMeter.make(options));
  }

  /** Reads units, cuts them into chunks and packs these, in the order of their paths. Those that cannot be read are left out. */
  async measure(units: readonly SampleUnit[]): Promise<readonly UnitMeasure[]> {
    const inOrder = units.toSorted((a, b) => compareBytes(a.entry.path, b.entry.path) || a.offset - b.offset);
    const packed: (Packed & { readonly owner: number })[] = [];
    for await (const read of mapConcurrent(inOrder, readsAtOnce, async (unit) => this.#read(unit))) {
      if (read === undefined) continue;
      const owner = this.#owners++;
      packed.push({ owner, ...this.#pack(read, owner) });
    }
    const pages = pageBytesOf(packed);
    return packed.map(({ owner, unit, plainBytes, scale, chunks, repeatedBytes, knownBytes }, at) => {
      const pageBytes = (pages[at] ?? 0) * unit.copies;
      return {
        unit,
        storedBytes: plainBytes === 0 ? pageBytes : this.#frames.bytesOf(owner) * scale + pageBytes,
        pageBytes,
        chunks: chunks * scale,
        repeatedBytes: repeatedBytes * scale + unit.bytes * (unit.copies - 1),
        knownBytes: knownBytes * scale,
      };
    });
  }

  async #read(unit: SampleUnit): Promise<ReadUnit | undefined> {
    const { source, vault, index, signal, onRead } = this.#options;
    const { entry, offset, bytes } = unit;
    signal?.throwIfAborted();
    try {
      const isPart = bytes < entry.size;
      const opened = await source.open(entry, isPart ? { offset, length: bytes } : undefined, signal);
      const content = opened.whole ?? (await gather(opened.content));
      onRead?.(content.length);
      const chunks = wholeChunks(unit, content).map((plain) => ({ id: vault.chunkId(plain), plain }));
      const known = (await index?.find([...new Set(chunks.map(({ id }) => id))], signal)) ?? none;
      return { unit, entry: opened.entry, chunks, known };
    } catch (error) {
      // It changed, or may not be read: the others stand for it.
      if (concernsOne(error)) return undefined;
      throw error;
    }
  }

  #pack({ unit, entry, chunks, known }: ReadUnit, owner: number): Packed {
    const located: ChunkReference[] = [];
    let [plainBytes, repeatedBytes, knownBytes] = [0, 0, 0];
    for (const { id, plain } of chunks) {
      plainBytes += plain.length;
      const before = this.#seen.get(id);
      const stored = before ?? known.get(id);
      if (before !== undefined) repeatedBytes += plain.length;
      else if (stored !== undefined) knownBytes += plain.length;
      const location = stored ?? this.#frames.add(owner, id, plain);
      this.#seen.set(id, location);
      located.push({ id, plainBytes: plain.length, location });
    }
    const scale = plainBytes === 0 ? 1 : unit.bytes / plainBytes;
    const file = unit.offset === 0 ? [encodeFileEntry({ entry, mustRead: false })] : [];
    const extent =
      located.length === 0 ? [] : [encodeExtent({ path: entry.path, offset: unit.offset, chunks: located })];
    const entries = [...file, ...extent];
    return { unit, plainBytes, scale, chunks: chunks.length, repeatedBytes, knownBytes, entries };
  }
}

interface Packed {
  readonly unit: SampleUnit;
  readonly plainBytes: number;
  /** Bytes of the unit for each byte of the chunks that were looked at. */
  readonly scale: number;
  readonly chunks: number;
  readonly repeatedBytes: number;
  readonly knownBytes: number;
  readonly entries: readonly Entry[];
}

/**
 * The chunks of a unit. A part of a large content begins and ends anywhere: of its chunks those are left out that are not
 * cut as the whole content is.
 */
function wholeChunks({ entry, offset, bytes }: SampleUnit, content: Uint8Array): readonly Uint8Array[] {
  const chunks = [...new Chunker(contentDefinedCuts()).cutWhole(content)];
  const inside = chunks.slice(offset > 0 ? 1 : 0, offset + bytes < entry.size ? -1 : undefined);
  return inside.length === 0 ? chunks : inside;
}

async function gather(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(Uint8Array.from(piece));
  return Buffer.concat(copies);
}

/** Stored bytes of pages for each unit: its part of pages that have entries of the sample's units, by length. */
function pageBytesOf(packed: readonly Packed[]): readonly number[] {
  const perPage = Array.from({ length: Math.ceil(packed.length / entriesOfPage) }, (_, page) =>
    packed.slice(page * entriesOfPage, (page + 1) * entriesOfPage),
  );
  return perPage.flatMap((units) => {
    const leaf = encodeLeaf(units.flatMap(({ entries }) => entries));
    const share = encodeContent(leaf).payload.length / leaf.length;
    return units.map(({ entries }) => share * lengthOf(entries));
  });
}

function lengthOf(entries: readonly Entry[]): number {
  return entries.reduce(
    (sum, { key, logical, location }) => sum + key.length + logical.length + location.length,
    0,
  );
}
