import { concatenated } from '../source/concatenated.ts';
import { DiskDamagedError, DiskUnsupportedError } from '../errors.ts';
import { type BlockSpan, contentRuns } from '../file-system/content-runs.ts';
import type { ContentRange, ContentRun } from '../file-system/file-system.ts';
import { readRuns } from '../file-system/read-runs.ts';
import { unpackLznt1 } from './lznt1.ts';
import { type NtfsFile, partsOf } from './ntfs-file.ts';
import { type ClusterRun, type NtfsAttribute, runsOf } from './ntfs-record.ts';
import type { NtfsVolume } from './ntfs-volume.ts';

const lznt1 = 1;
const mostUnitBytes = 2 * 2 ** 20;

export function bytesOf(attribute: NtfsAttribute): number {
  return attribute.kind === 'resident' ? attribute.value.bytes.length : attribute.bytes;
}

/**
 * Stretches of the content of an attribute.
 * @param attribute - its first part.
 * @throws {@link DiskDamagedError} clusters are missing, overlap, or are outside of the file system.
 * @throws {@link DiskUnsupportedError} it is encrypted, or compressed in a way that is not known.
 */
export async function* readAttributeRuns(
  volume: NtfsVolume,
  file: NtfsFile,
  attribute: NtfsAttribute,
  { from = 0, to = bytesOf(attribute) }: ContentRange = {},
  signal?: AbortSignal,
): AsyncGenerator<ContentRun> {
  const { what } = attribute;
  if (attribute.isEncrypted) throw new DiskUnsupportedError('content encrypted by Windows (EFS)', what);
  if (attribute.kind === 'resident') {
    const content = attribute.value.bytes.subarray(from, Math.max(from, to));
    if (content.length > 0) yield { kind: 'inline', offset: from, bytes: content.length, content };
    return;
  }
  const { bytes, validBytes, compression } = attribute;
  const end = Math.min(to, bytes);
  const written = { from, to: Math.min(end, validBytes) };
  if (written.from < written.to) {
    if (compression === 0)
      yield* contentRuns(
        {
          what,
          bytes: validBytes,
          blockBytes: volume.geometry.clusterBytes,
          mostBlocks: volume.geometry.clusters,
          map: async function* map(span, mapSignal) {
            for await (const { first, clusters, cluster } of clustersOf(
              volume,
              file,
              attribute,
              span,
              mapSignal,
            ))
              if (cluster !== undefined) yield { first, blocks: clusters, block: cluster, reserved: false };
          },
        },
        written,
        signal,
      );
    else yield* unpackedRuns(volume, file, attribute, written, signal);
  }
  const rest = Math.max(from, validBytes);
  if (rest < end) yield { kind: 'hole', reserved: true, offset: rest, bytes: end - rest };
}

/** All of the content of an attribute that is never large. */
export async function readValue(
  volume: NtfsVolume,
  file: NtfsFile,
  attribute: NtfsAttribute,
  mostBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const bytes = bytesOf(attribute);
  if (bytes > mostBytes)
    throw new DiskDamagedError(`${attribute.what} has ${bytes} bytes, more than ${mostBytes}`);
  return readPiece(volume, file, attribute, 0, bytes, signal);
}

/** So many bytes of the content of an attribute, at an offset. */
export async function readPiece(
  volume: NtfsVolume,
  file: NtfsFile,
  attribute: NtfsAttribute,
  from: number,
  length: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (from + length > bytesOf(attribute))
    throw new DiskDamagedError(`${attribute.what} ends before byte ${from + length}`);
  const piece = new Uint8Array(length);
  for await (const run of readAttributeRuns(volume, file, attribute, { from, to: from + length }, signal))
    if (run.kind === 'stored')
      piece.set(await volume.source.read(run.at, run.bytes, signal), run.offset - from);
    else if (run.kind === 'inline') piece.set(run.content, run.offset - from);
  return piece;
}

/** The numbers of the bits that are set in a bitmap, below a limit. */
export async function* setBits(
  volume: NtfsVolume,
  file: NtfsFile,
  bitmap: NtfsAttribute,
  limit: number,
  signal?: AbortSignal,
): AsyncGenerator<number> {
  const range = { from: 0, to: Math.ceil(limit / 8) };
  for await (const run of readAttributeRuns(volume, file, bitmap, range, signal)) {
    if (run.kind === 'hole') continue;
    let first = run.offset * 8;
    for await (const piece of readRuns(volume.source, [run], signal))
      for (const byte of piece) {
        for (let rest = byte, bit = first; rest !== 0 && bit < limit; rest >>= 1, bit += 1)
          if ((rest & 1) === 1) yield bit;
        first += 8;
      }
  }
}

