import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

import { InvalidInputError, isZero, RestorePathError } from '@holdfast/engine';
import type { SameBytes, VolumeTarget } from '@holdfast/engine';

import { errnoOf, isMissing } from '../errno.ts';
import { isUnsupported } from '../file-system-calls.ts';
import { rawPathOf } from '../source/raw-path.ts';
import { makeProcessMark } from '../store/process-mark.ts';
import { syncDirectory } from '../store/sync-directory.ts';
import { toDirectoryError } from './directory-target-errors.ts';

/** Zeros are looked for, and written, in pieces of so many bytes. */
const pieceBytes = 1024 * 1024;

export interface DiskImageOptions {
  /** The image's place once it is whole. */
  readonly path: string;
  readonly bytes: number;
  /** Names what the image is of: a process that is killed leaves a temporary file, which the next one of that name goes on with. */
  readonly content: string;
}

/**
 * A raw disk image: sparse, written beside its place as `.holdfast-image-…`, and put there whole, once it is on the disk.
 *
 * Nothing of a temporary file that was left is trusted: its blocks are compared, and what lies between them is made
 * zeros again. A link of its name and `.lock` tells which process writes it. Only its owner may read an image, as it has everything of a disk, passwords included.
 * Calls to the file system are synchronous.
 */
export class DiskImageFile implements VolumeTarget {
  readonly path: string;
  /** The temporary file. */
  readonly stagedPath: string;
  readonly #bytes: number;
  readonly #fd: number;
  /** The image in the place already, whose blocks are taken where they are the same. */
  readonly #old: number | undefined;
  /** True if the temporary file may have anything in it. */
  readonly #isResumed: boolean;
  /** End of what has been looked at. */
  #end = 0;

