import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

import type { SourceEntry } from '@holdfast/engine';

import type { AppliedFacts, FactSetter } from './apply-facts.ts';
import { errnoOf } from '../errno.ts';
import { factsOf } from '../file-facts.ts';
import { isUnsupported } from '../file-system-calls.ts';
import type { FileSystemCalls } from '../file-system-calls.ts';
import { claimPathOf } from './staging-names.ts';

const zeros = Buffer.alloc(64 * 1024);
/** Shortest run of zeros that becomes a hole, as a hole saves whole blocks of the file system only. */
const holeBytesLeast = 4096;
const copyBytes = 256 * 1024;

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const piece = bytes.subarray(at, at + zeros.length);
    if (Buffer.compare(piece, zeros.subarray(0, piece.length)) !== 0) return false;
  }
  return true;
}

/**
 * A file that is written beside its place and put there whole. Pieces of zeros become holes.
 * Call {@link close} at the end, whatever happens: it removes what was not published.
 */
export class StagedFile {
  #path: Buffer;
  readonly #fd: number;
  #position = 0;
  #hole = false;
  #staged = true;

  /** Refuses to open anything that exists. */
  constructor(path: Buffer, entry: SourceEntry) {
    this.#path = path;
    // Without a mode of its own the file gets what the umask of this process leaves of the usual one.
    const mode = factsOf(entry).mode === undefined ? 0o666 : 0o600;
    this.#fd = openSync(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      mode,
    );
  }

  /** Appends bytes, which the caller may reuse when this returns. */
  append(bytes: Uint8Array): void {
    this.#hole = bytes.length >= holeBytesLeast && isZero(bytes);
    for (let written = 0; !this.#hole && written < bytes.length;) {
      written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#position + written);
    }
    this.#position += bytes.length;
  }

  appendFrom(fd: number, length: number): void {
    const buffer = Buffer.allocUnsafe(Math.min(copyBytes, length));
    for (let at = 0; at < length;) {
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, length - at), at);
      if (count === 0)
        throw new Error(
          `${this.#path.toString('utf8')}: the file it replaces became shorter while it was compared`,
        );
      this.append(buffer.subarray(0, count));
      at += count;
    }
  }

  /** Sets the file's facts, which makes it complete. */
  setFacts(facts: FactSetter, entry: SourceEntry): AppliedFacts {
    if (this.#hole) ftruncateSync(this.#fd, this.#position);
    return facts.apply(this.#fd, entry);
  }

  /** @returns `taken` when `replace` is false and something is there. */
  publish(target: Buffer, replace: boolean, { link }: FileSystemCalls): 'published' | 'taken' {
    if (replace) {
      this.#moveTo(target);
      return 'published';
    }
    try {
      link(this.#path, target);
      return 'published';
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'taken';
      if (!isUnsupported(error)) throw error;
    }
    return this.#publishByClaim(target);
  }

  /**
   * Publishes without hard links: takes the place with an empty file, which is refused if something is there, and puts
   * this one over it. This file's name tells what a crash leaves in between, and the next restore removes both. Not
   * covered: somebody who opens the empty file in that moment and writes into it.
   */
  #publishByClaim(target: Buffer): 'published' | 'taken' {
    const claiming = claimPathOf(this.#path, target);
    renameSync(this.#path, claiming);
    this.#path = claiming;
    try {
      closeSync(openSync(target, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return 'taken';
      throw error;
    }
    try {
      this.#moveTo(target);
    } catch (error) {
      unlinkSync(target);
      throw error;
    }
    return 'published';
  }

  #moveTo(target: Buffer): void {
    renameSync(this.#path, target);
    this.#staged = false;
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#staged) unlinkSync(this.#path);
    this.#staged = false;
  }
}
