/** Doubles that behave, planned faults, and the contracts that every adapter of a port has to pass. */
export { FakeClock } from './fake-clock.ts';
export { SeededRandom } from './seeded-random.ts';
export { recordText } from './record-text.ts';
export {
  MemoryObjectStore,
  type MemoryObjectStoreOptions,
  type StoreOperation,
} from './memory-object-store.ts';
export type { SparseContent } from './stored-version.ts';
export { sharedRecordsContract, type SharedRecordsContractOptions } from './shared-records-contract.ts';
export { MemorySharedRecords } from './memory-shared-records.ts';
export { MemoryProgress } from './memory-progress.ts';
export { MemoryCatalog } from './memory-catalog.ts';
export { MemoryChunkIndex } from './memory-chunk-index.ts';
export { MemoryKeyring } from './memory-keyring.ts';
export {
  blockSourceContract,
  type BlockSourceContractOptions,
  type BlockSourceUnderTest,
} from './block-source-contract.ts';
export { MemoryBlockSource } from './memory-block-source.ts';
export { MemorySource, type OpenTrap, type PlantOptions } from './memory-source.ts';
export { type MemoryParts, MemoryTarget, MemoryUploads, type RestoredEntry } from './memory-target.ts';
export { type Fault, type FaultKind, FaultPlan, ProcessKilledError, withFaults } from './faults.ts';
export { objectStoreContract } from './object-store-contract.ts';
export type { ObjectStoreContractOptions, ObjectStoreUnderTest } from './object-store-under-test.ts';
export { chunkIndexContract, type ChunkIndexContractOptions } from './chunk-index-contract.ts';
export {
  restoreTargetContract,
  type RestoreTargetContractOptions,
  type RestoreTargetUnderTest,
} from './restore-target-contract.ts';
export { MemoryTargetBucket } from './memory-target-bucket.ts';
export {
  targetBucketContract,
  type TargetBucketContractOptions,
  type TargetBucketUnderTest,
} from './target-bucket-contract.ts';
export { keyringContract, type KeyringContractOptions } from './keyring-contract.ts';
export { rotateDataKey } from './rotate-data-key.ts';
export { makeMemoryServices } from './memory-services.ts';
export { MemorySnapshotWriter } from './memory-snapshot-writer.ts';
export {
  snapshotWriterContract,
  type SnapshotWriterContractOptions,
  type SnapshotWriterUnderTest,
} from './snapshot-writer-contract.ts';
export { MemoryVolume } from './memory-volume.ts';
export {
  type PlantedImage,
  type PlantedVolume,
  putImagePoint,
  putSnapshotPoint,
  writeBlocks,
} from './put-image-point.ts';
export { MemoryWorkStore } from './memory-work-store.ts';
export { catalogContract, type CatalogContractOptions } from './catalog/catalog-contract.ts';
export type { CatalogUnderTest } from './catalog/catalog-under-test.ts';
export { allOf } from './all-of.ts';
export { pointRow } from './catalog/rows.ts';
