import { closeSync, openSync, read, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';

import { StoreUnavailableError } from '@holdfast/engine';

/** Most buffers in one call: operating systems take no more. */
const buffersPerWrite = 1024;

/** Longest stretch that is read on the caller's own thread. Bytes. */
const readAtOnceBytes = 256 * 1024;

const readOnThread = promisify(read);

export function bodyBytes(body: Uint8Array | readonly Uint8Array[]): number {
  return body instanceof Uint8Array ? body.length : body.reduce((sum, part) => sum + part.length, 0);
}

export function bodyParts(body: Uint8Array | readonly Uint8Array[]): readonly Uint8Array[] {
  return (body instanceof Uint8Array ? [body] : body).filter((part) => part.length > 0);
}

/** Writes buffers one after the other from a position on, all of them. */
export async function writeParts(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let at = position;
  let rest = [...parts];
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest.slice(0, buffersPerWrite), at);
    if (bytesWritten === 0)
      throw new StoreUnavailableError('the file system took no bytes; check that the disk is not full');
    at += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

function withoutFirst(parts: Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  let index = 0;
  for (let part = parts[index]; part !== undefined && part.length <= skip; part = parts[index]) {
    skip -= part.length;
    index += 1;
  }
  const rest = parts.slice(index);
  if (skip > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(skip);
  return rest;
}

/**
 * Reads `length` bytes of a file from a position on; fewer where the file ends. The caller owns them.
 * A short stretch is read at once: it is there before another thread could have taken the request.
 */
export async function readStretch(path: string, position: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const fd = openSync(path, 'r');
  try {
    const readPart = length <= readAtOnceBytes ? readSync : readLater;
    let filled = 0;
    while (filled < length) {
      const count = await readPart(fd, bytes, filled, length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } finally {
    closeSync(fd);
  }
}

async function readLater(fd: number, ...into: [Uint8Array, number, number, number]): Promise<number> {
  return (await readOnThread(fd, ...into)).bytesRead;
}
