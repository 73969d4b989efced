import type { PackId } from '../ids.ts';

/** Where a frame lies: which object, which frame of it (the nonce), and which bytes. */
export interface ChunkLocation {
  readonly packId: PackId;
  /** Frame number within the object, from 0; also the nonce of its encryption. */
  readonly frame: number;
  /** First byte of the frame in the object. */
  readonly offset: number;
  /** Stored bytes, the authentication tag included. */
  readonly length: number;
}
