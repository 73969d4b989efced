import {
  keysOfRestoreShard,
  type FetchPolicy,
  type PointReader,
  restoreRange,
  type RestoreOutcome,
  type RestoreShard,
  selectKeys,
} from '@holdfast/engine';
import type { OverwriteRule } from '@holdfast/engine/model';
import { systemRandom } from '../system-ports.ts';
import { DirectoryTarget } from '../target/directory-target.ts';
import type { SharedDirectories } from '../target/target-directories.ts';
import type { FillFile } from '../target/target-files.ts';
import { fillWithOthers, type SharedFile } from './shared-file.ts';

/** A restore as each of its workers has to know it. */
export interface DirectoryRestore {
  /** That is restored into. */
  readonly directory: string;
  /** The vault's, which is never written into. */
  readonly vaultRoot: string;
  readonly overwrite: OverwriteRule;
  /** @default everything */
  readonly paths: readonly string[] | undefined;
  /** Directories whose facts are set when all workers are done. */
  readonly shared: SharedDirectories;
  /** Files above this size are filled by all workers, each a quarter of it at a time. @default each file by one */
  readonly shareAboveBytes?: number | undefined;
}

/** Little is read ahead, as a disk answers at once and the memory of several workers is limited. */
const localFetch: FetchPolicy = {
  windowBytes: 8 * 2 ** 20,
  windowItems: 4_096,
  cacheBytes: 16 * 2 ** 20,
  runsAtOnce: 2,
  run: { maxRunBytes: 4 * 2 ** 20, maxGapBytes: 32 * 2 ** 10, maxWaste: 0.05 },
};

/** Stretches that a file is cut into at most, whatever its size: each worker has the list in memory. */
const mostStretches = 1_024;

/**
 * A worker's part of a restore into a directory, one shard after the other, with one target: it knows which names are
 * taken and which directories it made, and looks for leftovers once.
 * @param askForHelp - tells other threads of a large file that they can help to fill. @default nobody helps
 */
export function restorerOf(
  reader: PointReader,
  { directory, vaultRoot, overwrite, paths, shared, shareAboveBytes }: DirectoryRestore,
  askForHelp?: (file: SharedFile) => void,
): (shard: RestoreShard, signal?: AbortSignal) => Promise<RestoreOutcome> {
  const fill: FillFile | undefined =
    askForHelp &&
    (async ({ path, size }, fd) => {
      if (shareAboveBytes === undefined || size <= shareAboveBytes) return false;
      const stretchBytes = Math.max(shareAboveBytes / 4, size / mostStretches);
      return fillWithOthers(reader, { path, fd, stretchBytes }, askForHelp);
    });
  const target = new DirectoryTarget({
    root: directory,
    random: systemRandom,
    vault: vaultRoot,
    shared,
    fill,
  });
  return async (shard, signal) =>
    restoreRange(reader, {
      range: keysOfRestoreShard(shard),
      selection: selectKeys(paths),
      target,
      overwrite,
      fetch: localFetch,
      signal,
    });
}
