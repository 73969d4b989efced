import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { askDebugfs } from './e2fsprogs.ts';

/** Writes bytes into a file at a place. */
export function patchFile(file: string, at: number, bytes: Uint8Array): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, bytes, 0, bytes.length, at);
  closeSync(handle);
}

/** Changes bytes of a file, given all of it. */
export function changeFile(file: string, at: number, change: (bytes: Buffer) => void, length = 4096): void {
  const bytes = Buffer.from(readFileSync(file).subarray(at, at + length));
  change(bytes);
  patchFile(file, at, bytes);
}

/** The block of an image that has a block of a file. */
export function blockOf(file: string, name: string, block = 0): number {
  return Number(askDebugfs(file, `bmap ${name} ${block}`).trim());
}
