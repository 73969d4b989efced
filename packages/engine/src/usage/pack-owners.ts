import type { PackId } from '../ids.ts';
import { packKey } from '../manifest/pack-map.ts';
import type { KeyRange } from '../manifest/tuple-key.ts';

/** Packs that are counted one by one, at some 200 bytes each; of more, a share is counted. 8 TiB in packs of 32 MiB. */
const mostCounted = 2 ** 18;

const firstDigits = 8;

export interface OwnedPack {
  /** Numbers of those that need it, in rising order of their first need. */
  readonly owners: number[];
  /** Name of the archive class, of a container that is in one. */
  readonly archiveClass: string | undefined;
}

/**
 * Who needs which pack, within bounded memory. Ids of packs are random, so where there are too many, those below a bound
 * are a fair sample of all: the bound is halved, and what lies above it is neither counted nor looked for.
 */
export class PackOwners {
  readonly packs = new Map<PackId, OwnedPack>();
  readonly #most: number;
  #halved = 0;

  constructor(most: number = mostCounted) {
    this.#most = most;
  }

  /** Share of all packs that is counted. */
  get share(): number {
    return 2 ** -this.#halved;
  }

  /** Range of the ids that are counted. */
  get range(): KeyRange {
    return this.#halved === 0 ? {} : { to: packKey(this.#boundId) };
  }

  get #boundId(): PackId {
    const first = (2 ** (4 * firstDigits - this.#halved)).toString(16).padStart(firstDigits, '0');
    return first.padEnd(32, '0') as PackId;
  }

  add(packId: PackId, owner: number, archiveClass?: string): void {
    if (this.#halved > 0 && packId >= this.#boundId) return;
    const known = this.packs.get(packId);
    if (known === undefined) this.packs.set(packId, { owners: [owner], archiveClass });
    else if (!known.owners.includes(owner)) known.owners.push(owner);
    while (this.packs.size > this.#most) this.#halve();
  }

  #halve(): void {
    this.#halved += 1;
    const bound = this.#boundId;
    for (const packId of this.packs.keys()) if (packId >= bound) this.packs.delete(packId);
  }
}
