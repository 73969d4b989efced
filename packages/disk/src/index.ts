export { DiskDamagedError, DiskError, DiskPathError, DiskUnsupportedError } from './errors.ts';
export { openExt, type OpenFileSystemOptions } from './ext/open-ext.ts';
export type * from './file-system/file-system.ts';
export { findPath, type FindPathOptions } from './file-system/find-path.ts';
export { walkTree, type WalkStep } from './file-system/walk-tree.ts';
export { type BlockCacheOptions, cacheBlocks } from './source/block-cache.ts';
export { type ByteSource, sliceOf } from './source/byte-source.ts';
