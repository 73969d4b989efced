import { equalBytes, toHex, utf8 } from '../../src/bytes.ts';
import type { RunId } from '../../src/ids.ts';
import type { VaultKeys } from '../../src/keys/vault-keys.ts';
import type { PointRow } from '../../src/ports/catalog/points.ts';
import { volumeEntries } from '../../src/manifest/volume-entries.ts';
import { PointReader } from '../../src/restore/point-reader.ts';
import { restoreVolume } from '../../src/restore/restore-volume.ts';
import { restoreRange } from '../../src/restore/restore-range.ts';
import { MemoryTarget, MemoryVolume, type MemoryObjectStore } from '../../src/testing/index.ts';

/** Tells whether a volume of a point is as it was. */
async function isVolume(reader: PointReader, expected: Uint8Array): Promise<boolean> {
  const [volume, ...others] = await Array.fromAsync(volumeEntries(reader.manifest));
  if (volume === undefined || others.length > 0) return false;
  const target = new MemoryVolume(volume.bytes);
  await restoreVolume(reader, volume, { target });
  return equalBytes(target.bytes, expected);
}

/** Knows what each run read, and restores points to compare. */
export class Restorer {
  readonly #keys: VaultKeys;
  readonly #volumes = new Map<RunId, Uint8Array>();
  readonly #expected = new Map<RunId, ReadonlyMap<string, string>>();

  constructor(keys: VaultKeys) {
    this.#keys = keys;
  }

  /** What a run reads: contents by path. */
  expect(runId: RunId, files: ReadonlyMap<string, string>): void {
    this.#expected.set(runId, new Map(files));
  }

  /** Notes the content that a run of a volume reads. */
  expectVolume(runId: RunId, content: Uint8Array): void {
    this.#volumes.set(runId, content);
  }

  /** Restores all of a point. @returns what is wrong with it. */
  async check(
    store: MemoryObjectStore,
    { resourceArn, pointId, runId }: PointRow,
  ): Promise<string | undefined> {
    const target = new MemoryTarget();
    try {
      const reader = await PointReader.open(store, this.#keys, resourceArn, pointId);
      const volume = this.#volumes.get(runId);
      if (volume !== undefined)
        return (await isVolume(reader, volume))
          ? undefined
          : `volume of point ${pointId} is not as it was read`;
      const { failed } = await restoreRange(reader, { range: {}, target, overwrite: 'never' });
      if (failed.length > 0) return `point ${pointId} is restored without ${failed.length} of its files`;
    } catch (error) {
      return `point ${pointId} cannot be restored: ${String(error)}`;
    }
    const expected = this.#expected.get(runId) ?? new Map<string, string>();
    const restored = new Map(target.entries.map(({ entry, content }) => [toHex(entry.path), toHex(content)]));
    const same = [...expected].every(([path, text]) => restored.get(toHex(utf8(path))) === toHex(utf8(text)));
    return same && restored.size === expected.size
      ? undefined
      : `point ${pointId} is not restored as it was read`;
  }
}
