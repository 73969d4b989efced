import {
  joinKept,
  keysOfRestoreShard,
  planRestore,
  type PointReader,
  type ReportProgress,
  type RestoreOutcome,
  restoreRange,
  type RestoreTarget,
  thenFinish,
  unfinished,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';

export interface LocalRestoreOptions {
  readonly target: RestoreTarget;
  /** @default everything */
  readonly paths?: readonly string[];
  readonly overwrite: OverwriteRule;
  readonly onProgress: ReportProgress;
  readonly signal: AbortSignal;
}

/** No limits: one process restores everything, whatever the size of a file. */
const oneShard = { files: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };

/**
 * Restores a point's files from this process, straight out of the vault. Can be repeated after a failure.
 * @throws {@link UnknownNameError} a path selects nothing.
 */
export async function restoreLocally(
  reader: PointReader,
  options: LocalRestoreOptions,
): Promise<RestoreOutcome> {
  return thenFinish(options.target, async () => restoreEntries(reader, options));
}

async function restoreEntries(
  reader: PointReader,
  options: LocalRestoreOptions,
): Promise<Omit<RestoreOutcome, 'unkept'>> {
  const { target, paths, overwrite, signal } = options;
  const total = { files: 0, bytes: 0, written: 0, kept: 0, same: 0 };
  const failed: RestoreOutcome['failed'][number][] = [];
  const carried: RestoreOutcome['carried'][number][] = [];
  let keptFiles: RestoreOutcome['keptFiles'] = [];
  // Facts of directories are set once, at the end, as a later range may write into the same directory.
  const ranges = await rangesOf(reader, paths, signal);
  for (const range of ranges) {
    const outcome = await restoreRange(reader, {
      range,
      target: unfinished(target),
      selection: ranges,
      overwrite,
      signal,
      onProgress: ({ files, bytes }) =>
        options.onProgress({ step: 'restore', files: total.files + files, bytes: total.bytes + bytes }),
    });
    for (const name of ['files', 'bytes', 'written', 'kept', 'same'] as const) total[name] += outcome[name];
    keptFiles = joinKept(keptFiles, outcome.keptFiles);
    for (const one of outcome.failed) failed.push(one);
    for (const one of outcome.carried) carried.push(one);
  }
  return { ...total, keptFiles, failed, carried };
}

async function rangesOf(reader: PointReader, paths: readonly string[] | undefined, signal: AbortSignal) {
  if (paths === undefined) return [{}];
  const { shards } = await planRestore(reader, { paths, limits: oneShard, workers: 1, signal });
  return shards.map(keysOfRestoreShard);
}