/** Runs of an attribute's clusters, cut to a span. Each part has to begin where the one before it ends. */
async function* clustersOf(
  volume: NtfsVolume,
  file: NtfsFile,
  attribute: NtfsAttribute,
  span: BlockSpan,
  signal: AbortSignal | undefined,
): AsyncGenerator<ClusterRun> {
  const { what, type, name } = attribute;
  let next: number | undefined;
  for await (const part of partsOf(volume, file, type, name, { signal, span })) {
    if (part.kind !== 'clusters' || (next === undefined ? part.first > span.from : part.first !== next))
      throw new DiskDamagedError(`${what} has parts that do not fit together`);
    next = part.last + 1;
    for (const run of runsOf(part, volume.geometry.clusters)) {
      const first = Math.max(run.first, span.from);
      const clusters = Math.min(run.first + run.clusters, span.to) - first;
      if (clusters <= 0) continue;
      yield partOf(run, first - run.first, clusters);
    }
  }
  const needed = Math.min(span.to, Math.ceil(bytesOf(attribute) / volume.geometry.clusterBytes));
  if ((next ?? 0) < needed)
    throw new DiskDamagedError(`${what} has ${next ?? 0} clusters, where ${needed} are expected`);
}

/**
 * Stretches of a compressed content. Its clusters come in units: one that has them all is not compressed, one that has
 * none is a hole, and those of any other one are what it was compressed to.
 */
async function* unpackedRuns(
  volume: NtfsVolume,
  file: NtfsFile,
  attribute: NtfsAttribute & { readonly kind: 'clusters' },
  range: BlockSpan,
  signal: AbortSignal | undefined,
): AsyncGenerator<ContentRun> {
  const { what, unit, compression } = attribute;
  const { clusterBytes, clusters: mostClusters } = volume.geometry;
  if (compression !== lznt1) throw new DiskUnsupportedError(`compression of kind ${compression}`, what);
  if (unit * clusterBytes > mostUnitBytes)
    throw new DiskDamagedError(`${what} is compressed in units of ${unit} clusters`);
  const span = {
    from: Math.floor(range.from / clusterBytes / unit) * unit,
    to: Math.ceil(range.to / clusterBytes / unit) * unit,
  };
  let stored = 0;
  for await (const pieces of unitsOf(clustersOf(volume, file, attribute, span, signal), unit)) {
    for (const { cluster, clusters } of pieces) stored += cluster === undefined ? 0 : clusters;
    if (stored > mostClusters)
      throw new DiskDamagedError(`${what} has more clusters than the file system; they overlap`);
    for await (const run of unpackUnit(volume, pieces, what, signal)) {
      const wanted = cutRun(run, range);
      if (wanted !== undefined) yield wanted;
    }
  }
}

/** Runs put together to units; whole units that are all stored, or all holes, stay together. */
async function* unitsOf(
  runs: AsyncIterable<ClusterRun>,
  unit: number,
): AsyncGenerator<readonly ClusterRun[]> {
  let pieces: ClusterRun[] = [];
  let filled = 0;
  for await (const run of runs) {
    for (let done = 0; done < run.clusters;) {
      const left = run.clusters - done;
      const clusters = filled === 0 && left >= unit ? left - (left % unit) : Math.min(left, unit - filled);
      pieces.push(partOf(run, done, clusters));
      done += clusters;
      filled += clusters;
      if (filled < unit) continue;
      yield pieces;
      pieces = [];
      filled = 0;
    }
  }
  if (pieces.length > 0) yield pieces;
}

function partOf({ first, cluster }: ClusterRun, from: number, clusters: number): ClusterRun {
  return { first: first + from, clusters, cluster: cluster === undefined ? undefined : cluster + from };
}

async function* unpackUnit(
  { source, geometry }: NtfsVolume,
  pieces: readonly ClusterRun[],
  what: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ContentRun> {
  const { clusterBytes } = geometry;
  const offset = (pieces[0]?.first ?? 0) * clusterBytes;
  const packed: Uint8Array[] = [];
  const stored = pieces.filter(({ cluster }) => cluster !== undefined);
  const bytes = pieces.reduce((sum, { clusters }) => sum + clusters, 0) * clusterBytes;
  if (stored.length === 0) yield { kind: 'hole', reserved: false, offset, bytes };
  for (const { first, clusters, cluster = 0 } of stored) {
    const at = cluster * clusterBytes;
    const length = clusters * clusterBytes;
    if (stored.length === pieces.length)
      yield { kind: 'stored', offset: first * clusterBytes, bytes: length, at };
    else packed.push(await source.read(at, length, signal));
  }
  if (packed.length > 0)
    yield { kind: 'inline', offset, bytes, content: unpackLznt1(concatenated(packed), bytes, what) };
}

/** The part of a range that a run has; `undefined` if it has nothing. */
function cutRun(run: ContentRun, { from, to }: BlockSpan): ContentRun | undefined {
  const offset = Math.max(run.offset, from);
  const bytes = Math.min(run.offset + run.bytes, to) - offset;
  const skipped = offset - run.offset;
  if (bytes <= 0) return undefined;
  if (run.kind === 'stored') return { ...run, offset, bytes, at: run.at + skipped };
  if (run.kind === 'hole') return { ...run, offset, bytes };
  return { ...run, offset, bytes, content: run.content.subarray(skipped, skipped + bytes) };
}
