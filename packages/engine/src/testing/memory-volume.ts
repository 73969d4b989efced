import type { SameBytes, VolumeTarget } from '../ports/volume-target.ts';

/** A volume in memory: bytes of zeros that blocks are written into. */
export class MemoryVolume implements VolumeTarget {
  readonly bytes: Uint8Array;
  /** Offsets that were written, in the order in which that ended. */
  readonly written: number[] = [];

  /** @param bytes - what it has before, or its size. */
  constructor(bytes: Uint8Array | number) {
    this.bytes = typeof bytes === 'number' ? new Uint8Array(bytes) : bytes;
  }

  async has({ offset, plainBytes }: { offset: number; plainBytes: number }, isSame: SameBytes) {
    return Promise.resolve(isSame(this.bytes.subarray(offset, offset + plainBytes)));
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.bytes.set(bytes, offset);
    this.written.push(offset);
  }
}
