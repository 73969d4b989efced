/** What every layer may know, `lib` included: words, numbers and contracts. Pure. */

export { BackupType } from './backup-type.ts';
export { findBucketAddress } from './bucket-address.ts';
export { DeployedConfiguration, DeployedConfigurationError } from './deployed-configuration.ts';
export {
  errorNamesOf,
  type ErrorKind,
  type ErrorName,
  findErrorKind,
  unreportedError,
} from './error-kinds.ts';
export { isDueAt, widestDue } from './due.ts';
export { parseOfflinePublicKey } from './offline-key.ts';
export { getPlan, Plan, Plans, PlanSchedule } from './plan.ts';
export { pricesOfClass, prices, pricesAsOf, storageClassPrices, type StorageClassPrices } from './prices.ts';
export { isImageKind, ResourceKind } from './resource-kind.ts';
export {
  mostDaysOfClass,
  retentionClasses,
  retentionClassOf,
  type RetentionClass,
} from './retention-class.ts';
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
export { longestGapMinutes, minutesOfDay, runsOn } from './schedule-times.ts';
export { skippedRuns } from './skipped-runs.ts';
export { verifyEveryDays } from './verify-every.ts';
export { workerMegabytes } from './worker.ts';
export { ErrorRecord } from './error-record.ts';
export {
  DegradedPoint,
  type FailedFile,
  FilesReport,
  RestoredVolume,
  RestoreReport,
  type RestoreState,
  ShardOutcome,
  type UnkeptFact,
} from './machines/restore-report.ts';
export {
  longestDirectoryName,
  OverwriteRule,
  type RestoreDestination,
  type RestoreInput,
  RestoreRequest,
  thawDays,
  type ThawOptions,
  ThawRequest,
  ThawSpeed,
  VolumeType,
  VolumeWishes,
} from './machines/restore-request.ts';
