export {
  checkFileSystem,
  type CheckLimits,
  type CheckOptions,
  type FileSystemCheck,
  type Finding,
  type FindingKind,
} from './check/check-file-system.ts';
export { detectContent, type DetectedContent } from './detect/detect-content.ts';
export { openFileSystem } from './detect/open-file-system.ts';
export {
  DiskBytesLostError,
  DiskDamagedError,
  DiskError,
  DiskPathError,
  DiskUnsupportedError,
} from './errors.ts';
export { openExt } from './ext/open-ext.ts';
export { contentSource } from './file-system/content-source.ts';
export type * from './file-system/file-system.ts';
export {
  findMounted,
  type FindMountedOptions,
  findPath,
  type FindPathOptions,
  type MountedNode,
} from './file-system/find-path.ts';
export { mostPathBytes, walkTree, type WalkStep } from './file-system/walk-tree.ts';
export {
  type FoundGroups,
  type LogicalVolume,
  readVolumeGroups,
  type VolumeGroup,
} from './lvm/read-volume-groups.ts';
export { openNtfs } from './ntfs/open-ntfs.ts';
export type { Partition, PartitionTable } from './partitions/partition.ts';
export { readPartitionTable } from './partitions/read-partition-table.ts';
export {
  type DriveLetters,
  type DrivePlace,
  isDrivePlace,
  readDriveLetters,
} from './registry/read-drive-letters.ts';
export { type BlockCacheOptions, cacheBlocks } from './source/block-cache.ts';
export { type ByteSource, sliceOf } from './source/byte-source.ts';
export { openXfs } from './xfs/open-xfs.ts';
