import type { ChunkId, PackId } from '../ids.ts';
import type { FramePosition } from './frame.ts';

/** A frame of chunks, with all that reading it takes. */
export interface FrameLocation extends FramePosition {
  readonly packId: PackId;
  /** Bytes of the frame's content: of all its chunks together. */
  readonly contentBytes: number;
}

/** A chunk's place: a frame, and where in its content the chunk begins. */
export interface ChunkLocation extends FrameLocation {
  readonly start: number;
}

export interface ChunkReference {
  readonly id: ChunkId;
  readonly plainBytes: number;
  readonly location: ChunkLocation;
}

/**
 * A chunk's part of its frame's stored bytes, by plain size. The parts of all chunks of a frame add up to its length.
 */
export function storedShareOf({
  plainBytes,
  location: { length, contentBytes, start },
}: Pick<ChunkReference, 'plainBytes' | 'location'>): number {
  if (plainBytes === contentBytes) return length;
  const upTo = (bytes: number): number => Math.floor((length * bytes) / contentBytes);
  return upTo(start + plainBytes) - upTo(start);
}
