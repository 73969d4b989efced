import type { PackId } from '../ids.ts';
import { ebsBlockBytes } from '../model/ebs-blocks.ts';
import type { ChunkReference } from './chunk-location.ts';
import { listChunks, type ListedContent, type ListedFrame } from './pack-directory.ts';

/** First digits of ids. Of blocks that do not begin a pack, those whose id begins with one of them are in the index: one in eight. */
const sampled: ReadonlySet<string> = new Set(['0', '1']);

/** A chunk as long as a block of a volume in EBS. Files hardly have any: their chunks end anywhere. */
export function isVolumeBlock({ plainBytes }: Pick<ListedContent, 'plainBytes'>): boolean {
  return plainBytes === ebsBlockBytes;
}

/**
 * The chunks of a pack that the index is told of: all but most blocks of volumes. These come again in long runs, so one
 * that is found is enough: it leads to the directory of its pack, which has its neighbours. Whoever adds to the index or
 * takes from it goes by this rule.
 * @see docs/decisions/0019-sampled-blocks.md
 */
export function* indexedChunks(packId: PackId, frames: Iterable<ListedFrame>): Generator<ChunkReference> {
  let isFirst = true;
  for (const chunk of listChunks(packId, frames)) {
    if (isFirst || !isVolumeBlock(chunk) || sampled.has(chunk.id.charAt(0))) yield chunk;
    isFirst = false;
  }
}
