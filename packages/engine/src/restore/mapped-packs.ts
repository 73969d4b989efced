import { isDamage, StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import { packKey, readStoredObject } from '../manifest/pack-map.ts';
import type { TreeReader } from '../manifest/tree-reader.ts';
import type { PackReader } from '../packs/pack-reader.ts';
import type { StoredObject } from '../packs/stored-object.ts';
import type { ReadRun } from './chunk-fetcher.ts';

/** Reads chunks of the packs that a point's pack map names. Memory: a record for each pack that was asked for. */
export class MappedPacks {
  readonly #packs: PackReader;
  readonly #packMap: TreeReader;
  readonly #objects = new Map<PackId, StoredObject>();

  constructor(packs: PackReader, packMap: TreeReader) {
    this.#packs = packs;
    this.#packMap = packMap;
  }

  /** `undefined` for a pack that the point does not use. */
  async find(packId: PackId, signal?: AbortSignal): Promise<StoredObject | undefined> {
    const known = this.#objects.get(packId);
    if (known !== undefined) return known;
    const found = await this.#packMap.find(packKey(packId), signal);
    if (found === undefined) return undefined;
    const object = readStoredObject(found, this.#packMap.name);
    this.#objects.set(packId, object);
    return object;
  }

  /** Reads one run; damage is the answer of the frame that it hits. */
  readonly readRun: ReadRun = async (run, signal) => {
    let object: StoredObject | undefined;
    try {
      object = await this.find(run.packId, signal);
    } catch (error) {
      // A page of the pack map that is lost costs the packs that it names, not the others.
      if (!isDamage(error)) throw error;
      return run.frames.map(() => error);
    }
    if (object === undefined) {
      const missing = new StoredBytesDamagedError(this.#packMap.name, `it lacks pack ${run.packId}`);
      return run.frames.map(() => missing);
    }
    return this.#packs.readFrames(object, 'chunk', run.frames, signal);
  };
}
