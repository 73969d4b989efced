import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { isZero } from '@holdfast/engine';

import { isDeniedErrno } from '../errno.ts';

/** Unit in which disks keep or lose bytes. */
const sectorBytes = 512;

/** A file that a restore compares with what arrives, so that an identical one is not written again. */
export class ExistingFile {
  readonly fd: number;
  #position = 0;
  #equalBytes = 0;
  #equal = true;
  #lacksOnly: boolean;

  private constructor(fd: number, mayLack: boolean) {
    this.fd = fd;
    this.#lacksOnly = mayLack;
  }

  /**
   * Opens the file; `undefined` if this user may not read it, so that it cannot be compared.
   * @param mayLack - goes on comparing after a difference, for {@link lacksOnly}.
   */
  static find(path: Buffer, mayLack: boolean): ExistingFile | undefined {
    try {
      const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      return new ExistingFile(fd, mayLack);
    } catch (error) {
      if (isDeniedErrno(error)) return undefined;
      throw error;
    }
  }

  /** Bytes from the start that are as they arrived. */
  get equalBytes(): number {
    return this.#equalBytes;
  }

  /** True while the file has nothing but what arrived, with zeros in some places, or its end missing. */
  get lacksOnly(): boolean {
    return this.#lacksOnly;
  }

  /** Compares the file's next bytes; after one difference the answer is always false. */
  startsWithNext(piece: Uint8Array): boolean {
    if (!this.#equal && !this.#lacksOnly) return false;
    const bytes = this.#readNext(piece.length);
    this.#equal &&= bytes.length === piece.length && Buffer.compare(bytes, piece) === 0;
    this.#lacksOnly &&= this.#equal || this.#hasNothingElse(bytes, piece);
    this.#position += piece.length;
    if (this.#equal) this.#equalBytes = this.#position;
    return this.#equal;
  }

  #readNext(length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const count = readSync(this.fd, bytes, filled, length - filled, this.#position + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  }

  #hasNothingElse(bytes: Buffer, piece: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      const end = at + sectorBytes - ((this.#position + at) % sectorBytes);
      const sector = bytes.subarray(at, end);
      if (!isZero(sector) && Buffer.compare(sector, piece.subarray(at, at + sector.length)) !== 0)
        return false;
      at = end;
    }
    return true;
  }

  isWhollyEqual(): boolean {
    return this.#equal && fstatSync(this.fd).size === this.#equalBytes;
  }

  close(): void {
    closeSync(this.fd);
  }
}
