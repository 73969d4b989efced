import * as z from 'zod';
import { equalBytes, fromBase64, toBase64 } from '../bytes.ts';
import type { PackId, PageId } from '../ids.ts';
import { itemsInRange } from './key-search.ts';
import { encodeInner, isLeaf } from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageStore } from './page-store.ts';
import { SuspendedTree, TreeBuilder } from './tree-builder.ts';
import type { TreeKind } from './tree-kind.ts';
import { keyAfter, type KeyRange } from './tuple-key.ts';

/** Inner pages that are read ahead of the one being looked at. */
const pagesAhead = 8;

/** Progress of a rewrite: the last key of the pages that are looked at, and the tree so far. Plain JSON. */
export const PageRewrite = z.object({ after: z.base64().optional(), tree: SuspendedTree });
export type PageRewrite = z.infer<typeof PageRewrite>;

export interface RewriteOptions {
  /** Asked after each inner page above leaves. @default never */
  readonly shouldStop?: () => boolean;
  /** Stores the pages that were written: a tree at rest needs all of them. */
  readonly storePages?: () => Promise<unknown>;
  readonly signal?: AbortSignal | undefined;
}

export function nothingRewritten(): PageRewrite {
  return { tree: { children: [] } };
}

/**
 * Writes those pages of a tree anew that lie in certain packs, and the pages above them; entries, keys and shape stay
 * as they are. Reads every inner page, and of the leaves those that it writes. Goes on from where `state` stands, by one
 * inner page above leaves at least.
 * @returns the root of the tree that needs none of the packs, the old one if none was needed; or `unfinished`, with all
 * pages stored.
 * @throws {@link StoredBytesDamagedError} a page on the way is damaged.
 */
export async function rewritePages(
  kind: TreeKind,
  store: PageStore,
  root: PageRef | undefined,
  packs: ReadonlySet<PackId>,
  state: PageRewrite,
  { shouldStop = () => false, storePages, signal }: RewriteOptions = {},
): Promise<PageRef | undefined | 'unfinished'> {
  if (root === undefined) return undefined;
  const rewriter = new Rewriter(kind, store, packs, signal);
  if (root.level === 0) return rewriter.leaf(root);
  if (root.level === 1) return rewriter.lowest(root);

  const builder = TreeBuilder.resume(kind, store, state.tree, 'a rewrite under way');
  const range = state.after === undefined ? {} : { from: keyAfter(fromBase64(state.after)) };
  for await (const ref of rewriter.lowestBelow(root, range, builder)) {
    await builder.addPage(await rewriter.lowest(ref), signal);
    if (equalBytes(ref.lastKey, root.lastKey) || !shouldStop()) continue;
    state.after = toBase64(ref.lastKey);
    await storePages?.();
    state.tree = builder.suspend();
    return 'unfinished';
  }
  return builder.finish(signal);
}

class Rewriter {
  readonly #kind: TreeKind;
  readonly #store: PageStore;
  readonly #pages: PageLoader;
  readonly #packs: ReadonlySet<PackId>;
  readonly #signal: AbortSignal | undefined;

  constructor(kind: TreeKind, store: PageStore, packs: ReadonlySet<PackId>, signal: AbortSignal | undefined) {
    this.#kind = kind;
    this.#store = store;
    this.#pages = new PageLoader(store.source);
    this.#packs = packs;
    this.#signal = signal;
  }

  async leaf(ref: PageRef): Promise<PageRef> {
    if (!this.#isDead(ref)) return ref;
    const { pageId } = ref;
    const bytes = await this.#store.source.read(ref, this.#signal);
    return { ...ref, location: await this.#store.sink.add(() => ({ pageId, level: 0, bytes })) };
  }

  /** Rewrites an inner page above leaves, and those of them that need it. */
  async lowest(ref: PageRef): Promise<PageRef> {
    const page = await this.#pages.load(ref, this.#signal);
    if (isLeaf(page)) return ref;
    const children: PageRef[] = [];
    for (const child of page.children) children.push(await this.leaf(child));
    if (!this.#isDead(ref) && children.every((child, at) => child === page.children[at])) return ref;
    let { pageId }: { pageId: PageId } = ref;
    const location = await this.#store.sink.add((pack) => {
      const bytes = encodeInner(ref.level, children, pack);
      pageId = this.#kind.pageIdOf(bytes);
      return { pageId, level: ref.level, bytes };
    });
    return { ...ref, pageId, location };
  }

  /** Inner pages above leaves, in order. The builder uses a page above again if all below it comes back as it was. */
  async *lowestBelow(ref: PageRef, range: KeyRange, builder: TreeBuilder): AsyncGenerator<PageRef> {
    const page = await this.#pages.load(ref, this.#signal);
    if (isLeaf(page)) return;
    if (!this.#isDead(ref)) builder.noteOpened(ref, page);
    const left = page.children.slice(itemsInRange(page, range).start);
    for (const [at, child] of left.entries()) {
      for (const next of left.slice(at + 1, at + 1 + pagesAhead)) this.#readAhead(next);
      if (child.level > 1) yield* this.lowestBelow(child, range, builder);
      else yield child;
    }
  }

  /** Reads of one page share one request of the source. A failure counts only once the page is needed. */
  #readAhead(ref: PageRef): void {
    this.#store.source.read(ref, this.#signal).catch(() => {});
  }

  #isDead({ location }: PageRef): boolean {
    return this.#packs.has(location.pack.packId);
  }
}
