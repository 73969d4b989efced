import { type ByteSource, DiskBytesLostError } from '@holdfast/disk';
import type { VolumeStretch } from '@holdfast/engine';

interface Stretch extends VolumeStretch {
  /** Something is known of what lies there. */
  isMet: boolean;
}

/** Stretches of an image's volumes that are lost, and which of them something was found on. */
export class LostStretches {
  readonly #byVolume = new Map<string, Stretch[]>();
  readonly #ofError = new WeakMap<DiskBytesLostError, readonly Stretch[]>();

  constructor(lost: readonly VolumeStretch[]) {
    for (const stretch of lost) {
      const all = this.#byVolume.get(stretch.volume) ?? [];
      all.push({ ...stretch, isMet: false });
      this.#byVolume.set(stretch.volume, all);
    }
    for (const all of this.#byVolume.values()) all.sort((one, other) => one.from - other.from);
  }

  /** A volume whose lost bytes are not asked for, and known to those who read it. */
  markIn(volume: string, source: ByteSource): ByteSource {
    const lost = this.#byVolume.get(volume);
    if (lost === undefined) return source;
    return {
      bytes: source.bytes,
      lostBytes: (offset, length) => {
        let bytes = 0;
        for (const stretch of within(lost, offset, offset + length)) {
          stretch.isMet = true;
          bytes += Math.min(stretch.to, offset + length) - Math.max(stretch.from, offset);
        }
        return bytes;
      },
      read: async (offset, length, signal) => {
        const met = within(lost, offset, offset + length);
        const [first] = met;
        if (first === undefined) return source.read(offset, length, signal);
        const error = new DiskBytesLostError(
          `bytes ${first.from} to ${first.to} of ${volume} are lost: their blocks are damaged in the vault`,
        );
        this.#ofError.set(error, met);
        throw error;
      },
    };
  }

  /** Takes note that what an error kept from being read has a name. */
  meet(error: DiskBytesLostError): void {
    for (const stretch of this.#ofError.get(error) ?? []) stretch.isMet = true;
  }

  /** Those of which nothing is known. */
  listUnmet(): VolumeStretch[] {
    return [...this.#byVolume.values()]
      .flat()
      .filter(({ isMet }) => !isMet)
      .map(({ volume, from, to }) => ({ volume, from, to }));
  }
}

/** Stretches, which are in order and apart, that reach into a range. */
function within(stretches: readonly Stretch[], from: number, to: number): Stretch[] {
  let low = 0;
  let high = stretches.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((stretches[middle]?.to ?? 0) <= from) low = middle + 1;
    else high = middle;
  }
  const found: Stretch[] = [];
  for (let at = low; at < stretches.length; at += 1) {
    const stretch = stretches[at];
    if (stretch === undefined || stretch.from >= to) break;
    found.push(stretch);
  }
  return found;
}
