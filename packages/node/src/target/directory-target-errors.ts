import { lstatSync } from 'node:fs';

import { BackupError, RestorePathError, TargetEntryError, TargetUnavailableError } from '@holdfast/engine';

import { errnoOf } from '../errno.ts';
import { pathBytes, shownPath } from '../source/raw-path.ts';
import type { RawPath } from '../source/raw-path.ts';

/** Codes that concern a name, or what is in its way. */
const ofNames: ReadonlySet<string> = new Set([
  'EEXIST',
  'EILSEQ',
  'EINVAL',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
  'ENOTDIR',
  'ENOTEMPTY',
]);

/** Codes that concern the disk, the machine or this process: no other file would fare better. */
const ofAll: ReadonlySet<string> = new Set([
  'EDQUOT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENODEV',
  'ENOMEM',
  'ENOSPC',
  'ENOTCONN',
  'ENXIO',
  'ESTALE',
  'ETIMEDOUT',
  'EHOSTDOWN',
  'EHOSTUNREACH',
]);

/**
 * Turns an error of a file system call for one entry into an engine error. Errors of the disk or of the root concern
 * all entries; rights, flags, sizes and names concern one. One answer cannot tell that all entries are refused alike,
 * so the restoring caller finds out.
 */
export function toDirectoryError(error: unknown, root: RawPath, path: RawPath): Error {
  const code = errnoOf(error);
  // Errors of the content, and the reason of an abort, are the caller's.
  if (code === undefined || error instanceof BackupError)
    return error instanceof Error ? error : new Error(String(error), { cause: error });
  const cause = { cause: error };
  if (ofAll.has(code)) {
    const what = `${JSON.stringify(shownPath(pathBytes(`${root}/${path}`)))} cannot be written (${code})`;
    return new TargetUnavailableError(`${what}; check the disk, and restore again`, cause);
  }
  if (!isThere(root)) {
    const where = JSON.stringify(shownPath(root));
    return new TargetUnavailableError(`directory ${where} is gone; make it, and restore again`, cause);
  }
  if (ofNames.has(code)) {
    return new RestorePathError(
      shownPath(path),
      `the file system refuses it (${code}); remove what is in its way, or restore elsewhere`,
    );
  }
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  const remedy = denied
    ? 'may not be written by this user'
    : 'cannot be written here, while the file system takes others';
  return new TargetEntryError(denied ? 'denied' : 'unfit', shownPath(path), `${remedy} (${code})`, cause);
}

function isThere(root: RawPath): boolean {
  try {
    return lstatSync(pathBytes(root === '' ? '/' : root)).isDirectory();
  } catch {
    return false;
  }
}
