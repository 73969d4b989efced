import { isZero } from '../bytes.ts';
import type { VolumeEntry } from '../manifest/volume-entry.ts';
import type { PointReader } from './point-reader.ts';
import { listVolumeBlocks } from './volume-blocks.ts';

/** Bytes of something that may be a volume: as many as are asked for, or fewer at its end. */
export type ReadAt = (offset: number, bytes: number) => Promise<Uint8Array>;

/** Zeros are read in pieces of so many bytes. */
const pieceBytes = 1024 * 1024;

/** Tells whether bytes are those of a volume. Of the vault, only pages are read; stops at the first difference. */
export async function isVolume(
  reader: PointReader,
  volume: VolumeEntry,
  readAt: ReadAt,
  signal?: AbortSignal,
): Promise<boolean> {
  let end = 0;
  for await (const { offset, plainBytes, id } of listVolumeBlocks(reader, volume, {}, signal)) {
    if (!(await areZeros(readAt, end, offset))) return false;
    if (reader.keys.chunkId(await readAt(offset, plainBytes)) !== id) return false;
    end = offset + plainBytes;
  }
  return areZeros(readAt, end, volume.bytes);
}

async function areZeros(readAt: ReadAt, from: number, to: number): Promise<boolean> {
  for (let at = from; at < to; at += pieceBytes) {
    const piece = await readAt(at, Math.min(pieceBytes, to - at));
    if (!isZero(piece)) return false;
  }
  return true;
}

/** Blocks of a volume that are not zeros, and their bytes. Reads pages alone. */
export async function measureVolume(
  reader: PointReader,
  volume: VolumeEntry,
  signal?: AbortSignal,
): Promise<{ readonly blocks: number; readonly bytes: number }> {
  let [blocks, bytes] = [0, 0];
  for await (const { plainBytes } of listVolumeBlocks(reader, volume, {}, signal)) {
    blocks += 1;
    bytes += plainBytes;
  }
  return { blocks, bytes };
}
