import { rangeFromBase64, utf8 } from '../bytes.ts';
import type { TreeReader } from '../manifest/tree-reader.ts';
import { extentKey } from '../manifest/tuple-key.ts';
import { volumeExtentBlocks } from '../manifest/volume-extent.ts';
import { mapConcurrent } from '../map-concurrent.ts';
import type { BlockSource } from '../ports/block-source.ts';
import type { ReportProgress } from '../ports/progress.ts';
import { ShardBench, type ShardBenchOptions } from '../protect/shard-bench.ts';
import type { ShardResult } from '../protect/shard-result.ts';
import type { RunPlan } from '../runs/run-plan.ts';
import type { WriteServices } from '../services.ts';
import { BlockChanges } from './block-changes.ts';
import { BlockReader } from './block-reader.ts';
import { type BlockShard, type BlockShardReference, getBlockShard } from './block-shards.ts';
import { blocksByWindow, extentsByWindow, joinWindows, type BlockWindow } from './block-windows.ts';

/** Blocks that are read side by side: at 50 ms each, more than a worker's network brings. 16 MiB of blocks of EBS. */
const defaultBlocksAtOnce = 32;
/** Windows of the base that are looked up side by side. */
const windowsAtOnce = 8;

export interface CopyBlocksOptions extends ShardBenchOptions {
  readonly source: BlockSource;
  /** @default 32 */
  readonly blocksAtOnce?: number;
  /** Calls so far that the source refused as one too many. */
  readonly throttledCalls?: () => number;
  /** Called once, when the source is not needed any more and only storing the rest is left. */
  readonly onSourceRead?: () => void;
  readonly onProgress?: ReportProgress;
}

/**
 * Copies one shard of an image: reads its blocks, drops those of zeros, stores the others, writes the pages of its range
 * of keys, and leaves a result for the committer, as `protectShard` does for files. Can be repeated, also while an
 * earlier attempt is still at work: both are right, the later result counts.
 *
 * Memory: the blocks that are read at once, two packs, two more while mostly dead packs are copied, and the page caches.
 * @throws {@link RunClosedError} the run was cancelled or is over.
 * @throws {@link SnapshotMissingError} the snapshot is gone.
 */
export async function copyBlocks(
  services: WriteServices,
  reference: BlockShardReference,
  options: CopyBlocksOptions,
): Promise<ShardResult> {
  const { keys, plan, source, blocksAtOnce = defaultBlocksAtOnce, onSourceRead, onProgress } = options;
  const { throttledCalls = () => 0 } = options;
  const throttledBefore = throttledCalls();
  const bench = await ShardBench.open(services, options);
  const shard = await getBlockShard(services.work, reference);
  const { snapshot } = shard;
  const reader =
    snapshot === undefined ? undefined : new BlockReader(source, snapshot, { signal: options.signal });
  const changes = new BlockChanges({
    shard,
    plan,
    keys,
    bench,
    reader,
    blocksAtOnce,
    onSourceRead,
    onProgress,
  });
  const windows = windowsOf(shard, plan, bench.baseTree, options.signal);
  const range = rangeFromBase64(shard.keys);
  return bench.leaveResult(reference.index, range, changes.from(windows), () => ({
    counts: changes.counts,
    warnings: [],
    warningCount: 0,
    entries: { read: changes.counts.files, carried: 0, missing: 0 },
    leftOut: [],
    throttledCalls: throttledCalls() - throttledBefore,
    large: [],
  }));
}

/** The windows that have something to be done: of the base's alone only those that a list of changes cannot tell of. */
function windowsOf(
  shard: BlockShard,
  plan: RunPlan,
  base: TreeReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<BlockWindow> {
  const { blockBytes, isWhole } = shard;
  const path = utf8(shard.volume);
  const listed = blocksByWindow([shard.blocks.map(([index, token]) => ({ index, token }))]);
  if (plan.base === undefined) return listed;
  if (isWhole || plan.unleasedPacks.length > 0 || plan.copiedPacks.length > 0) {
    const extents = base.portions(rangeFromBase64(shard.keys), { signal });
    return joinWindows(listed, extentsByWindow(extents, blockBytes, base.name));
  }
  const keyOf = (window: number): Uint8Array => extentKey(path, window * volumeExtentBlocks * blockBytes);
  return mapConcurrent(listed, windowsAtOnce, async (window) => {
    const range = { from: keyOf(window.at), to: keyOf(window.at + 1) };
    return { ...window, base: await Array.fromAsync(base.range(range, { pagesAhead: 1, signal })) };
  });
}
