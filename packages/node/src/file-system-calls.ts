import { fchmodSync, fchownSync, futimesSync, lchownSync, linkSync, lutimesSync, symlinkSync } from 'node:fs';

import { errnoOf } from './errno.ts';

/**
 * The calls that not every file system has, or that some accept and do nothing: exFAT has no links, modes or owners;
 * a share of SMB perhaps none of them. The behaviour of others is put in their place in tests.
 */
export interface FileSystemCalls {
  readonly link: (existing: Buffer, path: Buffer) => void;
  readonly symlink: (target: Buffer, path: Buffer) => void;
  readonly setMode: (fd: number, mode: number) => void;
  readonly setOwner: (fd: number, uid: number, gid: number) => void;
  readonly setOwnerOfLink: (path: Buffer, uid: number, gid: number) => void;
  /** Of last access and of modification alike. Milliseconds since 1970, also before it. */
  readonly setTime: (fd: number, ms: number) => void;
  readonly setTimeOfLink: (path: Buffer, ms: number) => void;
}

/**
 * Seconds as Node takes them. As text: of a number below zero Node makes the present.
 * @see https://nodejs.org/api/fs.html#fsutimespath-atime-mtime-callback
 */
function secondsOf(ms: number): string {
  return String(ms / 1000);
}

/** The operating system's. */
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

/** Whether a file system refused a call because it has no such thing. EPERM is what Linux says of links on FAT. */
export function isUnsupported(error: unknown): boolean {
  return unsupported.has(errnoOf(error));
}
