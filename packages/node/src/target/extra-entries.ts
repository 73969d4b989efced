import { type BigIntStats, lstatSync, realpathSync, rmdirSync, statSync, unlinkSync } from 'node:fs';

import { InvalidInputError, TargetUnavailableError } from '@holdfast/engine';
import type { RandomBytes } from '@holdfast/engine';

import { errnoOf, isMissing } from '../errno.ts';
import { modifiedMsOf } from '../file-facts.ts';
import { type FileSystemCalls, systemCalls } from '../file-system-calls.ts';
import { isWithin } from '../source/directory-identity.ts';
import { pathBytes, rawPathOf, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';
import { walkInByteOrder } from '../source/walk-in-byte-order.ts';
import type { RawRange } from '../source/walk-in-byte-order.ts';
import { makeProcessMark } from '../store/process-mark.ts';
import { ClaimedNames } from './claimed-names.ts';
import { readMountPoints } from './mount-points.ts';
import { isStagingName, StagingNames } from './staging-names.ts';

/** Something that lies in a target and that the point does not have, as it was when it was found. */
export interface ExtraEntry {
  /** Below the target, a directory's with a `/` at its end. */
  readonly path: RawPath;
  /** Of files. */
  readonly bytes: number;
  readonly stats: BigIntStats;
}

export interface ExtraSearch {
  /** The target. A symbolic link is followed here, and nowhere below. */
  readonly root: string;
  /** Paths of which everything below is looked at, each with a `/` at its end. @default all of the target */
  readonly below?: readonly string[] | undefined;
  /** Paths of the point's entries below a path, `''` for all, in the order of their bytes. */
  readonly listPoint: (below: string) => AsyncIterable<Uint8Array>;
  /** Files and directories that must not lie in the target: the vault, and its key. */
  readonly precious: readonly string[];
  readonly random: RandomBytes;
  /** @default those of this machine */
  readonly mountPoints?: readonly RawPath[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds what a target has and the point has not, in the order of paths. Nothing that is mounted below,
 * nothing that restores of other processes have under way, and no sockets, pipes and devices: backups leave them out, so
 * points do not tell of them.
 * @throws {@link InvalidInputError} the target has something precious in it, is the root of the file system, or takes some
 * names for others, so that what looks extra may be what was restored.
 * @throws {@link TargetUnavailableError} a directory cannot be listed.
 */
export async function findExtraEntries(search: ExtraSearch): Promise<readonly ExtraEntry[]> {
  const root = findRealRoot(search);
  if (root === undefined) return [];
  const device = lstatSync(pathBytes(root), { bigint: true }).dev;
  const staging = new StagingNames(makeProcessMark(), search.random);
  const names = new ClaimedNames(
    root,
    () => staging.next(),
    () => false,
  );
  const mounted = mountedBelow(root, search.mountPoints);
  const precious = byIdentity(search.precious);
  const extra: ExtraEntry[] = [];
  for (const below of withoutRepetition(search.below ?? [''])) {
    const isInPoint = await openPoint(search.listPoint(below));
    for (const path of walk(root, below)) {
      search.signal?.throwIfAborted();
      if (mounted.some((place) => `${withoutSlash(path)}/`.startsWith(place))) continue;
      const isExtra = !isStagingName(path.slice(path.lastIndexOf('/') + 1)) && !(await isInPoint(path));
      if (!isExtra && !path.endsWith('/')) continue;
      const stats = findStats(root, path);
      if (stats === undefined) continue;
      const found = precious.get(identityTextOf(stats));
      if (found !== undefined) throw liesInside(found, search.root);
      if (!isExtra || stats.dev !== device || !isEverInPoints(stats)) continue;
      if (names.isFolding(withoutSlash(path)))
        throw new InvalidInputError(
          `${JSON.stringify(shownPath(root))} takes some names for others, so what the point does not have cannot be told; ` +
            'delete it by hand',
        );
      extra.push({ path, bytes: stats.isFile() ? Number(stats.size) : 0, stats });
    }
  }
  return extra;
}

/** Paths below the root, each with a `/` at its end. */
function mountedBelow(root: RawPath, mountPoints = readMountPoints()): readonly string[] {
  const below = mountPoints.filter((place) => place.startsWith(`${root}/`));
  return below.map((place) => `${place.slice(root.length + 1)}/`);
}

/** Files and directories by what they are: another mount of their file system may lead to them. */
function byIdentity(paths: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined) found.set(identityTextOf(stats), path);
  }
  return found;
}

function identityTextOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function liesInside(inside: string, root: string): InvalidInputError {
  return new InvalidInputError(
    `${JSON.stringify(inside)} lies in ${JSON.stringify(root)}, of which everything that the point does not have would be ` +
      'deleted; restore elsewhere',
  );
}

function isEverInPoints(stats: BigIntStats): boolean {
  return stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
}

/** The end of extra entries: those that stay are named with the reason, as are directories of another time now. */
export interface RemovedExtra {
  readonly removed: number;
  readonly bytes: number;
  readonly left: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Removes extra entries that are as they were when they were found; directories only when they are empty by then. Never
 * follows a link. The times of directories that stay are put back. Can be repeated.
 */
export function removeExtraEntries(
  { root: directory }: Pick<ExtraSearch, 'root'>,
  entries: readonly ExtraEntry[],
  calls: Pick<FileSystemCalls, 'setTimeOfLink'> = systemCalls,
): RemovedExtra {
  const root = rawPathOf(realpathSync(directory, { encoding: 'buffer' }));
  const left: { path: string; reason: string }[] = [];
  const times = new Map<RawPath, number>();
  let removed = 0;
  let bytes = 0;
  // What is in a directory comes behind it.
  for (const entry of entries.toReversed()) {
    const reason = removeOne(root, entry, times);
    if (reason === undefined) {
      removed += 1;
      bytes += entry.bytes;
    } else left.push({ path: shownPath(entry.path), reason });
  }
  for (const [parent, modifiedMs] of times) {
    // It may be one of those that went.
    if (findStats(root, parent)?.isDirectory() !== true) continue;
    try {
      calls.setTimeOfLink(fullPath(root, parent), modifiedMs);
    } catch (error) {
      const code = errnoOf(error);
      if (code === undefined) throw error;
      left.push({ path: `${shownPath(parent)}/`, reason: `its time cannot be put back (${code})` });
    }
  }
  return { removed, bytes, left: left.toReversed() };
}

/** @returns why it was left; `undefined` when it is gone. */
function removeOne(
  root: RawPath,
  { path, stats }: ExtraEntry,
  times: Map<RawPath, number>,
): string | undefined {
  const parent = parentOf(path);
  try {
    // Somebody may have put a link in the place of a directory on the way.
    if (
      rawPathOf(realpathSync(fullPath(root, parent), { encoding: 'buffer' })) !==
      rawPathOf(fullPath(root, parent))
    )
      return 'a directory above it has become a link';
    const now = findStats(root, path);
    if (now === undefined) return undefined;
    if (!isSame(stats, now)) return 'it has changed since it was shown';
    const above = findStats(root, parent);
    if (above !== undefined && !times.has(parent)) times.set(parent, modifiedMsOf(above));
    if (now.isDirectory()) rmdirSync(fullPath(root, path));
    else unlinkSync(fullPath(root, path));
    return undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code === 'ENOTEMPTY' ? 'something is in it' : `the file system refuses it (${code})`;
  }
}

function isSame(before: BigIntStats, now: BigIntStats): boolean {
  const isOne = before.ino === now.ino && before.dev === now.dev && before.mode === now.mode;
  // A directory changes with what is removed from it.
  return isOne && (now.isDirectory() || (before.size === now.size && before.mtimeNs === now.mtimeNs));
}

/** The target's real path; `undefined` while there is none. */
function findRealRoot({ root, precious }: ExtraSearch): RawPath | undefined {
  const inside = precious.find((one) => isWithin(one, root));
  if (inside !== undefined) throw liesInside(inside, root);
  try {
    const real = rawPathOf(realpathSync(root, { encoding: 'buffer' }));
    if (real !== '/') return real;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  throw new InvalidInputError(
    'nothing is deleted from the root of the file system; restore into a directory',
  );
}

function* walk(root: RawPath, below: string): Generator<RawPath> {
  const prefix = rawPathOf(Buffer.from(below));
  const range: RawRange = prefix === '' ? {} : { from: prefix, to: `${prefix.slice(0, -1)}0` };
  yield* walkInByteOrder(root, range, (path, error) => {
    throw new TargetUnavailableError(
      `${JSON.stringify(shownPath(path))} cannot be listed (${errnoOf(error)}), so what is in it is not known; nothing was deleted`,
      { cause: error },
    );
  });
}

/** Tells of paths, asked in ascending order, whether the point has them, or something below them. */
async function openPoint(listed: AsyncIterable<Uint8Array>): Promise<(path: RawPath) => Promise<boolean>> {
  const entries = listed[Symbol.asyncIterator]();
  const next = async (): Promise<RawPath | undefined> => {
    const { done, value } = await entries.next();
    return done === true ? undefined : rawPathOf(value);
  };
  let current = await next();
  return async (path) => {
    while (current !== undefined && current < path) current = await next();
    return current === path || (path.endsWith('/') && current?.startsWith(path) === true);
  };
}

/** Leaves out directories that lie in another one of them. */
function withoutRepetition(below: readonly string[]): readonly string[] {
  const distinct = [...new Set(below)];
  return distinct.filter((path) => !distinct.some((other) => other !== path && path.startsWith(other)));
}

function parentOf(path: RawPath): RawPath {
  const bare = withoutSlash(path);
  return bare.slice(0, Math.max(0, bare.lastIndexOf('/'))) as RawPath;
}

function withoutSlash(path: RawPath): RawPath {
  return (path.endsWith('/') ? path.slice(0, -1) : path) as RawPath;
}

/** A call with a slash at the end would follow a link that took a directory's place. */
function fullPath(root: RawPath, path: RawPath): Buffer {
  return pathBytes(path === '' ? root : `${root}/${withoutSlash(path)}`);
}

function findStats(root: RawPath, path: RawPath): BigIntStats | undefined {
  return lstatSync(fullPath(root, path), { bigint: true, throwIfNoEntry: false });
}
