import type { PageId } from '../ids.ts';
import type { VaultKeys } from '../keys/vault-keys.ts';
import { decodePackMapEntry, type PackMapEntry } from '../manifest/pack-map.ts';
import { isLeaf } from '../manifest/page-codec.ts';
import { PageLoader } from '../manifest/page-loader.ts';
import type { PageRef } from '../manifest/page-store.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import { walkPages } from '../manifest/walk-pages.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { findPageRef } from './page-ref-text.ts';
import { createPageReader } from './point-pages.ts';
import type { Root } from './root.ts';

/** Pages that are remembered, so that they are read once, at some 100 bytes each. */
const mostPagesSeen = 200_000;

export interface WalkPacksOptions {
  /** Pages that were walked for other points; those of this one are added, unless one of them is damaged. */
  readonly seen: Set<PageId>;
  /** Ids of packs that are wanted. */
  readonly range?: KeyRange;
  readonly signal?: AbortSignal;
}

/**
 * The packs of a point's pack map, but for those on pages that were walked before: of points that share pages, each page is
 * read once.
 * @throws {@link StoredBytesDamagedError} a page is damaged.
 */
export async function* walkPacks(
  { store, keys }: { readonly store: ObjectStore; readonly keys: VaultKeys },
  { point, packMap, pagePacks }: Pick<Root, 'point' | 'packMap' | 'pagePacks'>,
  { seen, range = {}, signal }: WalkPacksOptions,
): AsyncGenerator<PackMapEntry> {
  const name = `the pack map of point ${point}`;
  const entered = new Set<PageId>();
  const enter = ({ pageId }: PageRef): boolean => {
    if (seen.has(pageId)) return false;
    if (seen.size < mostPagesSeen) {
      seen.add(pageId);
      entered.add(pageId);
    }
    return true;
  };
  const pages = new PageLoader(createPageReader(store, keys, pagePacks));
  try {
    for await (const page of walkPages(pages, findPageRef(packMap, name), { enter, range, signal })) {
      if (!isLeaf(page)) continue;
      for (const entry of page.entries) {
        if (range.to !== undefined && Buffer.compare(entry.key, range.to) >= 0) break;
        yield decodePackMapEntry(entry, name);
      }
    }
  } catch (error) {
    // Points that share the damaged page meet it themselves, and what lies behind it was not given for them either.
    for (const pageId of entered) seen.delete(pageId);
    throw error;
  }
}
