import * as z from 'zod';
import { compareBytes, fromBase64, toBase64 } from '../bytes.ts';
import { isLeaf } from './page-codec.ts';
import { PageLoader } from './page-loader.ts';
import type { PageRef, PageSource } from './page-store.ts';
import { keyAfter } from './tuple-key.ts';
import { walkPages } from './walk-pages.ts';

/** Stored bytes that a tree's pages take up in each pack, as far as they are counted. Plain JSON. */
export const PageBytes = z.object({
  bytes: z.record(z.string(), z.int().nonnegative()),
  /** The last key of the pages that are counted; in base64. */
  after: z.base64().optional(),
  isDone: z.boolean(),
});
export type PageBytes = z.infer<typeof PageBytes>;

export function noPageBytes(): PageBytes {
  return { bytes: {}, isDone: false };
}

/**
 * Counts the stored bytes that a tree's pages take up in each pack, from where `counted` stands, which it moves on, by
 * at least one inner page. Reads inner pages only.
 * @param shouldStop - asked after each inner page above leaves. @default never
 */
export async function countPageBytes(
  source: PageSource,
  root: PageRef | undefined,
  counted: PageBytes,
  shouldStop: () => boolean = () => false,
): Promise<void> {
  if (counted.isDone) return;
  const count = ({ location: { pack, length } }: PageRef): void => {
    counted.bytes[pack.packId] = (counted.bytes[pack.packId] ?? 0) + length;
  };
  // A call that goes on enters the pages above its place once more: a page counts where the walk passes its last key.
  let entered: PageRef[] = [];
  const enter = (ref: PageRef): boolean => {
    if (ref.level > 0) entered.push(ref);
    return ref.level > 0;
  };
  const range = counted.after === undefined ? {} : { from: keyAfter(fromBase64(counted.after)) };
  if (root?.level === 0) count(root);
  for await (const page of walkPages(new PageLoader(source), root, { range, enter })) {
    if (isLeaf(page) || page.level > 1) continue;
    page.children.forEach(count);
    const passed = page.children.at(-1)?.lastKey;
    if (passed === undefined) continue;
    for (const ref of entered) if (compareBytes(ref.lastKey, passed) <= 0) count(ref);
    entered = entered.filter((ref) => compareBytes(ref.lastKey, passed) > 0);
    if (entered.length === 0 || !shouldStop()) continue;
    counted.after = toBase64(passed);
    return;
  }
  counted.isDone = true;
}
