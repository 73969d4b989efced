import { fromUtf8 } from '../bytes.ts';
import { errorRecordOf } from '../model/error-record.ts';
import { UnknownNameError } from '../errors.ts';
import type { FailedFile, ShardOutcome } from '../model/machines/restore-report.ts';
import { PointReader } from './point-reader.ts';
import { findReadable, intersect, type LostStretch } from './readable-ranges.ts';
import { addOutcomes, nothingRestored } from './restore-outcome.ts';
import { restoreRanges, type RestorePointOptions } from './restore-point.ts';
import { selectKeys } from './selection.ts';
import { thenFinish } from './then-finish.ts';

export interface ReadableOutcome extends ShardOutcome {
  /** Damaged pages of the manifest, whose files are lost without their names being known. */
  readonly lostPages: readonly {
    /** Files, and stretches of their content. */
    readonly entries: number;
    readonly name: string;
    readonly message: string;
  }[];
}

/**
 * Restores everything readable of a point, or of some paths, and names the rest: files of which a chunk is damaged, and
 * pages of the manifest. For a vault that has nobody else to repair it. Can be repeated after a failure.
 * @throws {@link UnknownNameError} a path selects nothing.
 * @throws {@link TargetUnavailableError} the target refuses or vanished.
 */
export async function restoreReadable(
  reader: PointReader,
  options: RestorePointOptions,
): Promise<ReadableOutcome> {
  return thenFinish(options.target, async () => restoreEntries(reader, options));
}

async function restoreEntries(reader: PointReader, options: RestorePointOptions): Promise<ReadableOutcome> {
  const { ranges, lost } = await findReadable(reader, options.signal);
  const lostPageIds = lost.flatMap(({ page }) => (page === undefined ? [] : [page.pageId]));
  const readable = new PointReader(reader.store, reader.keys, reader.root, {
    lostPages: new Set(lostPageIds),
  });
  let sum = nothingRestored;
  const lostPages = new Set<LostStretch>();
  const selection = selectKeys(options.paths);
  for (const selected of selection) {
    const lostHere = lost.filter((stretch) => intersect(selected, stretch) !== undefined);
    const failed: FailedFile[] = [];
    for (const stretch of lostHere) {
      if (stretch.path === undefined) lostPages.add(stretch);
      else failed.push({ path: fromUtf8(stretch.path), ...errorRecordOf(stretch.error) });
    }
    sum = addOutcomes(sum, { ...nothingRestored, files: failed.length, failed });
    const before = sum.files;
    const here = ranges.map((whole) => intersect(selected, whole)).filter((range) => range !== undefined);
    sum = await restoreRanges(readable, here, selection, options, sum);
    if (options.paths !== undefined && sum.files === before && lostHere.length === 0) {
      throw new UnknownNameError(
        `point ${reader.root.point} has nothing at one of ${JSON.stringify(options.paths)}; a directory's path ends in "/"`,
      );
    }
  }
  return {
    ...sum,
    lostPages: [...lostPages].map((stretch) => ({
      entries: stretch.page?.entries ?? 0,
      ...errorRecordOf(stretch.error),
    })),
  };
}
