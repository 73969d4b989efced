import {
  type BackupError,
  ChunkCorruptError,
  isDamage,
  isOfKind,
  StoredBytesDamagedError,
} from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { FramePosition } from './frame.ts';
import { contentBytesOf, type ListedContent, type ListedFrame } from './pack-directory.ts';
import type { PackKind } from './pack-layout.ts';
import { PackReader } from './pack-reader.ts';
import { SegmentReader, type Segment } from './segment-reader.ts';
import { fetchRange, type StoredObject } from './stored-object.ts';

/** Bytes read with one request. */
const runBytes = 16 * 1024 * 1024;

/** A chunk or page, and its place: all that a reference says. */
export interface CheckedContent extends FramePosition, ListedContent {
  readonly contentBytes: number;
  readonly start: number;
}

/** Remembers chunks and pages that were found whole, so that none is read twice. */
export interface ContentMemory {
  isKnown(packId: PackId, content: CheckedContent): boolean;
  note(packId: PackId, content: CheckedContent): void;
}

export interface PackCheck {
  /** Frames that were read, decrypted and decompressed; every chunk and page in them was hashed. */
  readonly frames: number;
  /** Bytes read. */
  readonly storedBytes: number;
  /** Empty when the object is whole. */
  readonly damage: readonly BackupError[];
}

/**
 * Checks one version of a pack or container completely: header, every directory, every chunk and page against its id,
 * that nothing lies between the frames, and a container's root and key block. Reads every byte, in runs of 16 MiB.
 * Frames of which `memory` knows everything are left out; what is whole is added to it.
 * Damage is returned; only what may pass (throttles, missing keys, archived objects) is thrown.
 */
export async function checkPack(
  store: ObjectStore,
  vault: VaultKeys,
  object: StoredObject,
  kind: PackKind,
  signal?: AbortSignal,
  memory?: ContentMemory,
): Promise<PackCheck> {
  const reader = new PackReader(store, vault);
  const segments = new SegmentReader(store, reader.ciphers);
  const damage: BackupError[] = [];
  let frames = 0;
  let storedBytes = 0;
  try {
    const header = await reader.ciphers.useHeader(object, object.versionId, signal);
    if (header.kind !== kind)
      throw new StoredBytesDamagedError(object.name, `its header says ${header.kind}`);
    const check = async (keyBlock: Uint8Array): Promise<void> =>
      (await vault.dataKey(header.keyId)).checkSealed(keyBlock, vault.vaultId, object.name);
    for await (const segment of segmentsOf(segments, object, kind, check, signal)) {
      if (segment.kind !== kind)
        throw new StoredBytesDamagedError(object.name, `a footer says ${segment.kind}`);
      const unknown = segment.directory.frames.filter(
        (frame) => !memory || contentsOf(frame).some((content) => !memory.isKnown(object.packId, content)),
      );
      for (const run of runsOf(unknown)) {
        signal?.throwIfAborted();
        // One by one: a run may have more frames than a call has room for arguments.
        for (const one of await damageInRun({ store, vault, reader, object, memory }, run, signal))
          damage.push(one);
        frames += run.length;
        storedBytes += run.reduce((sum, { length }) => sum + length, 0);
      }
    }
  } catch (error) {
    if (!isOfKind(error, 'damage', 'absent', 'format')) throw error;
    damage.push(error);
  }
  return { frames, storedBytes, damage };
}

async function* segmentsOf(
  segments: SegmentReader,
  object: StoredObject,
  kind: PackKind,
  checkKeyBlock: (keyBlock: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Segment, void, undefined> {
  if (kind === 'container') {
    const { lastFooter, keyBlock } = await segments.readContainerEnd(object, undefined, signal);
    await checkKeyBlock(keyBlock);
    yield* segments.listSegments(object, lastFooter, signal);
  } else {
    yield await segments.readDirectory(object, undefined, signal);
  }
}

interface Checking {
  readonly store: ObjectStore;
  readonly vault: VaultKeys;
  readonly reader: PackReader;
  readonly object: StoredObject;
  readonly memory: ContentMemory | undefined;
}

async function damageInRun(
  checking: Checking,
  run: readonly ListedFrame[],
  signal: AbortSignal | undefined,
): Promise<BackupError[]> {
  const { store, reader, object } = checking;
  const damage: BackupError[] = [];
  const from = (run[0] as ListedFrame).offset;
  const length = run.reduce((sum, frame) => sum + frame.length, 0);
  const bytes = await fetchRange(store, object.name, object.versionId, { offset: from, length }, signal);
  for (const frame of run) {
    const stored = bytes.subarray(frame.offset - from, frame.offset - from + frame.length);
    try {
      const wanted = { ...frame, contentBytes: contentBytesOf(frame.contents) };
      const plain = await reader.openFrame(object, object.versionId, frame.kind, wanted, stored, signal);
      for (const one of damageInFrame(checking, frame, plain)) damage.push(one);
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage.push(error);
    }
  }
  return damage;
}

function* damageInFrame(
  { vault, object: { packId, name }, memory }: Checking,
  frame: ListedFrame,
  plain: Uint8Array,
): Generator<BackupError, void, undefined> {
  for (const content of contentsOf(frame)) {
    const { id, start, plainBytes } = content;
    const bytes = plain.subarray(start, start + plainBytes);
    const isChunk = frame.kind === 'chunk';
    if ((isChunk ? vault.chunkId(bytes) : vault.pageId(bytes)) === id) memory?.note(packId, content);
    else if (isChunk) yield new ChunkCorruptError(id, packId);
    else yield new StoredBytesDamagedError(name, `frame ${frame.frame} is not page ${id}`);
  }
}

function contentsOf({ frame, offset, length, contents }: ListedFrame): CheckedContent[] {
  const contentBytes = contentBytesOf(contents);
  let next = 0;
  return contents.map(({ id, plainBytes }) => {
    const start = next;
    next += plainBytes;
    return { id, plainBytes, frame, offset, length, contentBytes, start };
  });
}

/** Frames that follow each other without a gap, up to a request's size. */
function* runsOf(frames: readonly ListedFrame[]): Generator<readonly ListedFrame[], void, undefined> {
  let run: ListedFrame[] = [];
  let bytes = 0;
  let end = 0;
  for (const frame of frames) {
    if (run.length > 0 && (bytes + frame.length > runBytes || frame.offset !== end)) {
      yield run;
      run = [];
      bytes = 0;
    }
    run.push(frame);
    bytes += frame.length;
    end = frame.offset + frame.length;
  }
  if (run.length > 0) yield run;
}
