import * as z from 'zod';
import type { BlockPage, SnapshotBlock } from '../ports/block-source.ts';
import { windowOfBlock } from './block-windows.ts';

/** Empty pages in a row after which a list may be left. One alone is passed: at a window it is left without a token. */
const emptyPagesInRow = 2;

const index = z.int().nonnegative();

/** The place between two pages at which a list was left. */
export const ListPlace = z.object({
  index,
  token: z.string(),
  /** Blocks of the last window that was listed: more of them may follow. */
  open: z.array(z.object({ index, token: z.string().optional() })),
});
export type ListPlace = z.infer<typeof ListPlace>;

/**
 * The pages of a list, which is left where nothing but empty ones comes for longer than a call has: those of a volume of
 * 64 TiB take longer than a call, and only the place that the source gives tells how far they have looked.
 */
export class PagedList {
  readonly #pages: AsyncIterable<BlockPage>;
  readonly #first: number;
  readonly #mustLeave: () => boolean;
  #open: readonly SnapshotBlock[];
  /** Set once the list was left. Its last window is not complete then. */
  left: ListPlace | undefined;
  /** The page that is being gone over: from here on a list has all windows that have not been used. */
  current: ListPlace | undefined;

  /**
   * @param pages - from the place on; blocks before `first` are passed.
   * @param place - where an earlier call left the list between pages, if it did.
   * @param mustLeave - asked after empty pages.
   */
  constructor(
    pages: AsyncIterable<BlockPage>,
    first: number,
    place: ListPlace | undefined,
    mustLeave: () => boolean,
  ) {
    this.#pages = pages;
    this.#first = first;
    this.current = place;
    this.#open = this.#unused(place?.open ?? []);
    this.#mustLeave = mustLeave;
  }

  async *portions(): AsyncGenerator<readonly SnapshotBlock[]> {
    yield this.#open;
    let empty = 0;
    for await (const { blocks: listed, next } of this.#pages) {
      const blocks = this.#unused(listed);
      yield blocks;
      this.#keepOpen(blocks);
      if (next === undefined) continue;
      this.current = { ...next, open: [...this.#open] };
      empty = listed.length === 0 ? empty + 1 : 0;
      if (empty < emptyPagesInRow || !this.#mustLeave()) continue;
      this.left = this.current;
      return;
    }
  }

  /** The first window of which more may follow, where the list was left. */
  get leftWindow(): number {
    if (this.left === undefined) return Infinity;
    return windowOfBlock(this.left.open[0] ?? this.left);
  }

  #unused(blocks: readonly SnapshotBlock[]): readonly SnapshotBlock[] {
    return blocks.filter(({ index: at }) => at >= this.#first);
  }

  #keepOpen(blocks: readonly SnapshotBlock[]): void {
    const last = blocks.at(-1);
    if (last === undefined) return;
    const window = windowOfBlock(last);
    this.#open = [...this.#open, ...blocks].filter((block) => windowOfBlock(block) === window);
  }
}
