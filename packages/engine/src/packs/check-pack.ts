import { type BackupError, isDamage, isOfKind, StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { DirectoryEntry } from './pack-directory.ts';
import type { PackKind } from './pack-layout.ts';
import { PackReader } from './pack-reader.ts';
import { SegmentReader, type Segment } from './segment-reader.ts';
import { fetchRange, type StoredObject } from './stored-object.ts';

/** Bytes read with one request. */
const runBytes = 16 * 1024 * 1024;

/** A frame, and the id of its content. */
export type CheckedFrame = Pick<DirectoryEntry, 'id' | 'frame' | 'offset' | 'length'>;

/** Remembers frames that were found whole, so that none is read twice. */
export interface FrameMemory {
  isKnown(packId: PackId, frame: CheckedFrame): boolean;
  note(packId: PackId, frame: CheckedFrame): void;
}

export interface PackCheck {
  /** Frames that were read, decrypted, decompressed and hashed. */
  readonly frames: number;
  /** Bytes read. */
  readonly storedBytes: number;
  /** Empty when the object is whole. */
  readonly damage: readonly BackupError[];
}

/**
 * Checks one version of a pack or container completely: header, every directory, every frame against its id, that
 * nothing lies between the frames, and a container's root and key block. Reads every byte, in runs of 16 MiB.
 * Frames that `memory` knows are left out, those that are whole are added to it.
 * Damage is returned; only what may pass (throttles, missing keys, archived objects) is thrown.
 */
export async function checkPack(
  store: ObjectStore,
  vault: VaultKeys,
  object: StoredObject,
  kind: PackKind,
  signal?: AbortSignal,
  memory?: FrameMemory,
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
      const unknown = segment.directory.entries.filter((entry) => !memory?.isKnown(object.packId, entry));
      for (const run of runsOf(unknown)) {
        signal?.throwIfAborted();
        // One by one: a run may have more frames than a call has room for arguments.
        for (const one of await damageInRun(store, reader, object, run, signal, memory)) damage.push(one);
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

async function damageInRun(
  store: ObjectStore,
  reader: PackReader,
  object: StoredObject,
  run: readonly DirectoryEntry[],
  signal: AbortSignal | undefined,
  memory: FrameMemory | undefined,
): Promise<BackupError[]> {
  const damage: BackupError[] = [];
  const start = (run[0] as DirectoryEntry).offset;
  const length = run.reduce((sum, entry) => sum + entry.length, 0);
  const bytes = await fetchRange(store, object.name, object.versionId, { offset: start, length }, signal);
  for (const entry of run) {
    const { kind, id, plainBytes } = entry;
    const stored = bytes.subarray(entry.offset - start, entry.offset - start + entry.length);
    try {
      const wanted = { id, plainBytes, location: entry };
      const plain = await reader.openFrame(object, object.versionId, kind, wanted, stored, signal);
      if (plain.length !== plainBytes) {
        throw new StoredBytesDamagedError(
          object.name,
          `its directory has a wrong length for frame ${entry.frame}`,
        );
      }
      memory?.note(object.packId, entry);
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage.push(error);
    }
  }
  return damage;
}

/** Frames that follow each other without a gap, up to a request's size. */
function* runsOf(entries: readonly DirectoryEntry[]): Generator<readonly DirectoryEntry[], void, undefined> {
  let run: DirectoryEntry[] = [];
  let bytes = 0;
  let end = 0;
  for (const entry of entries) {
    if (run.length > 0 && (bytes + entry.length > runBytes || entry.offset !== end)) {
      yield run;
      run = [];
      bytes = 0;
    }
    run.push(entry);
    bytes += entry.length;
    end = entry.offset + entry.length;
  }
  if (run.length > 0) yield run;
}
