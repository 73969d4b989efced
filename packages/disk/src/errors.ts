/**
 * Base of what can go wrong with bytes of a disk. `name` is written out because bundling renames classes. Errors of the
 * source itself, such as a block that cannot be fetched, pass through unchanged.
 */
export abstract class DiskError extends Error {
  abstract override readonly name: string;
}

/** Bytes on the disk are not what they must be: damaged, or made by somebody who wants to mislead a reader. */
export class DiskDamagedError extends DiskError {
  override readonly name: string = 'DiskDamagedError';
}

/** Bytes of the disk are gone: whoever keeps it cannot give them as they were. Thrown by sources. */
export class DiskBytesLostError extends DiskDamagedError {
  override readonly name = 'DiskBytesLostError';
}

/** The disk has something that this package does not read, or a part of it that it does not know. */
export class DiskUnsupportedError extends DiskError {
  override readonly name = 'DiskUnsupportedError';
  /** The name of what is there, such as `LUKS 2`. */
  readonly found: string;
  constructor(found: string, detail = '') {
    super(`${found} is not supported${detail === '' ? '' : `: ${detail}`}`);
    this.found = found;
  }
}

/** Something was asked of a node that is of another kind, or a path does not end: it goes round in links. */
export class DiskPathError extends DiskError {
  override readonly name = 'DiskPathError';
}
