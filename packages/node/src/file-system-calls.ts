import { fchmodSync, fchownSync, futimesSync, lchownSync, linkSync, lutimesSync, symlinkSync } from 'node:fs';

import { errnoOf } from './errno.ts';

/**
 * Calls that some file systems lack, or accept without doing anything: exFAT has no links, modes or owners; a share of
 * SMB may have none of them. Tests put the behaviour of others in their place.
 */
export interface FileSystemCalls {
  readonly link: (existing: Buffer, path: Buffer) => void;
  readonly symlink: (target: Buffer, path: Buffer) => void;
  readonly setMode: (fd: number, mode: number) => void;
  readonly setOwner: (fd: number, uid: number, gid: number) => void;
  readonly setOwnerOfLink: (path: Buffer, uid: number, gid: number) => void;
  /** Sets the times of last access and of modification alike. Milliseconds since 1970, negative before it. */
  readonly setTime: (fd: number, ms: number) => void;
  readonly setTimeOfLink: (path: Buffer, ms: number) => void;
}

/**
 * Seconds as Node takes them. They are text, as Node turns a number below zero into the present.
 * @see https://nodejs.org/api/fs.html#fsutimespath-atime-mtime-callback
 */
function secondsOf(ms: number): string {
  return String(ms / 1000);
}

export const systemCalls: FileSystemCalls = {
  link: linkSync,
  symlink: symlinkSync,
  setMode: fchmodSync,
  setOwner: fchownSync,
  setOwnerOfLink: lchownSync,
  setTime: (fd, ms) => futimesSync(fd, secondsOf(ms), secondsOf(ms)),
  setTimeOfLink: (path, ms) => lutimesSync(path, secondsOf(ms), secondsOf(ms)),
};

const unsupported: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

/** Tells that a file system lacks what a call needs. EPERM is Linux's answer for links on FAT. */
export function isUnsupported(error: unknown): boolean {
  return unsupported.has(errnoOf(error));
}
