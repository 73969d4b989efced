import type { PackId } from '../ids.ts';

export interface ChunkLocation {
  readonly packId: PackId;
  /** Frame number within the object, from 0; also the nonce of its encryption. */
  readonly frame: number;
  readonly offset: number;
  /** Stored bytes, including the authentication tag. */
  readonly length: number;
}
