import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import type { Entry } from '../manifest/page-codec.ts';
import { decodeFileKey, isEntryKey } from '../manifest/tuple-key.ts';
import type { SnapshotBlock } from '../ports/block-source.ts';

/** One of the stretches of a volume that no extent crosses the end of. */
export interface BlockWindow {
  /** Its number: it begins at this many times {@link volumeExtentBlocks} blocks. */
  readonly at: number;
  /** Blocks that the source listed, by index. */
  readonly blocks: readonly SnapshotBlock[];
  /** Extents that the base has, by offset. */
  readonly base: readonly Entry[];
}

/** Listed blocks by window. Memory: one window beside a portion. */
export function blocksByWindow(
  portions: AsyncIterable<readonly SnapshotBlock[]> | Iterable<readonly SnapshotBlock[]>,
): AsyncGenerator<BlockWindow> {
  return byWindow(portions, windowOfBlock, (at, blocks) => ({ at, blocks, base: [] }));
}

/**
 * A base's extents of one volume by window.
 * @param blockBytes - of the volume as it is now; extents of other blocks are in the window that they begin in.
 */
export function extentsByWindow(
  portions: AsyncIterable<readonly Entry[]>,
  blockBytes: number,
  origin: string,
): AsyncGenerator<BlockWindow> {
  const windowBytes = volumeExtentBlocks * blockBytes;
  const windowOf = ({ key }: Entry): number =>
    Math.floor((decodeFileKey(key, origin).offset ?? 0) / windowBytes);
  const extents = async function* (): AsyncGenerator<readonly Entry[]> {
    for await (const entries of portions) yield entries.filter(({ key }) => !isEntryKey(key));
  };
  return byWindow(extents(), windowOf, (at, base) => ({ at, blocks: [], base }));
}

/** Windows that either has, in their order, with what both say of them. */
export async function* joinWindows(
  listed: AsyncGenerator<BlockWindow>,
  base: AsyncGenerator<BlockWindow>,
): AsyncGenerator<BlockWindow> {
  try {
    let [one, other] = [await listed.next(), await base.next()];
    for (;;) {
      const [ofListed, ofBase] = [one.done ? undefined : one.value, other.done ? undefined : other.value];
      const at = Math.min(ofListed?.at ?? Infinity, ofBase?.at ?? Infinity);
      if (at === Infinity) return;
      const blocks = ofListed?.at === at ? ofListed.blocks : [];
      yield { at, blocks, base: ofBase?.at === at ? ofBase.base : [] };
      if (ofListed?.at === at) one = await listed.next();
      if (ofBase?.at === at) other = await base.next();
    }
  } finally {
    await listed.return(undefined);
    await base.return(undefined);
  }
}

/** The number of the window that a block is in. */
export function windowOfBlock({ index }: Pick<SnapshotBlock, 'index'>): number {
  return Math.floor(index / volumeExtentBlocks);
}

async function* byWindow<Item>(
  portions: AsyncIterable<readonly Item[]> | Iterable<readonly Item[]>,
  windowOf: (item: Item) => number,
  make: (at: number, items: readonly Item[]) => BlockWindow,
): AsyncGenerator<BlockWindow> {
  let at = 0;
  let items: Item[] = [];
  for await (const portion of portions) {
    for (const item of portion) {
      const window = windowOf(item);
      if (window !== at && items.length > 0) {
        yield make(at, items);
        items = [];
      }
      at = window;
      items.push(item);
    }
  }
  if (items.length > 0) yield make(at, items);
}
