import { isDamage, ObjectNotFoundError, StoredBytesDamagedError } from '../errors.ts';
import type { PackId, PageId } from '../ids.ts';
import type { PageRef, PageSource } from '../manifest/page-store.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { isPossible, type PackReader } from './pack-reader.ts';
import { fetchRange, type FindObject, type StoredObject } from './stored-object.ts';

export interface PagePackReaderPolicy {
  /** Plain bytes. */
  readonly pageCacheBytes: number;
  /** Stored bytes. */
  readonly stretchCacheBytes: number;
  /** Bytes fetched where a pack is read for the first time, or out of order; doubled while it is read in order. */
  readonly firstStretchBytes: number;
  readonly maxStretchBytes: number;
}

/** A page is 5 to 50 KiB, so the first stretch brings a few of its neighbours, and a scan soon reads a MiB at a time. */
const defaultPagePackReaderPolicy: PagePackReaderPolicy = {
  pageCacheBytes: 16 * 1024 * 1024,
  stretchCacheBytes: 8 * 1024 * 1024,
  firstStretchBytes: 64 * 1024,
  maxStretchBytes: 1024 * 1024,
};

interface Stretch {
  readonly from: number;
  readonly to: number;
}

interface FetchedStretch extends Stretch {
  readonly bytes: Promise<Uint8Array>;
}

/**
 * Reads manifest pages. Pages lie in the order of keys, so a miss fetches a stretch beyond the page, longer each time
 * that a pack is read on in order. Reads of one page or stretch at the same time share one request.
 */
export class PagePackReader implements PageSource {
  readonly #store: ObjectStore;
  readonly #keys: VaultKeys;
  readonly #reader: PackReader;
  readonly #find: FindObject;
  readonly #policy: PagePackReaderPolicy;
  readonly #pages: BoundedCache<PageId, Promise<Uint8Array>>;
  readonly #stretches: BoundedCache<string, FetchedStretch>;
  /** Where the newest stretch of each pack lies: a reader that goes on in order will miss next at its end. */
  readonly #newest = new BoundedCache<PackId, Stretch>(1_024);

  constructor(
    store: ObjectStore,
    keys: VaultKeys,
    reader: PackReader,
    find: FindObject,
    policy: PagePackReaderPolicy = defaultPagePackReaderPolicy,
  ) {
    this.#store = store;
    this.#keys = keys;
    this.#reader = reader;
    this.#find = find;
    this.#policy = policy;
    this.#pages = new BoundedCache(policy.pageCacheBytes);
    this.#stretches = new BoundedCache(policy.stretchCacheBytes);
  }

  async read(ref: PageRef, signal?: AbortSignal): Promise<Uint8Array> {
    // The work is shared with whoever asks next, so one reader's signal must not end it.
    const bytes = await (this.#pages.get(ref.pageId) ?? this.#start(ref));
    signal?.throwIfAborted();
    return bytes;
  }

  async #start(ref: PageRef): Promise<Uint8Array> {
    const { pageId } = ref;
    const page = this.#read(ref);
    this.#pages.set(pageId, page, 0);
    try {
      const bytes = await page;
      this.#pages.set(pageId, page, bytes.length);
      return bytes;
    } catch (error) {
      this.#pages.delete(pageId);
      throw error;
    }
  }

  async #read({ pageId, location }: PageRef): Promise<Uint8Array> {
    const object = this.#find(location.pack.packId);
    if (!isPossible(location, 'page')) {
      throw new StoredBytesDamagedError(object.name, `a reference to page ${pageId} in it is impossible`);
    }
    try {
      const stretch = this.#stretchFor(object, location.offset, location.length);
      const from = location.offset - stretch.from;
      const stored = (await stretch.bytes).subarray(from, from + location.length);
      const page = await this.#reader.openFrame(object, object.versionId, 'page', location, stored);
      return this.#check(page, pageId, object);
    } catch (error) {
      if (!isDamage(error)) throw error;
      // Perhaps another version of the object is whole; the packs' reader tries them all.
      const [answer] = await this.#reader.readFrames(object, 'page', [location]);
      if (answer instanceof Uint8Array) return this.#check(answer, pageId, object);
      if (answer instanceof ObjectNotFoundError || answer === undefined) throw error;
      throw answer;
    }
  }

  #check(page: Uint8Array, pageId: PageId, object: StoredObject): Uint8Array {
    if (this.#keys.pageId(page) === pageId) return page;
    throw new StoredBytesDamagedError(object.name, `another page lies where ${pageId} should`);
  }

  #stretchFor({ packId, name, versionId }: StoredObject, offset: number, length: number): FetchedStretch {
    const end = offset + length;
    const has = (stretch: Stretch): boolean => stretch.from <= offset && end <= stretch.to;
    const newest = this.#newest.get(packId);
    const found =
      (newest !== undefined && has(newest) ? this.#stretches.get(stretchKey(packId, newest)) : undefined) ??
      this.#stretches.find((stretch, key) => key.startsWith(packId) && has(stretch));
    if (found !== undefined) return found;
    const goesOn = newest !== undefined && offset >= newest.from && offset <= newest.to + length;
    const ahead = goesOn
      ? Math.min(2 * (newest.to - newest.from), this.#policy.maxStretchBytes)
      : this.#policy.firstStretchBytes;
    const to = offset + Math.max(length, ahead);
    const bytes = fetchRange(this.#store, name, versionId, { offset, length: to - offset });
    const stretch = { from: offset, to };
    const key = stretchKey(packId, stretch);
    const fetched = { ...stretch, bytes };
    this.#stretches.set(key, fetched, to - offset);
    this.#newest.set(packId, stretch, 1);
    bytes.catch(() => {
      this.#stretches.delete(key);
      if (this.#newest.get(packId) === stretch) this.#newest.delete(packId);
    });
    return fetched;
  }
}

function stretchKey(packId: PackId, { from }: Stretch): string {
  return `${packId}:${from}`;
}
