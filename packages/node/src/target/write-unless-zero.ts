import { writeSync } from 'node:fs';

import { isZero } from '@holdfast/engine';

/** Shortest run of zeros that becomes a hole, as a hole saves whole blocks of the file system only. */
const holeBytesLeast = 4096;

/** Writes bytes at their place in a new file, all of them. @returns false for zeros, which become a hole. */
export function writeUnlessZero(fd: number, bytes: Uint8Array, position: number): boolean {
  if (bytes.length >= holeBytesLeast && isZero(bytes)) return false;
  for (let written = 0; written < bytes.length;)
    written += writeSync(fd, bytes, written, bytes.length - written, position + written);
  return true;
}
