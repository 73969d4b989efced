import type { ObjectStore } from '../ports/object-store.ts';

/** A store under test, and the two things that only somebody who goes round the product can do. */
export interface ObjectStoreUnderTest {
  readonly store: ObjectStore;
  /** Adds a version of a name without a condition; returns its id. */
  plantVersion(name: string, body: Uint8Array): Promise<string>;
  plantMarker(name: string): Promise<void>;
}

export interface ObjectStoreContractOptions {
  readonly name: string;
  /** An empty store with Object Lock, made anew for every test. */
  readonly make: () => Promise<ObjectStoreUnderTest>;
  /** Bytes of all parts but the last. @default 5 MiB, the least that S3 takes */
  readonly partBytes?: number;
}
