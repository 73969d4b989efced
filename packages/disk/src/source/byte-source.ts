import { DiskDamagedError } from '../errors.ts';

/** Bytes that are read at an offset: a disk, a partition, a logical volume. */
export interface ByteSource {
  readonly bytes: number;
  /**
   * Reads exactly `length` bytes, none beyond the end. The reader does not change what it gets: others may be given
   * the same buffer.
   */
  read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array>;
  /** The number of bytes of a stretch that are known to be lost: reading them fails. Absent where none are. */
  lostBytes?(offset: number, length: number): number;
  /** False where a stretch has the bytes that it had in a state that was read before. Absent where nobody knows. */
  mayDiffer?(offset: number, length: number): boolean;
}

/** A source whose reader is watched. */
export function watchReads(
  source: ByteSource,
  onRead: ((offset: number, length: number) => void) | undefined,
): ByteSource {
  if (onRead === undefined) return source;
  return {
    ...source,
    read: async (offset, length, signal) => {
      onRead(offset, length);
      return source.read(offset, length, signal);
    },
  };
}

/**
 * A stretch of a source, as a source.
 * @throws {@link DiskDamagedError} a read goes beyond the stretch: whatever named that place is damaged.
 */
export function sliceOf(source: ByteSource, offset: number, bytes: number): ByteSource {
  if (!isWithin(offset, bytes, source.bytes))
    throw new RangeError(`bytes ${offset} to ${offset + bytes} are not within a source of ${source.bytes}`);
  return {
    bytes,
    read: async (at, length, signal) => {
      checkWithin(at, length, bytes);
      return source.read(offset + at, length, signal);
    },
    lostBytes: (at, length) => source.lostBytes?.(offset + at, length) ?? 0,
    mayDiffer: (at, length) => source.mayDiffer?.(offset + at, length) ?? true,
  };
}

/** @throws {@link DiskDamagedError} the stretch is not within so many bytes. */
export function checkWithin(at: number, length: number, bytes: number): void {
  if (!isWithin(at, length, bytes))
    throw new DiskDamagedError(`bytes ${at} to ${at + length} are asked for, but only ${bytes} are there`);
}

function isWithin(at: number, length: number, bytes: number): boolean {
  return (
    Number.isSafeInteger(at) && Number.isSafeInteger(length) && at >= 0 && length >= 0 && at + length <= bytes
  );
}
