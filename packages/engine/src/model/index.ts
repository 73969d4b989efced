/** Words, numbers and contracts that every layer may know, `lib` included. Pure. */

export { BackupType } from './backup-type.ts';
export { accountBlockQuota, blockRates, mostBlockWorkers, workersOfSnapshot } from './block-quotas.ts';
export { bucketNamePattern, findBucketAddress } from './bucket-address.ts';
export { BucketRule, isLetInByTag, isLetInByName, taggedBuckets, type TaggedBuckets } from './bucket-rule.ts';
export { CompressionLevel } from './compression.ts';
export { DeployedConfiguration, DeployedConfigurationError } from './deployed-configuration.ts';
export {
  errorKinds,
  errorNamesOf,
  type ErrorKind,
  type ErrorName,
  findErrorKind,
  cancelledError,
  unreportedError,
} from './error-kinds.ts';
export { widestDue } from './due.ts';
export { ebsBlockBytes, ebsPageBlocks } from './ebs-blocks.ts';
export {
  BaseSnapshot,
  defaultImageSettings,
  ImageBlocks,
  longestSnapshotLockDays,
} from './image-settings.ts';
export { parseOfflinePublicKey } from './offline-key.ts';
export { getPlan, Plan, Plans } from './plan.ts';
export { prices, pricesOfClass, pricesAsOf, storageClassOf, workerSecondDollars } from './prices.ts';
export { productVersion } from './product-version.ts';
export { isImageKind, ResourceKind } from './resource-kind.ts';
export { mostDaysOfClass, type RetentionClass } from './retention-class.ts';
export {
  ArchiveClass,
  longestKeptDays,
  retentionBounds,
  type RetentionBounds,
  RetentionRules,
} from './retention-rules.ts';
export {
  parseScheduleExpression,
  ScheduleExpressionError,
  type ScheduleTimes,
} from './schedule-expression.ts';
export { type MachineName, safety } from './safety.ts';
export { dayMs, hourMs } from './time.ts';
export { longestGapMinutes } from './schedule-times.ts';
export { findNextRun } from './scheduled-runs.ts';
export { skippedRuns } from './skipped-runs.ts';
export { workerMegabytes, workRates } from './worker.ts';
export { restoreIdOf } from './machines/restore-id.ts';
export { ErrorRecord } from './error-record.ts';
export {
  DegradedPoint,
  FailedFile,
  FilesReport,
  LaunchCheck,
  LaunchedInstance,
  RestoredVolume,
  RestoreReport,
  RestoreState,
  ShardOutcome,
  type UnkeptFact,
} from './machines/restore-report.ts';
export {
  InstanceWishes,
  longestDirectoryName,
  OverwriteRule,
  provisionedBy,
  RestoreDestination,
  type RestoreInput,
  RestoreRequest,
  thawDays,
  type ThawOptions,
  ThawRequest,
  ThawSpeed,
  VolumeType,
  VolumeWishes,
} from './machines/restore-request.ts';
export { CycleInput, CycleReport } from './machines/cycle.ts';
export { HoldReport, HoldRequest, type HoldScope, longestHoldText } from './machines/hold.ts';
export { resourceArn, runId } from './machines/ids.ts';
export type { MachineInputs } from './machines/machine-inputs.ts';
export { MaintenanceReport } from './machines/maintenance.ts';
export { OpenedRunReport, ProtectInput, RunReport } from './machines/protect.ts';

// Only for scripts and tests of the repository
/** @internal */
export { storageClassPrices, type StorageClassPrices } from './prices.ts';
/** @internal */
export { retentionClasses, retentionClassOf } from './retention-class.ts';
/** @internal */
export { minutesOfDay, runsOn } from './schedule-times.ts';
/** @internal */
export { verifyEveryDays } from './verify-every.ts';
