import { hash } from 'node:crypto';
import type { SourceEntry } from '../ports/file-source.ts';

/** Largest stretch of a content that is sampled as one: it has several chunks of the usual size. */
export const unitBytes = 8 * 2 ** 20;

/** Largest sizes of whole files, a stratum each; one more has the parts of larger files. */
const largestSizes = [4 * 1024, 64 * 1024, 2 ** 20, unitBytes] as const;

/** A whole file, or a part of a large one. */
export interface SampleUnit {
  readonly entry: SourceEntry;
  readonly offset: number;
  readonly bytes: number;
  /** Times that the source has this content, as far as a listing shows it. */
  readonly copies: number;
  /** Chance by which units are chosen; the same for every copy. */
  readonly rank: number;
}

/** Units of similar size. */
export interface Stratum {
  readonly bytes: number;
  /** The units of the lowest ranks, which come first: any number of the first are a random sample. */
  readonly units: readonly SampleUnit[];
  /** The units are all that there are. */
  readonly isWhole: boolean;
}

/**
 * Draws a random sample of a source's content in one pass over its listing, in memory that does not grow with it.
 *
 * Every unit has a rank, a seeded hash, and of each stratum the units of the lowest ranks are kept. The hash of an
 * object is of its size and change token (an ETag tells the content), so that copies of an object are all in the
 * sample or none is, and a share of copies in it is that of the source. The change token of a file tells no content:
 * each file counts as another one here.
 */
export class UnitSampler {
  readonly #seed: string;
  readonly #kept: number;
  readonly #strata: LowestRanks[] = Array.from({ length: largestSizes.length + 1 }, () => new LowestRanks());

  /** @param kept - units that are kept of each stratum, at most. */
  constructor(seed: string, kept: number) {
    this.#seed = seed;
    this.#kept = kept;
  }

  add(entry: SourceEntry): void {
    if (entry.size === 0) return;
    const content = entry.kind === 'object' ? `${entry.size} ${entry.changeToken}` : entry.path;
    const digest = hash('sha256', Buffer.concat([Buffer.from(this.#seed), Buffer.from(content)]), 'buffer');
    const [high, low] = [digest.readInt32LE(0), digest.readInt32LE(4)];
    const ofSize = largestSizes.findIndex((largest) => entry.size <= largest);
    const stratum = this.#strata.at(ofSize) as LowestRanks;
    for (let offset = 0, part = 0; offset < entry.size; offset += unitBytes, part += 1) {
      const bytes = Math.min(unitBytes, entry.size - offset);
      stratum.add({ entry, offset, bytes, rank: rankOf(high, low, part) }, this.#kept);
    }
  }

  /** Strata that have content, small files first. */
  strata(): readonly Stratum[] {
    return this.#strata.filter(({ bytes }) => bytes > 0).map((stratum) => stratum.take(this.#kept));
  }
}

class LowestRanks {
  bytes = 0;
  #below = Number.POSITIVE_INFINITY;
  readonly #units = new Map<number, Omit<SampleUnit, 'copies'> & { copies: number }>();

  add(unit: Omit<SampleUnit, 'copies'>, kept: number): void {
    this.bytes += unit.bytes;
    if (unit.rank >= this.#below) return;
    const known = this.#units.get(unit.rank);
    if (known !== undefined) {
      known.copies += 1;
      return;
    }
    this.#units.set(unit.rank, { ...unit, copies: 1 });
    // A unit that was let go does not come back, and all copies of one that is kept have been counted: the bound only
    // ever falls.
    if (this.#units.size >= 2 * kept) this.#letGo(kept);
  }

  take(kept: number): Stratum {
    if (this.#units.size > kept) this.#letGo(kept);
    const units = [...this.#units.values()].sort((a, b) => a.rank - b.rank);
    return { bytes: this.bytes, units, isWhole: this.#below === Number.POSITIVE_INFINITY };
  }

  #letGo(kept: number): void {
    const ranks = [...this.#units.keys()].sort((a, b) => a - b);
    for (const rank of ranks.slice(kept)) this.#units.delete(rank);
    this.#below = ranks[kept] as number;
  }
}

/** A number of 53 random bits for each part of a content: two rounds of MurmurHash3's finaliser. */
function rankOf(high: number, low: number, part: number): number {
  const first = mixed(high ^ mixed(part + 1));
  const second = mixed((low + first) | 0);
  return (first >>> 0) * 2 ** 21 + (second >>> 11);
}

function mixed(value: number): number {
  let bits = value ^ (value >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
