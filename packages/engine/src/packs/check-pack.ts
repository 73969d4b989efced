import {
  ChunkCorruptError,
  FormatVersionError,
  StoredBytesDamagedError,
  type BackupError,
} from '../errors.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { DirectoryEntry } from './pack-directory.ts';
import type { PackKind } from './pack-layout.ts';
import { PackReader } from './pack-reader.ts';
import { SegmentReader, type Segment } from './segment-reader.ts';
import { fetchRange, isDamage, type StoredObject } from './stored-object.ts';

/** Read with one request. */
const runBytes = 16 * 1024 * 1024;

/** What checking an object of frames found. */
export interface PackCheck {
  /** Frames that were read, decrypted, decompressed and hashed. */
  readonly frames: number;
  /** Bytes that were read for it. */
  readonly storedBytes: number;
  /** Empty when the object is whole. */
  readonly damage: readonly BackupError[];
}

/**
 * Checks one version of a pack or container completely: header, every directory, every frame against its id, that
 * nothing lies between the frames, and a container's root. Reads every byte, in runs of 16 MiB.
 * What it finds is the answer; only what may pass (throttles, missing keys, archived objects) is thrown.
 */
export async function checkPack(
  store: ObjectStore,
  vault: VaultKeys,
  object: StoredObject,
  kind: PackKind,
  signal?: AbortSignal,
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
    for await (const segment of segmentsOf(segments, object, kind, signal)) {
      if (segment.kind !== kind)
        throw new StoredBytesDamagedError(object.name, `a footer says ${segment.kind}`);
      for (const run of runsOf(segment.directory.entries)) {
        signal?.throwIfAborted();
        damage.push(...(await damageInRun(store, reader, object, run, signal)));
        frames += run.length;
        storedBytes += run.reduce((sum, { length }) => sum + length, 0);
      }
    }
  } catch (error) {
    if (!isDamage(error) && !(error instanceof FormatVersionError)) throw error;
    damage.push(error);
  }
  return { frames, storedBytes, damage };
}

async function* segmentsOf(
  segments: SegmentReader,
  object: StoredObject,
  kind: PackKind,
  signal: AbortSignal | undefined,
): AsyncGenerator<Segment, void, undefined> {
  if (kind === 'container') {
    const { lastFooter } = await segments.readContainerEnd(object, undefined, signal);
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
    } catch (error) {
      if (!isDamage(error) && !(error instanceof ChunkCorruptError)) throw error;
      damage.push(error);
    }
  }
  return damage;
}

function* runsOf(entries: readonly DirectoryEntry[]): Generator<readonly DirectoryEntry[], void, undefined> {
  let run: DirectoryEntry[] = [];
  let bytes = 0;
  for (const entry of entries) {
    if (run.length > 0 && bytes + entry.length > runBytes) {
      yield run;
      run = [];
      bytes = 0;
    }
    run.push(entry);
    bytes += entry.length;
  }
  if (run.length > 0) yield run;
}
