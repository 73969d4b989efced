import type { ChunkId, PageId } from '../ids.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import { maxPlainBytes, tagBytes, type FrameKind } from './frame.ts';

export type ListedFrameKind = Extract<FrameKind, 'chunk' | 'page'>;

export interface DirectoryEntry {
  readonly kind: ListedFrameKind;
  readonly id: ChunkId | PageId;
  readonly frame: number;
  readonly offset: number;
  /** Stored bytes, including the tag. */
  readonly length: number;
  readonly plainBytes: number;
}

/** A segment's frames in the order of their offsets, without gaps. */
export interface Directory {
  readonly firstFrame: number;
  readonly firstOffset: number;
  readonly entries: readonly DirectoryEntry[];
}

/** Least bytes of an entry: kind, id and two lengths. */
const minEntryBytes = 35;
export const maxEntryBytes = 43;

/** The bytes of a directory, not yet encoded by a codec. */
export function encodeDirectory({ firstFrame, firstOffset, entries }: Directory): Uint8Array {
  const writer = new ByteWriter(24 + entries.length * 40);
  writer.varint(firstFrame).varint(firstOffset).varint(entries.length);
  for (const { kind, id, length, plainBytes } of entries) {
    writer
      .u8(kind === 'chunk' ? 1 : 2)
      .hex(id, 32)
      .varint(length)
      .varint(plainBytes);
  }
  return writer.take();
}

/** @throws {@link StoredBytesDamagedError} the bytes are not a directory. */
export function decodeDirectory(bytes: Uint8Array, objectName: string): Directory {
  const reader = new ByteReader(bytes, objectName);
  const firstFrame = reader.varint();
  const firstOffset = reader.varint();
  const count = reader.varint();
  if (count * minEntryBytes > reader.remaining) reader.fail(`its directory cannot hold ${count} entries`);
  const entries: DirectoryEntry[] = [];
  let offset = firstOffset;
  for (let index = 0; index < count; index++) {
    const code = reader.u8();
    if (code !== 1 && code !== 2) reader.fail(`its directory lists a frame of kind ${code}`);
    const id = reader.hex(32) as ChunkId | PageId;
    const length = reader.varint();
    const plainBytes = reader.varint();
    const kind = code === 1 ? 'chunk' : 'page';
    if (length <= tagBytes || plainBytes > maxPlainBytes[kind])
      reader.fail('its directory has an impossible length');
    entries.push({ kind, id, frame: firstFrame + index, offset, length, plainBytes });
    offset += length;
  }
  reader.end();
  return { firstFrame, firstOffset, entries };
}
