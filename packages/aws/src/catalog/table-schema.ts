/**
 * Names that the tables are created with and the adapters read. The stacks repeat them (they import no package);
 * a test of the stacks compares the two. No SDK imports here.
 */

export const catalogKeys = { partition: 'PK', sort: 'SK' } as const;

/** Attribute of a catalog row that ends by itself: a time in seconds since 1970. */
export const catalogEnd = 'endsAfter';

/** The catalog's two indexes, projection ALL, all key attributes strings. */
export const catalogIndexes = {
  GSI1: { partition: 'GSI1PK', sort: 'GSI1SK' },
  GSI2: { partition: 'GSI2PK', sort: 'GSI2SK' },
} as const;

/** Partition key of the chunk-index table: 32 bytes, binary; no sort key. */
export const chunkIndexKey = 'id';

/** Attributes of a chunk-index item, one letter each, as there is an item for every stored chunk. */
export const chunkIndexAttributes = {
  packId: 'p',
  frame: 'f',
  offset: 'o',
  length: 'l',
  contentBytes: 'c',
  start: 's',
} as const;
