import {
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

import type { SourceEntry } from '@holdfast/engine';

import { applyFacts } from './apply-facts.ts';
import type { FactRights } from './apply-facts.ts';
import { errnoOf } from './errno.ts';
import { factsOf } from './file-facts.ts';

const zeros = Buffer.alloc(64 * 1024);
/** Runs of zeros shorter than this are written: a hole saves whole blocks of the file system only. */
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
 * Whatever happens, call {@link close} at the end: it takes away what was not published.
 */
export class StagedFile {
  readonly #path: Buffer;
  readonly #fd: number;
  #position = 0;
  #hole = false;
  #staged = true;

  /** Makes the file; refuses to open anything that exists. */
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

  /** Appends bytes; they are not needed any more when this returns. */
  append(bytes: Uint8Array): void {
    this.#hole = bytes.length >= holeBytesLeast && isZero(bytes);
    for (let written = 0; !this.#hole && written < bytes.length;) {
      written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#position + written);
    }
    this.#position += bytes.length;
  }

  /** Appends the first bytes of an open file. */
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

  /** Sets the facts and puts the file in its place. @returns `taken` when `replace` is false and something is there. */
  publish(target: Buffer, entry: SourceEntry, rights: FactRights, replace: boolean): 'published' | 'taken' {
    if (this.#hole) ftruncateSync(this.#fd, this.#position);
    applyFacts(this.#fd, entry, rights);
    if (replace) {
      renameSync(this.#path, target);
      this.#staged = false;
      return 'published';
    }
    try {
      linkSync(this.#path, target);
      return 'published';
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      return 'taken';
    }
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#staged) unlinkSync(this.#path);
    this.#staged = false;
  }
}
