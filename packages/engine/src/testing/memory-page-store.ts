import { StoredBytesDamagedError } from '../errors.ts';
import type { PackId } from '../ids.ts';
import type {
  EncodedPage,
  PageLocation,
  PagePack,
  PageRef,
  PageSink,
  PageSource,
  PageStore,
} from '../manifest/page-store.ts';

interface MemoryPack extends PagePack {
  packId: PackId;
  stored: boolean;
  readonly pages: EncodedPage[];
}

export interface MemoryPageStoreOptions {
  /**
   * Pages a pack. Each pack gets another id when it is stored, as if its first upload had failed, and cannot be read
   * before. Absent: all pages lie in one pack, at a place that their id determines, so that equal trees have equal
   * page ids whoever built them in whatever order.
   */
  readonly pagesPerPack?: number;
}

/** A page store for tests: keeps to the contract of {@link PageSink}, and counts. */
export class MemoryPageStore implements PageSource, PageSink, PageStore {
  readonly source: PageSource = this;
  readonly sink: PageSink = this;
  /** Ids of the pages read so far, in order. */
  readonly reads: string[] = [];
  /** Pages written so far, in order. */
  readonly writes: EncodedPage[] = [];
  readonly #pagesPerPack: number | undefined;
  readonly #packs: MemoryPack[] = [];
  readonly #byPlace = new Map<string, EncodedPage>();
  #names = 0;

  constructor(options: MemoryPageStoreOptions = {}) {
    this.#pagesPerPack = options.pagesPerPack;
  }

  add(encode: (pack: PagePack) => EncodedPage): PageLocation | Promise<PageLocation> {
    let pack = this.#packs.at(-1);
    const isFull = pack !== undefined && pack.pages.length >= (this.#pagesPerPack ?? Infinity);
    if (isFull) this.seal();
    if (pack === undefined || pack.stored) {
      pack = { packId: this.#newPackId(), stored: false, pages: [] };
      this.#packs.push(pack);
    }
    const page = encode(pack);
    this.writes.push(page);
    const location = this.#pagesPerPack === undefined ? fixedPlace(pack, page) : nextPlace(pack, page);
    pack.pages.push(page);
    if (this.#pagesPerPack === undefined) this.#byPlace.set(placeOf(location), page);
    return isFull ? Promise.resolve(location) : location;
  }

  /** Stores the open pack under its final id; references to its pages can be written down from now on. */
  seal(): void {
    const pack = this.#packs.at(-1);
    if (pack === undefined || pack.stored || this.#pagesPerPack === undefined) return;
    pack.packId = this.#newPackId();
    pack.stored = true;
    for (const [frame, page] of pack.pages.entries()) this.#byPlace.set(`${pack.packId}/${frame}`, page);
  }

  async read(ref: PageRef): Promise<Uint8Array> {
    this.reads.push(ref.pageId);
    const page = this.#byPlace.get(placeOf(ref.location));
    if (page?.pageId !== ref.pageId) {
      throw new StoredBytesDamagedError(
        `pack ${ref.location.pack.packId}`,
        `it has no page ${ref.pageId} at that place`,
      );
    }
    return page.bytes;
  }

  #newPackId(): PackId {
    return (++this.#names).toString(16).padStart(32, '0') as PackId;
  }
}

function placeOf({ pack, frame }: PageLocation): string {
  return `${pack.packId}/${frame}`;
}

function fixedPlace(pack: PagePack, { pageId, bytes }: EncodedPage): PageLocation {
  const frame = Number.parseInt(pageId.slice(0, 8), 16);
  return { pack, frame, offset: Number.parseInt(pageId.slice(8, 18), 16), length: bytes.length };
}

function nextPlace(pack: MemoryPack, { bytes }: EncodedPage): PageLocation {
  let offset = 40;
  for (const page of pack.pages) offset += page.bytes.length;
  return { pack, frame: pack.pages.length, offset, length: bytes.length };
}
