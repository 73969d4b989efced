import type { PackId, PageId } from '../ids.ts';
import { encodeInner, isLeaf } from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageStore } from './page-store.ts';
import type { TreeKind } from './tree-kind.ts';

/** Inner pages that are read ahead of the one being looked at. */
const pagesAhead = 8;

/**
 * Writes those pages of a tree anew that lie in certain packs, and the pages above them; entries, keys and shape stay
 * as they are. Reads every inner page, and of the leaves those that it writes.
 * @returns the root of the tree that needs none of the packs; the old one if none was needed.
 * @throws {@link StoredBytesDamagedError} a page on the way is damaged.
 */
export async function rewritePages(
  kind: TreeKind,
  { source, sink }: PageStore,
  root: PageRef | undefined,
  packs: ReadonlySet<PackId>,
  signal?: AbortSignal,
): Promise<PageRef | undefined> {
  const pages = new PageLoader(source);
  const rewrite = async (ref: PageRef): Promise<PageRef> => {
    const leaves = packs.has(ref.location.pack.packId);
    if (ref.level === 0) return leaves ? writeLeaf(ref) : ref;
    const page = await pages.load(ref, signal);
    if (isLeaf(page)) return ref;
    const children: PageRef[] = [];
    let changed = leaves;
    for (const [at, child] of page.children.entries()) {
      for (const next of page.children.slice(at + 1, at + 1 + pagesAhead)) readAhead(next);
      const written = await rewrite(child);
      changed ||= written !== child;
      children.push(written);
    }
    return changed ? writeInner(ref, children) : ref;
  };
  /** Reads of one page share one request of the source. A failure counts only once the page is needed. */
  const readAhead = (ref: PageRef): void => {
    if (ref.level > 0) source.read(ref, signal).catch(() => {});
  };
  const writeLeaf = async (ref: PageRef): Promise<PageRef> => {
    const { pageId } = ref;
    const bytes = await source.read(ref, signal);
    return { ...ref, location: await sink.add(() => ({ pageId, level: 0, bytes })) };
  };
  const writeInner = async (ref: PageRef, children: readonly PageRef[]): Promise<PageRef> => {
    let { pageId }: { pageId: PageId } = ref;
    const location = await sink.add((pack) => {
      const bytes = encodeInner(ref.level, children, pack);
      pageId = kind.pageIdOf(bytes);
      return { pageId, level: ref.level, bytes };
    });
    return { ...ref, pageId, location };
  };
  return root && rewrite(root);
}
