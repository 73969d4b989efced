/** The engine's public API. */

// Names, bytes and errors
export * from './errors.ts';
export { findErrorClass } from './find-error-class.ts';
export * from './ids.ts';
export { addCounts } from './add-counts.ts';
export { findJson, getJson, putJson } from './work-json.ts';
export { compareBytes, equalBytes, fromHex, isZero, newId, toHex, utf8 } from './bytes.ts';
export {
  exactAttributes,
  type ExtendedAttribute,
  extendedAttributesOf,
  fileAttributes,
  findLinkTarget,
  findModifiedNs,
  isFileAttribute,
  linkAttributes,
  millisecondsOf,
} from './file-attributes.ts';
export { fileOfObject, isLinkObject, metadataOfFile } from './object-file.ts';
export { forEachConcurrent, mapConcurrent } from './map-concurrent.ts';

// Ports: what the engine needs from the world
export * from './ports/catalog/catalog.ts';
export * from './ports/catalog/holds.ts';
export * from './ports/catalog/packs.ts';
export * from './ports/catalog/points.ts';
export * from './ports/catalog/progress.ts';
export * from './ports/catalog/resources.ts';
export * from './ports/catalog/restores.ts';
export * from './ports/catalog/runs.ts';
export * from './ports/catalog/time-range.ts';
export { CatalogPacks } from './catalog/catalog-packs.ts';
export { CatalogPoints } from './catalog/catalog-points.ts';
export { CatalogRuns } from './catalog/catalog-runs.ts';
export { decisionsMost, rowsChanged } from './catalog/decisions.ts';
export type * from './catalog/rows.ts';
export * from './catalog/transition.ts';
export * from './ports/chunk-index.ts';
export * from './ports/clock.ts';
export * from './ports/file-source.ts';
export * from './ports/keyring.ts';
export * from './ports/object-store.ts';
export * from './ports/progress.ts';
export * from './ports/random-bytes.ts';
export * from './ports/restore-target.ts';
export type * from './ports/target-bucket.ts';
export type { BlockToWrite, SnapshotOrder, SnapshotWriter, WrittenBlocks } from './ports/snapshot-writer.ts';
export type { SameBytes, VolumeTarget } from './ports/volume-target.ts';
export * from './ports/work-store.ts';
export type { ChunkLocation } from './packs/chunk-location.ts';
export type { AllServices, ReadServices, RunServices, WriteServices } from './services.ts';

// Plans
export {
  findLastPoints,
  judgeResource,
  type LastPoints,
  type ResourceStanding,
  type Standing,
  standings,
} from './plans/judge-resource.ts';
export type { RetentionDecision } from './retention/plan-retention.ts';
export { decideRetention, findDecidingPlan } from './maintenance/decide-retention.ts';
export { previewRetention, type RetentionChange } from './retention/preview-retention.ts';
export { countExclusivePacks, type ExclusivePacks } from './retention/exclusive-packs.ts';

// Quotes: before the first backup
export {
  defaultSampleLimits,
  estimateSource,
  type EstimateOptions,
  type SourceEstimate,
} from './quote/estimate-source.ts';
export type { Estimate } from './quote/estimate-total.ts';
export type { SampleLimits } from './quote/choose-units.ts';
export { type CopyPrice, priceFirstCopy } from './quote/price-copy.ts';
export {
  type ImageMonthPrice,
  type MonthPrice,
  priceMonths,
  priceImage,
  priceStored,
} from './quote/price-retention.ts';
export { measureUsage, type PlanUsage, type ResourceUsage, type Usage } from './usage/measure-usage.ts';
export type { UsageAmounts } from './usage/sum-packs.ts';
export { measureVault, type VaultUsage } from './usage/measure-vault.ts';
export { listStoredStates, type StoredState } from './verify/stored-states.ts';
export { type CoveredItem, judgeCoverage } from './plans/judge-coverage.ts';
export type { InventoryItem, InventoryKind } from './ports/inventory.ts';
export { compareQuote, type QuoteDrift } from './quote/compare-quote.ts';

// Images
export type { SharedName, SharedRecords } from './ports/shared-records.ts';
export { PacedSnapshotWriter } from './rates/paced-snapshot-writer.ts';
export { PacedBlockSource } from './rates/paced-block-source.ts';
export { Pacer, type PacerServices } from './rates/pacer.ts';
export { endTurn, takeTurn } from './rates/turns.ts';
export type { BlockContent, BlockPage, BlockSource, PagePlace, SnapshotBlock } from './ports/block-source.ts';