  /**
   * Opens the temporary file, and the one in the image's place.
   * @throws {@link RestorePathError} something else than a file is in its place; or its directory is missing.
   * @throws {@link TargetUnavailableError} the disk takes nothing.
   */
  constructor({ path: place, bytes, content }: DiskImageOptions) {
    this.path = path.resolve(place);
    this.stagedPath = stagedPathOf(this.path, content);
    this.#bytes = bytes;
    const existing = findFile(this.path);
    this.#run(() => takeLock(this.stagedPath));
    try {
      this.#fd = this.#run(() => openStaged(this.stagedPath));
    } catch (error) {
      releaseLock(this.stagedPath);
      throw error;
    }
    this.#isResumed = fstatSync(this.#fd).size > 0;
    try {
      this.#run(() => ftruncateSync(this.#fd, bytes));
      this.#old = existing && this.#run(() => openSync(this.path, constants.O_RDONLY | constants.O_NOFOLLOW));
    } catch (error) {
      closeSync(this.#fd);
      if (!this.#isResumed) this.remove();
      releaseLock(this.stagedPath);
      throw error;
    }
  }

  async has(
    { offset, plainBytes }: { readonly offset: number; readonly plainBytes: number },
    isSame: SameBytes,
  ): Promise<boolean> {
    this.#clear(offset);
    if (this.#isResumed && isSame(readFrom(this.#fd, offset, plainBytes))) {
      this.#end = offset + plainBytes;
      return true;
    }
    // What is there of the block is a part of it: if it cannot be read again, nobody may take that for all.
    this.#clear(offset + plainBytes);
    if (this.#old !== undefined) {
      const bytes = readFrom(this.#old, offset, plainBytes);
      if (isSame(bytes)) {
        await this.write(offset, bytes);
        return true;
      }
    }
    return false;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.#write(offset, bytes);
  }

  /** Flushes the temporary file, which is the whole image now. */
  finish(): void {
    this.#clear(this.#bytes);
    this.#run(() => fsyncSync(this.#fd));
  }

  /**
   * Puts the image in its place, where it survives a power failure.
   * @param staged - the file to put there instead, made of the image. @default the image itself
   * @returns `kept` if something is there meanwhile that is not to be replaced.
   */
  async publish(replace: boolean, staged: string = this.stagedPath): Promise<'written' | 'kept'> {
    const outcome = this.#run(() => putInPlace(staged, this.path, replace));
    await syncDirectory(path.dirname(this.path));
    return outcome;
  }

  /** Ends the work. The temporary file stays for another attempt, unless it was published or removed. */
  close(): void {
    closeSync(this.#fd);
    if (this.#old !== undefined) closeSync(this.#old);
    releaseLock(this.stagedPath);
  }

  /** Removes the temporary file, if it is there. */
  remove(): void {
    try {
      unlinkSync(this.stagedPath);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Makes zeros of all that is in the temporary file between what has been looked at and an offset. */
  #clear(to: number): void {
    for (let at = this.#end; this.#isResumed && at < to; at += pieceBytes) {
      const bytes = readFrom(this.#fd, at, Math.min(pieceBytes, to - at));
      if (!isZero(bytes)) this.#write(at, bytes.fill(0));
    }
    this.#end = to;
  }

  #write(offset: number, bytes: Uint8Array): void {
    this.#run(() => {
      for (let written = 0; written < bytes.length;)
        written += writeSync(this.#fd, bytes, written, bytes.length - written, offset + written);
    });
  }

  #run<Result>(call: () => Result): Result {
    try {
      return call();
    } catch (error) {
      throw toDirectoryError(
        error,
        rawPathOf(Buffer.from(path.dirname(this.path))),
        rawPathOf(Buffer.from(path.basename(this.path))),
      );
    }
  }
}

/** Reads the file in an image's place, to compare it. `undefined` without one. Call `close` in the end. */
export function openExistingImage(place: string):
  | {
      readonly bytes: number;
      readonly readAt: (offset: number, bytes: number) => Promise<Uint8Array>;
      readonly close: () => void;
    }
  | undefined {
  const existing = findFile(path.resolve(place));
  if (existing === undefined) return undefined;
  const fd = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW);
  return {
    bytes: existing.size,
    readAt: async (offset, bytes) => Promise.resolve(readFrom(fd, offset, bytes)),
    close: () => closeSync(fd),
  };
}

/** @throws {@link RestorePathError} something else than a file is there: it is neither followed nor replaced. */
function findFile(place: string) {
  const stats = lstatSync(place, { throwIfNoEntry: false });
  if (stats === undefined || stats.isFile()) return stats;
  const what = stats.isSymbolicLink()
    ? 'a symbolic link'
    : stats.isDirectory()
      ? 'a directory'
      : 'no regular file';
  throw new RestorePathError(
    place,
    `${what} is there; name a file${stats.isSymbolicLink() ? ', such as the one that it leads to' : ''}`,
  );
}

/** A name that only the same content in the same place has. */
function stagedPathOf(place: string, content: string): string {
  const digest = createHash('sha256')
    .update(`${path.basename(place)}\n${content}`)
    .digest('hex')
    .slice(0, 16);
  return path.join(path.dirname(place), `.holdfast-image-${digest}`);
}

/**
 * Takes a temporary file for this process: a second one would make zeros of what the first is writing, also after that
 * has put it in its place. Where the file system has no links, nothing is locked.
 */
function takeLock(staged: string): void {
  const lock = `${staged}.lock`;
  const { text, hasEnded } = makeProcessMark();
  try {
    symlinkSync(text, lock);
  } catch (error) {
    if (isUnsupported(error)) return;
    if (errnoOf(error) !== 'EEXIST') throw error;
    if (!hasEnded(readlinkSync(lock)))
      throw new InvalidInputError(
        `another process restores the same into this place; wait for it, or if there is none remove ${JSON.stringify(lock)}`,
      );
    unlinkSync(lock);
    symlinkSync(text, lock);
  }
}

function releaseLock(staged: string): void {
  try {
    unlinkSync(`${staged}.lock`);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Opens a temporary file that was left, or a new one. One that somebody else made is not touched. */
function openStaged(staged: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const fd = openSync(staged, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  const stats = fstatSync(fd);
  if (stats.isFile() && stats.nlink === 1 && (process.getuid === undefined || stats.uid === process.getuid()))
    return fd;
  closeSync(fd);
  throw new InvalidInputError(
    `${JSON.stringify(staged)} is not this user's own temporary file; remove it, and restore again`,
  );
}

function putInPlace(staged: string, place: string, replace: boolean): 'written' | 'kept' {
  if (!replace) {
    try {
      linkSync(staged, place);
      unlinkSync(staged);
      return 'written';
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'kept';
      if (!isUnsupported(error)) throw error;
      // Without hard links somebody who makes the file in this very moment loses it.
      if (lstatSync(place, { throwIfNoEntry: false }) !== undefined) return 'kept';
    }
  }
  renameSync(staged, place);
  return 'written';
}

/** Bytes of a file from an offset on; fewer at its end. */
function readFrom(fd: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let filled = 0; filled < length;) {
    const count = readSync(fd, bytes, filled, length - filled, offset + filled);
    if (count === 0) return bytes.subarray(0, filled);
    filled += count;
  }
  return bytes;
}
