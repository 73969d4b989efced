import { errorRecordOf } from '../model/error-record.ts';
import { UnknownNameError } from '../errors.ts';
import type { ReportProgress } from '../ports/progress.ts';
import type { RestoreTarget } from '../ports/restore-target.ts';
import type { OverwriteRule } from '../model/machines/restore-request.ts';
import { PointReader } from './point-reader.ts';
import { findReadable, intersect, type LostStretch } from './readable-ranges.ts';
import { joinKept, restoreRange, type RestoreOutcome } from './restore-range.ts';
import { selectKeys } from './selection.ts';
import { thenFinish } from './then-finish.ts';
import { unfinished } from './unfinished-target.ts';

export interface RestoreReadableOptions {
  readonly target: RestoreTarget;
  /** As a person writes them; see `selectKeys`. @default everything */
  readonly paths?: readonly string[];
  readonly overwrite: OverwriteRule;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

export interface ReadableOutcome extends RestoreOutcome {
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
  options: RestoreReadableOptions,
): Promise<ReadableOutcome> {
  return thenFinish(options.target, async () => restoreEntries(reader, options));
}

async function restoreEntries(
  reader: PointReader,
  { target, paths, overwrite, onProgress, signal }: RestoreReadableOptions,
): Promise<Omit<ReadableOutcome, 'unkept'>> {
  const { ranges, lost } = await findReadable(reader, signal);
  const pages = lost.flatMap(({ page }) => (page === undefined ? [] : [page.pageId]));
  const readable = new PointReader(reader.store, reader.keys, reader.root, new Set(pages));
  const total = { files: 0, bytes: 0, written: 0, kept: 0, same: 0 };
  const failed: RestoreOutcome['failed'][number][] = [];
  const carried: RestoreOutcome['carried'][number][] = [];
  let keptFiles: RestoreOutcome['keptFiles'] = [];
  const lostPages = new Set<LostStretch>();
  // Facts of directories are set once, at the end: a later range may write into the same directory.
  const selection = selectKeys(paths);
  for (const selected of selection) {
    const lostHere = lost.filter((stretch) => intersect(selected, stretch) !== undefined);
    for (const stretch of lostHere) {
      if (stretch.path === undefined) lostPages.add(stretch);
      else {
        total.files += 1;
        failed.push({ path: Buffer.from(stretch.path).toString('utf8'), ...errorRecordOf(stretch.error) });
      }
    }
    const before = total.files;
    for (const whole of ranges) {
      const range = intersect(selected, whole);
      if (range === undefined) continue;
      const outcome = await restoreRange(readable, {
        range,
        target: unfinished(target),
        selection,
        overwrite,
        onProgress: ({ files, bytes }) =>
          onProgress?.({ step: 'restore', files: total.files + files, bytes: total.bytes + bytes }),
        signal,
      });
      for (const name of ['files', 'bytes', 'written', 'kept', 'same'] as const) total[name] += outcome[name];
      keptFiles = joinKept(keptFiles, outcome.keptFiles);
      // One by one: a badly damaged vault fails in more files than a call has room for arguments.
      for (const one of outcome.failed) failed.push(one);
      for (const one of outcome.carried) carried.push(one);
    }
    if (paths !== undefined && total.files === before && lostHere.length === 0) {
      throw new UnknownNameError(
        `point ${reader.root.point} has nothing at one of ${JSON.stringify(paths)}; a directory's path ends in "/"`,
      );
    }
  }
  return {
    ...total,
    keptFiles,
    failed,
    carried,
    lostPages: [...lostPages].map((stretch) => ({
      entries: stretch.page?.entries ?? 0,
      ...errorRecordOf(stretch.error),
    })),
  };
}
