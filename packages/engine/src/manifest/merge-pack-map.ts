import * as z from 'zod';
import type { PackId } from '../ids.ts';
import { packKey } from './pack-map.ts';
import type { PageRef, PageStore } from './page-store.ts';
import { SuspendedTree, TreeBuilder } from './tree-builder.ts';
import type { TreeKind } from './tree-kind.ts';
import { mergeInto, type Change } from './tree-merge.ts';
import { keyAfter } from './tuple-key.ts';

/** Progress of a merge: the pack that was merged last, and the tree so far. Plain JSON. */
export const PackMapMerge = z.object({
  after: z
    .string()
    .transform((text) => text as PackId)
    .optional(),
  tree: SuspendedTree,
});
export type PackMapMerge = z.infer<typeof PackMapMerge>;

export interface MergePackMapOptions<Item extends { readonly packId: PackId }> {
  readonly kind: TreeKind;
  readonly pages: PageStore;
  readonly base: PageRef | undefined;
  /** Sources of the changes, in the order of pack ids: those after `state.after`. */
  readonly items: AsyncIterable<Item>;
  readonly changesOf: (items: readonly Item[]) => AsyncIterable<Change>;
  /** Items that are merged before the time is looked at. */
  readonly packsAtOnce: number;
  readonly isTimeUp: () => boolean;
  /** Stores the pages that were written: a tree at rest needs all of them. */
  readonly storePages: () => Promise<unknown>;
  /** Moved on when another call has to go on. */
  readonly state: PackMapMerge;
  readonly signal?: AbortSignal | undefined;
}

export function nothingMerged(): PackMapMerge {
  return { tree: { children: [] } };
}

/**
 * Merges changes into a pack map, as far as the time of a call goes. Memory: one group of items, and the open pages.
 * @returns the root, with pages that are not stored yet; or `unfinished`, with all pages stored.
 */
export async function mergePackMap<Item extends { readonly packId: PackId }>(
  options: MergePackMapOptions<Item>,
): Promise<PageRef | undefined | 'unfinished'> {
  const { kind, pages, base, items, changesOf, packsAtOnce, isTimeUp, storePages, state, signal } = options;
  const builder = TreeBuilder.resume(kind, pages, state.tree, 'a merge under way');
  let from = state.after && keyAfter(packKey(state.after));
  let group: Item[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < packsAtOnce) continue;
    const to = keyAfter(packKey(item.packId));
    await mergeInto(builder, base, changesOf(group), { range: { from, to }, signal });
    [from, group] = [to, []];
    if (!isTimeUp()) continue;
    state.after = item.packId;
    await storePages();
    state.tree = builder.suspend();
    return 'unfinished';
  }
  await mergeInto(builder, base, changesOf(group), { range: { from }, signal });
  return builder.finish(signal);
}
