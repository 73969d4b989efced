import { equalBytes } from '../bytes.ts';
import { type BackupError, StoredBytesDamagedError } from '../errors.ts';
import { decodeExtent, type Extent } from '../manifest/extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey } from '../manifest/tuple-key.ts';
import { decodeVolumeEntry, type VolumeEntry } from '../manifest/volume-entry.ts';
import { checkVolumeExtent } from '../manifest/volume-extent.ts';
import { isLoss } from './loss.ts';
import { type FileState, type ManifestItem, nameOf, type Tracker } from './manifest-items.ts';

interface OpenVolume extends FileState {
  /** `undefined` when it is lost. */
  readonly entry: VolumeEntry | undefined;
  /** End of its last extent. */
  end: number;
}

/**
 * Follows volumes: a gap between extents is zeros, and no damage, so a lost page damages the volume that is open then;
 * it may have been the next one's alone, which nobody can tell. What does not lie as blocks do is damage.
 */
export class VolumeTracker implements Tracker {
  readonly #origin: string;
  #volume: OpenVolume | undefined;
  /** The page that was lost since the last volume began. */
  #lost: BackupError | undefined;

  constructor(origin: string) {
    this.#origin = origin;
  }

  *take(entry: Entry): Generator<ManifestItem> {
    // A key without a path has a name all the same.
    let path = entry.key;
    try {
      const key = decodeFileKey(entry.key, this.#origin);
      path = key.path;
      if (key.offset === undefined) yield* this.#begin(entry, path);
      else yield* this.#content(decodeExtent(entry, this.#origin));
    } catch (error) {
      if (!isLoss(error)) throw error;
      yield* this.#fail(this.#volumeOf(path), error);
    }
  }

  *lose(error: BackupError): Generator<ManifestItem> {
    this.#lost = error;
    if (this.#volume !== undefined) yield* this.#fail(this.#volume, error);
  }

  end(): readonly ManifestItem[] {
    return [];
  }

  *#begin(entry: Entry, path: Uint8Array): Generator<ManifestItem> {
    this.#lost = undefined;
    this.#volume = { path, damaged: false, entry: undefined, end: 0 };
    this.#volume = { ...this.#volume, entry: decodeVolumeEntry(entry, this.#origin) };
    yield { begins: this.#volume };
  }

  *#content(extent: Extent): Generator<ManifestItem> {
    const isOpen = this.#volume !== undefined && equalBytes(this.#volume.path, extent.path);
    const volume = this.#volumeOf(extent.path);
    if (!isOpen) {
      yield { begins: volume };
      const complaint = `the blocks of ${nameOf(volume)} have no volume that they belong to`;
      yield* this.#fail(volume, this.#lost ?? new StoredBytesDamagedError(this.#origin, complaint));
    }
    for (const chunk of extent.chunks) yield { chunkOf: volume, chunk };
    if (volume.entry !== undefined)
      volume.end = checkVolumeExtent(volume.entry, extent, volume.end, this.#origin);
  }

  /** The open volume if it has that path; otherwise opens one. */
  #volumeOf(path: Uint8Array): OpenVolume {
    if (this.#volume === undefined || !equalBytes(this.#volume.path, path))
      this.#volume = { path, damaged: false, entry: undefined, end: 0 };
    return this.#volume;
  }

  *#fail(volume: FileState, error: BackupError): Generator<ManifestItem> {
    if (volume.damaged) return;
    volume.damaged = true;
    yield { damaged: volume, error };
  }
}
