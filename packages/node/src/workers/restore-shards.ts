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
import { DirectoryTarget, type SharedDirectories } from '../target/directory-target.ts';

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
}

/** Little is read ahead, as a disk answers at once and the memory of several workers is limited. */
const localFetch: FetchPolicy = {
  windowBytes: 8 * 2 ** 20,
  windowItems: 4_096,
  cacheBytes: 16 * 2 ** 20,
  runsAtOnce: 2,
  run: { maxRunBytes: 4 * 2 ** 20, maxGapBytes: 32 * 2 ** 10, maxWaste: 0.05 },
};

/**
 * A worker's part of a restore into a directory, one shard after the other, with one target: it knows which names are
 * taken and which directories it made, and looks for leftovers once.
 */
export function restorerOf(
  reader: PointReader,
  { directory, vaultRoot, overwrite, paths, shared }: DirectoryRestore,
): (shard: RestoreShard, signal?: AbortSignal) => Promise<RestoreOutcome> {
  const target = new DirectoryTarget({ root: directory, random: systemRandom, vault: vaultRoot, shared });
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
