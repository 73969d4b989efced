import { hash } from 'node:crypto';
import type { PageId } from '../ids.ts';
import { createKeyedHash } from '../keys/keyed-hash.ts';
import { createCutLevel } from './cut-level.ts';
import type { Entry } from './page-codec.ts';

/** The vault's keys that pages need, 32 bytes each. @see docs/format.md, section 2 */
export interface PageKeys {
  readonly pageIdKey: Uint8Array;
  readonly pageBoundaryKey: Uint8Array;
}

/** A kind of tree differs from another in where its pages are cut, and in what is summed up over them. */
export interface TreeKind {
  /** Lowest level whose page a key does not close: 0 closes none, 1 its leaf, 2 the level-1 page above as well. */
  readonly cutLevelOf: (key: Uint8Array) => number;
  /** A number per entry whose minimum every reference to a page carries; below 2^53. */
  readonly summaryOf: (entry: Entry) => number;
  readonly pageIdOf: (bytes: Uint8Array) => PageId;
}

function createPageIdOf(pageIdKey: Uint8Array): (bytes: Uint8Array) => PageId {
  const keyedHash = createKeyedHash(pageIdKey);
  return (bytes) => keyedHash(hash('sha256', bytes, 'buffer')) as PageId;
}

/** Makes a kind of tree out of what is its own: see `file-tree.ts` and `pack-map.ts` for the two that there are. */
export function createTreeKind(
  keys: PageKeys,
  leafBitsOf: (key: Uint8Array) => number,
  summaryOf: (entry: Entry) => number,
): TreeKind {
  return {
    cutLevelOf: createCutLevel(keys.pageBoundaryKey, leafBitsOf),
    summaryOf,
    pageIdOf: createPageIdOf(keys.pageIdKey),
  };
}
