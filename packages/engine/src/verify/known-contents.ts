import type { PackId } from '../ids.ts';
import type { CheckedContent, ContentMemory } from '../packs/check-pack.ts';

/** Most chunks and pages that are remembered: the table has 64 MiB then. */
const defaultLimit = 5_800_000;

/**
 * Chunks and pages that were found whole, so that points that share packs read each once. One is known only as it was
 * read, so a reference that says something else of its place is checked by itself.
 * Memory: bounded, about 11 bytes each; what does not fit any more is read again.
 */
export class KnownContents implements ContentMemory {
  readonly #limit: number;
  /** A hash table with open addressing; 0 is an empty slot. */
  #slots = new Float64Array(1_024);
  #size = 0;

  /** @param limit - most chunks and pages that are remembered. */
  constructor(limit = defaultLimit) {
    this.#limit = limit;
  }

  isKnown(packId: PackId, content: CheckedContent): boolean {
    return this.#slots[this.#slotOf(fingerprintOf(packId, content))] !== 0;
  }

  note(packId: PackId, content: CheckedContent): void {
    const fingerprint = fingerprintOf(packId, content);
    const slot = this.#slotOf(fingerprint);
    if (this.#slots[slot] !== 0 || this.#size >= this.#limit) return;
    this.#slots[slot] = fingerprint;
    this.#size += 1;
    if (this.#size > 0.7 * this.#slots.length) this.#grow();
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Float64Array(2 * before.length);
    for (const fingerprint of before)
      if (fingerprint !== 0) this.#slots[this.#slotOf(fingerprint)] = fingerprint;
  }

  /** The slot that has the fingerprint, or the empty one that it would go into. */
  #slotOf(fingerprint: number): number {
    const mask = this.#slots.length - 1;
    let slot = (fingerprint % 0x1_0000_0000) & mask;
    while (this.#slots[slot] !== 0 && this.#slots[slot] !== fingerprint) slot = (slot + 1) & mask;
    return slot;
  }
}

/** 53 bits, never 0. References have authenticated: this catches mistakes, not attacks. */
function fingerprintOf(packId: PackId, content: CheckedContent): number {
  const { id, plainBytes, frame, offset, length, contentBytes, start } = content;
  const ofSizes = Math.imul(plainBytes, 0xc2b2_ae35) ^ Math.imul(contentBytes, 0x27d4_eb2f);
  const ofContent = (hexWord(id) ^ Math.imul(offset % 2 ** 32, 31) ^ length ^ ofSizes) >>> 0;
  const ofPlace = (hexWord(packId) ^ Math.imul(frame, 0x9e37_79b1) ^ Math.imul(start, 0x85eb_ca6b)) >>> 11;
  return ofPlace * 2 ** 32 + ofContent || 1;
}

function hexWord(id: string): number {
  return Number.parseInt(id.slice(0, 8), 16);
}
