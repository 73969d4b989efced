import type { PackId } from '../ids.ts';
import type { CheckedFrame, FrameMemory } from '../packs/check-pack.ts';

/** Most frames that are remembered. Four bytes each: 64 MiB for about 16 TiB of chunks of 1 MiB. */
const defaultLimit = 2 ** 24;

/**
 * Frames that were found whole, so that points that share packs read each frame once. A frame is known only as it was
 * read, so a reference that says something else of it is checked by itself. Memory: bounded; a frame that does not fit
 * any more is read again.
 */
export class KnownFrames implements FrameMemory {
  readonly #limit: number;
  readonly #packs = new Map<PackId, Uint32Array>();
  #size = 0;

  /** @param limit - most frames that are remembered. */
  constructor(limit = defaultLimit) {
    this.#limit = limit;
  }

  isKnown(packId: PackId, frame: CheckedFrame): boolean {
    return this.#packs.get(packId)?.[frame.frame] === fingerprintOf(frame);
  }

  note(packId: PackId, frame: CheckedFrame): void {
    const before = this.#packs.get(packId);
    if (before !== undefined && frame.frame < before.length) {
      before[frame.frame] = fingerprintOf(frame);
      return;
    }
    const length = Math.max(64, 2 ** Math.ceil(Math.log2(frame.frame + 1)));
    const grows = length - (before?.length ?? 0);
    if (this.#size + grows > this.#limit) return;
    this.#size += grows;
    const after = new Uint32Array(length);
    if (before !== undefined) after.set(before);
    after[frame.frame] = fingerprintOf(frame);
    this.#packs.set(packId, after);
  }
}

/** Never 0, which stands for a frame that is not known. References have authenticated: this catches mistakes. */
function fingerprintOf({ id, offset, length }: CheckedFrame): number {
  return (Number.parseInt(id.slice(0, 8), 16) ^ Math.imul(offset % 2 ** 32, 31) ^ length) >>> 0 || 1;
}
