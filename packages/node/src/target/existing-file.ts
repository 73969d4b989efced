import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { isDeniedErrno } from '../errno.ts';

/** A file that a restore compares with what arrives, so that an identical one is not written again. */
export class ExistingFile {
  readonly fd: number;
  #equalBytes = 0;
  #equal = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** Opens the file; `undefined` if this user may not read it, so that it cannot be compared. */
  static find(path: Buffer): ExistingFile | undefined {
    try {
      return new ExistingFile(
        openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
      );
    } catch (error) {
      if (isDeniedErrno(error)) return undefined;
      throw error;
    }
  }

  /** Bytes from the start that are as they arrived. */
  get equalBytes(): number {
    return this.#equalBytes;
  }

  /** Compares the file's next bytes; after one difference the answer is always false. */
  startsWithNext(piece: Uint8Array): boolean {
    if (!this.#equal) return false;
    const bytes = Buffer.allocUnsafe(piece.length);
    let filled = 0;
    while (filled < piece.length) {
      const count = readSync(this.fd, bytes, filled, piece.length - filled, this.#equalBytes + filled);
      if (count === 0) break;
      filled += count;
    }
    this.#equal = filled === piece.length && Buffer.compare(bytes, piece) === 0;
    if (this.#equal) this.#equalBytes += piece.length;
    return this.#equal;
  }

  isWhollyEqual(): boolean {
    return this.#equal && fstatSync(this.fd).size === this.#equalBytes;
  }

  close(): void {
    closeSync(this.fd);
  }
}
