import type { ChunkId, PackId, PageId } from '../ids.ts';
import { ByteReader, ByteWriter } from '../varint.ts';
import type { ChunkReference } from './chunk-location.ts';
import { maxPlainBytes, tagBytes, type FrameKind, type FramePosition } from './frame.ts';

export type ListedFrameKind = Extract<FrameKind, 'chunk' | 'page'>;

/** A chunk or a page in a frame's content. */
export interface ListedContent {
  readonly id: ChunkId | PageId;
  readonly plainBytes: number;
}

/** A frame, and what its content consists of, from its first byte to its last. */
export interface ListedFrame extends FramePosition {
  readonly kind: ListedFrameKind;
  readonly contents: readonly ListedContent[];
}

/** A segment's frames in the order of their offsets, without gaps. */
export interface Directory {
  readonly firstFrame: number;
  readonly firstOffset: number;
  readonly frames: readonly ListedFrame[];
}

/** Least bytes of a content in a directory: id and length. */
const minContentBytes = 33;
/** Most bytes of a frame in a directory, but for its contents: kind, stored length, number of contents. */
export const maxFrameEntryBytes = 9;
export const maxContentEntryBytes = 36;

/** The bytes of a directory, not yet encoded by a codec. */
export function encodeDirectory({ firstFrame, firstOffset, frames }: Directory): Uint8Array {
  const writer = new ByteWriter(24 + frames.length * 48);
  writer.varint(firstFrame).varint(firstOffset).varint(frames.length);
  for (const { kind, length, contents } of frames) {
    writer
      .u8(kind === 'chunk' ? 1 : 2)
      .varint(length)
      .varint(contents.length);
    for (const { id, plainBytes } of contents) writer.hex(id, 32).varint(plainBytes);
  }
  return writer.take();
}

/** @throws {@link StoredBytesDamagedError} the bytes are not a directory. */
export function decodeDirectory(bytes: Uint8Array, objectName: string): Directory {
  const reader = new ByteReader(bytes, objectName);
  const firstFrame = reader.varint();
  const firstOffset = reader.varint();
  const count = reader.varint();
  if (count > reader.remaining) reader.fail(`its directory cannot hold ${count} frames`);
  const frames: ListedFrame[] = [];
  let offset = firstOffset;
  for (let index = 0; index < count; index++) {
    const code = reader.u8();
    if (code !== 1 && code !== 2) reader.fail(`its directory lists a frame of kind ${code}`);
    const kind = code === 1 ? 'chunk' : 'page';
    const length = reader.varint();
    if (length <= tagBytes) reader.fail('its directory has an impossible length');
    frames.push({ kind, frame: firstFrame + index, offset, length, contents: readContents(reader, kind) });
    offset += length;
  }
  reader.end();
  return { firstFrame, firstOffset, frames };
}

function readContents(reader: ByteReader, kind: ListedFrameKind): ListedContent[] {
  const count = reader.varint();
  if (count < 1 || count * minContentBytes > reader.remaining || (kind === 'page' && count > 1))
    reader.fail(`its directory has a frame with ${count} ${kind}s`);
  const contents: ListedContent[] = [];
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const id = reader.hex(32) as ChunkId | PageId;
    const plainBytes = reader.varint();
    bytes += plainBytes;
    if (plainBytes < 1 || bytes > maxPlainBytes[kind]) reader.fail('its directory has an impossible length');
    contents.push({ id, plainBytes });
  }
  return contents;
}

export function contentBytesOf(contents: readonly ListedContent[]): number {
  return contents.reduce((sum, { plainBytes }) => sum + plainBytes, 0);
}

/** Every chunk that frames hold, and its place. */
export function* listChunks(packId: PackId, frames: Iterable<ListedFrame>): Generator<ChunkReference> {
  for (const { kind, frame, offset, length, contents } of frames) {
    if (kind !== 'chunk') continue;
    const contentBytes = contentBytesOf(contents);
    let start = 0;
    for (const { id, plainBytes } of contents) {
      const location = { packId, frame, offset, length, contentBytes, start };
      yield { id: id as ChunkId, plainBytes, location };
      start += plainBytes;
    }
  }
}
