import { InvalidInputError } from '../errors.ts';
import type { ChunkId, PackId } from '../ids.ts';
import type { ChunkLocation, ChunkReference } from '../packs/chunk-location.ts';
import { maxFrameNumber, maxPlainBytes } from '../packs/frame.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import type { Entry } from './page-codec.ts';
import { decodeFileKey, extentKey } from './tuple-key.ts';

/** Most chunks of one extent; its entry has up to about 50 kB then. */
export const maxExtentChunks = 1000;

/** No extent crosses a multiple of this many bytes of its file, so that several workers can read a large one. */
export const extentBoundaryBytes = 1024 * 1024 * 1024;

const maxChunkBytes = maxPlainBytes.chunk;

/** A stretch of a file's content: chunks that follow each other without gaps from `offset` on. */
export interface Extent {
  readonly path: Uint8Array;
  readonly offset: number;
  /** At least one, at most {@link maxExtentChunks}. */
  readonly chunks: readonly ChunkReference[];
}

/**
 * @throws {@link InvalidInputError} it has too many chunks or none, or crosses a boundary.
 * @see docs/format.md, section 6
 */
export function encodeExtent({ path, offset, chunks }: Extent): Entry {
  const problem = findProblem(offset, chunks);
  if (problem !== undefined)
    throw new InvalidInputError(`content from byte ${offset} on ${problem}; cut it differently`);

  const logical = new ByteWriter(64 + 36 * chunks.length).varint(chunks.length);
  const packs = new Map<PackId, number>();
  for (const { id, plainBytes, location } of chunks) {
    logical.hex(id, 32).varint(plainBytes);
    if (!packs.has(location.packId)) packs.set(location.packId, packs.size);
  }
  const locations = new ByteWriter(64 + 16 * packs.size + 12 * chunks.length).varint(packs.size);
  for (const packId of packs.keys()) locations.hex(packId, 16);
  for (const { plainBytes, location } of chunks) {
    const shared = location.contentBytes - plainBytes;
    locations.varint(packs.get(location.packId) ?? 0).varint(location.frame);
    locations.varint(location.offset).varint(location.length).varint(shared);
    if (shared > 0) locations.varint(location.start);
  }
  return { key: extentKey(path, offset), logical: logical.take(), location: locations.take() };
}

/**
 * Reads {@link encodeExtent} back, strictly.
 * @throws {@link StoredBytesDamagedError} it is not a stretch of content; in the name of the object that it is from.
 */
export function decodeExtent({ key, logical, location }: Entry, objectName: string): Extent {
  const { path, offset } = decodeFileKey(key, objectName);
  const reader = new ByteReader(logical, objectName);
  if (offset === undefined) return reader.fail('content has the key of a file');
  const count = reader.varint();
  if (count > maxExtentChunks) return reader.fail(`content has ${count} chunks in one entry`);
  const locations = createLocationReader(new ByteReader(location, objectName), count);

  const chunks: ChunkReference[] = [];
  for (let i = 0; i < count; i++) {
    const [id, plainBytes] = [reader.hex(32) as ChunkId, reader.varint()];
    chunks.push({ id, plainBytes, location: locations.next(plainBytes) });
  }
  reader.end();
  locations.end();
  const problem = findProblem(offset, chunks);
  return problem === undefined
    ? { path, offset, chunks }
    : reader.fail(`content from byte ${offset} on ${problem}`);
}

/** Lists the packs of a stretch of content without decoding its chunks: for looking at many of them. */
export function extentPacks({ location }: Entry, objectName: string): PackId[] {
  const reader = new ByteReader(location, objectName);
  const packs: PackId[] = [];
  for (let left = reader.varint(); left > 0; left--) packs.push(reader.hex(16) as PackId);
  return packs;
}

export function extentBytes(chunks: readonly Pick<ChunkReference, 'plainBytes'>[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.plainBytes;
  return bytes;
}

function findProblem(offset: number, chunks: readonly ChunkReference[]): string | undefined {
  if (chunks.length === 0 || chunks.length > maxExtentChunks) {
    return `has ${chunks.length} chunks, not 1 to ${maxExtentChunks}`;
  }
  for (const { plainBytes, location } of chunks) {
    if (plainBytes < 1 || plainBytes > maxChunkBytes)
      return `has a chunk of ${plainBytes} bytes, not 1 to ${maxChunkBytes}`;
    if (location.contentBytes > maxChunkBytes || location.start + plainBytes > location.contentBytes)
      return `has a chunk at ${location.start} of a frame of ${location.contentBytes} bytes`;
    if (location.frame > maxFrameNumber)
      return `has a chunk in frame ${location.frame}, beyond ${maxFrameNumber}`;
  }
  const bytes = extentBytes(chunks);
  return (offset % extentBoundaryBytes) + bytes > extentBoundaryBytes
    ? `has ${bytes} bytes and crosses a multiple of ${extentBoundaryBytes}`
    : undefined;
}

/** Reads chunk locations; packs are listed in the order of their first use, each once, and all are used. */
function createLocationReader(
  reader: ByteReader,
  count: number,
): { next(plainBytes: number): ChunkLocation; end(): void } {
  const packCount = reader.varint();
  if (packCount > count) reader.fail(`content of ${count} chunks lists ${packCount} packs`);
  const packs: PackId[] = [];
  for (let i = 0; i < packCount; i++) packs.push(reader.hex(16) as PackId);
  if (new Set(packs).size < packs.length) reader.fail('content lists a pack twice');

  let used = 0;
  return {
    next(plainBytes) {
      const index = reader.varint();
      const packId = packs[index];
      if (packId === undefined || index > used) return reader.fail('content lists packs out of order');
      if (index === used) used++;
      const [frame, offset, length] = [reader.varint(), reader.varint(), reader.varint()];
      const shared = reader.varint();
      const start = shared > 0 ? reader.varint() : 0;
      return { packId, frame, offset, length, contentBytes: plainBytes + shared, start };
    },
    end() {
      if (used < packs.length) reader.fail('content lists a pack that it does not use');
      reader.end();
    },
  };
}
