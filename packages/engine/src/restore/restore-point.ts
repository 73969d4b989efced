import type { ShardOutcome } from '../model/machines/restore-report.ts';
import type { OverwriteRule } from '../model/machines/restore-request.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { RestoreTarget } from '../ports/restore-target.ts';
import { keysOfRestoreShard, planRestore } from './plan-restore.ts';
import type { PointReader } from './point-reader.ts';
import { addOutcomes, nothingRestored } from './restore-outcome.ts';
import { restoreRange } from './restore-range.ts';
import { thenFinish } from './then-finish.ts';

export interface RestorePointOptions {
  readonly target: RestoreTarget;
  /** As a person writes them; see `selectKeys`. @default everything */
  readonly paths?: readonly string[];
  readonly overwrite: OverwriteRule;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/** No limits: one process restores everything, whatever the size of a file. */
const oneShard = { files: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

/**
 * Restores a point's files in one process, straight out of the vault. Can be repeated after a failure.
 * @throws {@link UnknownNameError} a path selects nothing.
 */
export async function restorePoint(reader: PointReader, options: RestorePointOptions): Promise<ShardOutcome> {
  const { paths, signal } = options;
  return thenFinish(options.target, async () => {
    if (paths === undefined) return restoreRanges(reader, [{}], [{}], options);
    const { shards } = await planRestore(reader, { paths, limits: oneShard, workers: 1, signal });
    const ranges = shards.map(keysOfRestoreShard);
    return restoreRanges(reader, ranges, ranges, options);
  });
}

/**
 * Restores ranges one after the other, and leaves it to the caller to finish the target after the last of them: facts
 * of directories are set once, at the end, as a later range may write into the same directory.
 * @param before - what the restore has done so far.
 * @returns that, and what was done now.
 */
export async function restoreRanges(
  reader: PointReader,
  ranges: readonly KeyRange[],
  selection: readonly KeyRange[],
  { target, overwrite, onProgress, signal }: RestorePointOptions,
  before: ShardOutcome = nothingRestored,
): Promise<ShardOutcome> {
  let sum = before;
  for (const range of ranges) {
    const { files: earlierFiles, bytes: earlierBytes } = sum;
    const outcome = await restoreRange(reader, {
      range,
      target: unfinished(target),
      selection,
      overwrite,
      onProgress: ({ files, bytes }) =>
        onProgress?.({ step: 'restore', files: earlierFiles + files, bytes: earlierBytes + bytes }),
      signal,
    });
    sum = addOutcomes(sum, outcome);
  }
  return sum;
}

function unfinished(target: RestoreTarget): RestoreTarget {
  return {
    naming: target.naming,
    write: async (...args) => target.write(...args),
    accepts: async (...args) => target.accepts(...args),
    finish: async () => Promise.resolve([]),
  };
}
