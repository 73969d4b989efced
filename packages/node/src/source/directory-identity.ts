import { realpathSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import path from 'node:path';

import { isMissing } from '../errno.ts';

/**
 * Identity of a directory, whichever path leads to it: a link or a bind mount gives it another name, not another
 * identity.
 */
export interface DirectoryIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

export function isSameDirectory(a: DirectoryIdentity, b: DirectoryIdentity): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

export function findDirectoryIdentity(directory: string): DirectoryIdentity | undefined {
  const stats = statSync(directory, { bigint: true, throwIfNoEntry: false });
  return stats?.isDirectory() === true ? identityOf(stats) : undefined;
}

export function identityOf({ dev, ino }: BigIntStats): DirectoryIdentity {
  return { dev, ino };
}

/**
 * Tells that a directory is another one or lies in it, through links and bind mounts of any directory above it. It need
 * not exist yet.
 */
export function isWithin(inner: string, outer: string): boolean {
  const wanted = findDirectoryIdentity(outer);
  if (wanted === undefined) return false;
  for (let at = existingPartOf(path.resolve(inner)); ; at = path.dirname(at)) {
    const found = findDirectoryIdentity(at);
    if (found !== undefined && isSameDirectory(found, wanted)) return true;
    if (at === path.dirname(at)) return false;
  }
}

/** The existing part of a path, links resolved: what is made below it comes to lie in it. */
function existingPartOf(directory: string): string {
  try {
    return realpathSync(directory);
  } catch (error) {
    if (!isMissing(error) || directory === path.dirname(directory)) throw error;
    return existingPartOf(path.dirname(directory));
  }
}
