import type { PackId } from '../ids.ts';
import { isLeaf } from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageSource } from './page-store.ts';
import { walkPages } from './walk-pages.ts';

/** Counts the stored bytes that a tree's pages take up in each pack. Reads inner pages only. */
export async function countPageBytes(
  source: PageSource,
  root: PageRef | undefined,
  signal?: AbortSignal,
): Promise<ReadonlyMap<PackId, number>> {
  const bytes = new Map<PackId, number>();
  const count = ({ location: { pack, length } }: PageRef): void => {
    bytes.set(pack.packId, (bytes.get(pack.packId) ?? 0) + length);
  };
  if (root === undefined) return bytes;
  count(root);
  const options = { enter: (ref: PageRef) => ref.level > 0, signal };
  for await (const page of walkPages(new PageLoader(source), root, options)) {
    if (!isLeaf(page)) for (const child of page.children) count(child);
  }
  return bytes;
}