export {
  listBlocks,
  BlockListingState,
  defaultBlockShardLimits,
  type BlockShardLimits,
  type ListBlocksOptions,
  type SnapshotOfVolume,
} from './images/list-blocks.ts';
export { BlockReader } from './images/block-reader.ts';
export { copyBlocks, type CopyBlocksOptions } from './images/copy-blocks.ts';
export { type BaseSnapshotChoice, type ImageUse } from './images/choose-base-snapshot.ts';
export {
  findHeir,
  findSnapshotNeeds,
  type SnapshotNeeds,
  whySnapshotsStay,
} from './images/snapshot-needs.ts';
export { BlockShardReference } from './images/block-shards.ts';

// Opening a vault
export { initialiseVault, openVault, type OpenVaultOptions } from './keys/open-vault.ts';
export { OfflineKeyring } from './keys/offline-keyring.ts';
export { unwrapAny } from './keys/unwrap-any.ts';
export { withOfflineRecipient } from './keys/offline-recipient.ts';
export { VaultKeys, type VaultSecrets } from './keys/vault-keys.ts';

// Runs: open, protect, commit
export { openRunInParts, aliveUntil, type OpenedRun, type RunRequest } from './runs/open-run.ts';
export { keysUntil, leasePolicyFor, leaseUntilFor } from './runs/generation.ts';
export { getRunPlan, runPrefix, type RunPlan } from './runs/run-plan.ts';
export { commitPoint, commitPointInParts, type CommittedPoint } from './runs/commit-point.ts';
export type { PointContent } from './runs/point-content.ts';
export { failRun } from './runs/close-run.ts';
export { backUpFiles, type BackUpFilesOptions } from './runs/back-up-files.ts';
export { cutShard } from './protect/cut-shard.ts';
export { defaultSharingPolicy, type SharingPolicy } from './protect/share-content.ts';
export { groupShards, joinGroup } from './protect/join-group.ts';
export { listShards, ListingState } from './protect/list-shards.ts';
export { protectShard, type ProtectShardOptions } from './protect/protect-shard.ts';
export { BufferPool } from './packs/buffer-pool.ts';
export { putShardResult } from './protect/shard-result.ts';
export { joinSomeShards } from './protect/join-shards.ts';
export {
  inSpreadOrder,
  defaultShardLimits,
  shardFromJson,
  shardToJson,
  type Shard,
  type ShardJson,
  type ShardLimits,
} from './protect/shards.ts';

// Points: list, compare, restore, verify
export { compactTime, resourceKeyOf } from './points/point-id.ts';
export { isPointId } from './model/machines/ids.ts';
export { ImageRecord, Root, VolumeSnapshot } from './points/root.ts';
export { readRoot, type StoredRoot } from './points/root-store.ts';
export { findCleanPoint, findKeptPoint, isKept, type PointChoice } from './points/kept-point.ts';
export { findSuspicions, type PointSign, type Suspicion } from './signs/point-signs.ts';
export { NameMarks } from './signs/name-marks.ts';
export { isDegraded, unreadOf, warningOf } from './points/unread.ts';
export { PointWarning, UnreadCounts, type UnreadFacts } from './points/unread-facts.ts';
export { listRootNames, readListedRoot, type ListedRoot } from './points/list-roots.ts';
export { mayMatchBelow, parseGlob, type Glob } from './find/glob.ts';
export { findVersions, type FoundPath, type FoundVersion } from './find/find-versions.ts';
export { openContainer } from './restore/open-container.ts';
export type { ContainerBytes } from './restore/container-store.ts';
export { restoreReadable, type ReadableOutcome } from './restore/restore-readable.ts';
export { PointReader } from './restore/point-reader.ts';
export type { PagePackReaderPolicy } from './packs/page-pack-reader.ts';
export { VolumeBlocks } from './restore/volume-blocks.ts';
export { checkHasBlocks, getVolume, listVolumes, type PointVolume } from './restore/point-volumes.ts';
export {
  defaultVolumeShardLimits,
  planVolumeShards,
  VolumePlanning,
  VolumeShard,
} from './restore/plan-volume-shards.ts';
export { writeSnapshotRange, type WrittenRange, WrittenSum } from './restore/write-snapshot.ts';
export { isVolume, measureVolume, type ReadAt } from './restore/compare-volume.ts';
export {
  type DamagedStretch,
  restoreVolume,
  type RestoreVolumeOptions,
  type VolumeOutcome,
} from './restore/restore-volume.ts';
export {
  diffVolumes,
  listChangedBlocks,
  type ChangedBlocks,
  type VolumeDifference,
} from './restore/diff-volumes.ts';
export { diffPoints, listEntries, type ListedEntry, type PointDifference } from './restore/browse.ts';
export {
  keysOfRestoreShard,
  pathRangeOf,
  type PlannedItem,
  planRestore,
  type PlanRestoreOptions,
  planSomeEntries,
  planSomeRestore,
  RestorePlanning,
  type RestorePlan,
  type RestoreShard,
} from './restore/plan-restore.ts';
export { checkBucketAllowed, checkZone, checkZoneExists, type TargetRules } from './restore/target-rules.ts';
export { findThaw, longestThaw, quoteThaw, thawPoint, type PointThaw } from './restore/thaw-point.ts';
export { selectKeys } from './restore/selection.ts';
export {
  commonPrefixes,
  distinctPrefixes,
  findExtraObjects,
  type HiddenObjects,
  hideExtraObjects,
} from './restore/extra-objects.ts';
export type { KeyRange } from './manifest/tuple-key.ts';
export { splitDirectories, type SplitDirectories } from './restore/split-directories.ts';
export type { RestoreQuote } from './restore/quote.ts';
export type { FetchPolicy } from './restore/chunk-fetcher.ts';
export { type ContentStretch, cutContent, readContentStretch } from './restore/content-stretches.ts';
export { addOutcomes, joinKept, nothingRestored } from './restore/restore-outcome.ts';
export { restorePoint } from './restore/restore-point.ts';
export { FactCounts, type FactCount } from './fact-counts.ts';
export type { LeftOutFact } from './protect/left-out.ts';
export { thenFinish } from './restore/then-finish.ts';
export { type UnkeptCount, UnkeptFacts } from './restore/unkept-facts.ts';
export {
  restoreEntries,
  restoreRange,
  type RestoreOutcome,
  type RestoreRangeOptions,
} from './restore/restore-range.ts';
export { PointSource } from './restore/point-source.ts';
export type * from './restore/restore-source.ts';
export type { SampleOptions } from './restore/sample-entries.ts';
export { isDamaged, type VerifyOutcome } from './verify/verify-point.ts';
export { verifyImages, type SnapshotStates } from './verify/verify-images.ts';
export { type PointToVerify, type PointVerification, verifyPoints } from './verify/verify-points.ts';
export type { VolumeStretch } from './verify/volume-stretches.ts';
export { verifyHistory } from './verify/verify-history.ts';
export { verifyVaultFiles } from './verify/verify-vault-files.ts';

