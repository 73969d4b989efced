/** A stretch of a volume, in bytes; `to` is exclusive. */
export interface VolumeStretch {
  readonly volume: string;
  readonly from: number;
  readonly to: number;
}

/** Stretches that are spelled out; far more than there are as long as anything of a volume is left. */
const mostStretches = 100_000;

/** Collects stretches that come in the order of volumes and offsets; neighbours are joined. */
export class VolumeStretches {
  readonly #stretches: VolumeStretch[] = [];

  get all(): readonly VolumeStretch[] {
    return this.#stretches;
  }

  add(stretch: VolumeStretch): void {
    const last = this.#stretches.at(-1);
    if (last?.volume === stretch.volume && last.to === stretch.from)
      this.#stretches[this.#stretches.length - 1] = { ...last, to: stretch.to };
    else if (this.#stretches.length < mostStretches) this.#stretches.push(stretch);
  }
}
