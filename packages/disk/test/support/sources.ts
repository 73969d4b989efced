import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { ByteSource } from '../../src/index.ts';

/** Bytes in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    bytes: bytes.length,
    read: async (offset, length) => {
      if (offset < 0 || offset + length > bytes.length) throw new RangeError(`${offset} + ${length}`);
      return bytes.slice(offset, offset + length);
    },
  };
}

/** A file, opened for each read, so that nothing is left open. */
export function fileSource(file: string): ByteSource {
  const opened = <Result>(use: (handle: number) => Result): Result => {
    const handle = openSync(file, 'r');
    try {
      return use(handle);
    } finally {
      closeSync(handle);
    }
  };
  const { size } = opened((handle) => fstatSync(handle));
  return {
    bytes: size,
    read: async (offset, length) =>
      opened((handle) => {
        const bytes = new Uint8Array(length);
        if (readSync(handle, bytes, 0, length, offset) !== length)
          throw new RangeError(`${offset} + ${length}`);
        return bytes;
      }),
  };
}

/** A source that counts what is read of it. */
export class CountingSource implements ByteSource {
  readonly bytes: number;
  reads = 0;
  bytesRead = 0;
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    this.#source = source;
    this.bytes = source.bytes;
  }

  async read(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    this.reads += 1;
    this.bytesRead += length;
    return this.#source.read(offset, length, signal);
  }
}
