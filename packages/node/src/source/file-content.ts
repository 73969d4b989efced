import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';

import { SourceEntryError } from '@holdfast/engine';
import type { ByteRange } from '@holdfast/engine';

import { errnoOf, isDeniedErrno, isMissing } from '../errno.ts';
import { changeTokenOf } from '../file-facts.ts';
import { shownPath } from './raw-path.ts';

export interface ListedFile {
  /** Below the source's root, for messages. */
  readonly path: Uint8Array;
  readonly fullPath: Buffer;
  readonly changeToken: string;
}

/**
 * Error that says what a failed call on a listed file means to a backup. Errors that are not the file system's pass
 * through.
 * @param consequence - what follows for the point when the file may not or cannot be read.
 */
export function sourceEntryErrorOf(error: unknown, path: Uint8Array, consequence = ''): Error {
  const code = errnoOf(error);
  if (code === undefined || error instanceof SourceEntryError)
    return error instanceof Error ? error : new Error(String(error));
  const shown = shownPath(path);
  if (isMissing(error))
    return new SourceEntryError('vanished', shown, 'vanished since it was listed', { cause: error });
  if (code === 'ELOOP') return changedError(path, { cause: error });
  if (isDeniedErrno(error)) {
    const denied = `may not be read by this user; grant it read access${consequence}`;
    return new SourceEntryError('denied', shown, denied, { cause: error });
  }
  return new SourceEntryError('unreadable', shown, `cannot be read (${code})${consequence}`, {
    cause: error,
  });
}

export function changedError(path: Uint8Array, options?: ErrorOptions): SourceEntryError {
  return new SourceEntryError(
    'changed',
    shownPath(path),
    'changed since it was listed; the next run reads it again',
    options,
  );
}

/** @throws {@link SourceEntryError} the file is not in the listed state. */
function checkUnchanged(file: ListedFile, stats: BigIntStats): void {
  if (changeTokenOf(stats) !== file.changeToken) throw changedError(file.path);
}

function openListed({ fullPath }: ListedFile): number {
  // O_NONBLOCK: a pipe that took the file's place must not hang the run.
  return openSync(fullPath, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

function openUnchanged(file: ListedFile): number {
  const fd = openListed(file);
  try {
    checkUnchanged(file, fstatSync(fd, { bigint: true }));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function fill(fd: number, buffer: Uint8Array, length: number, position: number): number {
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

/**
 * Reads a stretch of a file in one go. Its state is compared afterwards, which proves that nothing has changed since
 * the listing. The caller owns the bytes.
 * @throws {@link SourceEntryError} it vanished, changed, or may not be read.
 */
export function readListed(file: ListedFile, range: ByteRange): Uint8Array {
  try {
    const fd = openListed(file);
    try {
      const bytes = Buffer.allocUnsafe(range.length);
      const filled = fillOrFind(fd, bytes, range);
      // Checked first: what took the file's place explains why it could not be read.
      checkUnchanged(file, fstatSync(fd, { bigint: true }));
      if (filled instanceof Error) throw filled;
      if (filled !== range.length) throw changedError(file.path);
      return bytes;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw sourceEntryErrorOf(error, file.path);
  }
}

function fillOrFind(fd: number, bytes: Uint8Array, { offset, length }: ByteRange): number | Error {
  try {
    return fill(fd, bytes, length, offset);
  } catch (error) {
    return error as Error;
  }
}

/**
 * Reads a stretch of a file in pieces as long as `buffer`, each valid until the next one is asked for.
 * The file is open only while it is being read; its state is compared before the first piece and after the last.
 * @throws {@link SourceEntryError} it vanished, changed, or may not be read.
 */
export function* piecesOfListed(
  file: ListedFile,
  range: ByteRange,
  buffer: Uint8Array,
): Generator<Uint8Array, void, undefined> {
  let fd: number | undefined;
  try {
    fd = openUnchanged(file);
    const end = range.offset + range.length;
    for (let position = range.offset; position < end; position += buffer.length) {
      const wanted = Math.min(buffer.length, end - position);
      if (fill(fd, buffer, wanted, position) !== wanted) throw changedError(file.path);
      yield buffer.subarray(0, wanted);
    }
    checkUnchanged(file, fstatSync(fd, { bigint: true }));
  } catch (error) {
    throw sourceEntryErrorOf(error, file.path);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
