/** Numbers by a seed: xorshift, the same everywhere. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
    for (let round = 0; round < 8; round += 1) this.next();
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return this.#state;
  }

  below(limit: number): number {
    return this.next() % limit;
  }
}

const stretchBytes = 32;
const mostChanges = 6;
const extremes = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff, 0x7fffffff, 0xffffffff, 0x80000000, 0xf30a, 0xef53];

/** Offsets of those stretches of an image that are not zeros: what is not metadata is little, in small files. */
export function usedStretches(image: Buffer): readonly number[] {
  const used: number[] = [];
  for (let at = 0; at < image.length; at += stretchBytes)
    if (image.subarray(at, at + stretchBytes).some((byte) => byte !== 0)) used.push(at);
  return used;
}

/** A copy of an image with a few changes, where there is something. */
export function mutateImage(image: Buffer, used: readonly number[], seeded: Seeded): Buffer {
  const mutant = Buffer.from(image);
  const place = (): number => (used[seeded.below(used.length)] ?? 0) + seeded.below(stretchBytes - 3);
  for (let change = 0; change <= seeded.below(mostChanges); change += 1) {
    const at = place();
    switch (seeded.below(5)) {
      case 0:
        mutant.writeUInt8(mutant.readUInt8(at) ^ (1 << seeded.below(8)), at);
        break;
      case 1:
        mutant.writeUInt32LE(extremes[seeded.below(extremes.length)] ?? 0, at & ~3);
        break;
      case 2:
        mutant.writeUInt16LE(seeded.below(65_536), at & ~1);
        break;
      case 3:
        // What stands elsewhere: numbers of other inodes and blocks, which is how trees come to go round.
        mutant.copyWithin(at & ~3, place() & ~3, (place() & ~3) + 4 * seeded.below(16));
        break;
      default: {
        const number = mutant.readUInt32LE(at & ~3);
        mutant.writeUInt32LE((number + seeded.below(9) - 4) >>> 0, at & ~3);
      }
    }
  }
  return mutant;
}
