import type { Catalog } from './ports/catalog/catalog.ts';
import type { ChunkIndex } from './ports/chunk-index.ts';
import type { Clock } from './ports/clock.ts';
import type { Keyring } from './ports/keyring.ts';
import type { ObjectLock, ObjectStore } from './ports/object-store.ts';
import type { RandomBytes } from './ports/random-bytes.ts';
import type { WorkStore } from './ports/work-store.ts';

/** The ports that reading a vault needs. */
export interface ReadServices {
  readonly store: ObjectStore;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** The ports that opening a run and committing its point need besides. */
export interface RunServices extends ReadServices {
  readonly catalog: Pick<Catalog, 'runs' | 'points' | 'packs'>;
  readonly work: WorkStore;
  readonly lockMode: ObjectLock['mode'];
}

/** The ports that storing chunks needs besides. */
export interface WriteServices extends RunServices {
  /** The index of the trust domain that the source belongs to. */
  readonly index: ChunkIndex;
}

/** All ports that the engine needs, whatever it does to a vault. */
export interface AllServices extends WriteServices {
  readonly catalog: Catalog;
}