// Rebuilding the tables
export { rebuildCatalog, type RebuildPlace, type RebuildReport } from './rebuild/rebuild-catalog.ts';

// Legal holds
export { setHold, type HoldServices } from './holds/set-hold.ts';
export { planHold, type HoldPlan } from './holds/plan-hold.ts';
export { applyHold, HoldProgress } from './holds/apply-hold.ts';
export { releaseHold, releasePoints } from './holds/release-hold.ts';
export { HoldsProgress, reconcileHolds } from './holds/reconcile-holds.ts';
export { holdScopeText } from './holds/hold-scope.ts';

// The audit log
export { AuditLog, type AuditLogOptions, type AuditRecord } from './audit/audit-log.ts';
export { recordConfiguration } from './audit/record-configuration.ts';
export { AuditEntry } from './audit/audit-entry.ts';
export { type CheckpointStep, putCheckpoint } from './audit/audit-checkpoint.ts';
export { verifyAudit, type AuditOutcome } from './audit/verify-audit.ts';

// Synthetic fulls
export type { ConsolidateOptions } from './consolidate/consolidate-options.ts';
export { consolidatePoint } from './consolidate/consolidate-point.ts';
export { largestUploadBytes, PartBuffer } from './packs/part-uploader.ts';

// Maintenance: reconcile, renew, expire, sweep, verify
export { ReconcilePlace, reconcilePoints } from './maintenance/reconcile-points.ts';
export {
  addRenewals,
  listResourcesToRenew,
  noRenewals,
  renewResource,
  type RenewReport,
  type RenewServices,
  RenewState,
  ToRenew,
} from './maintenance/renew-leases.ts';
export { expirePoints } from './maintenance/expire-points.ts';
export { createChunkIdReader } from './maintenance/pack-chunk-ids.ts';
export { sweepPacks } from './maintenance/sweep-packs.ts';
export { verifySample } from './maintenance/verify-sample.ts';
export {
  addFailures,
  workThrough,
  type StepFailures,
  type WorkedThrough,
} from './maintenance/work-through.ts';

// Only for tests and benchmarks of the repository
/** @internal */
export { openRun } from './runs/open-run.ts';
/** @internal */
export { lockDates } from './runs/generation.ts';
/** @internal */
export { newestPoints } from './runs/choose-base.ts';
/** @internal */
export { verifyPoint } from './verify/verify-point.ts';
/** @internal */
export { contentDefinedCuts } from './chunking/fastcdc.ts';
/** @internal */
export { compressionPolicies, decodeContent, encodeContent } from './packs/frame-codec.ts';
/** @internal */
export { FrameFiller } from './packs/frame-filler.ts';
