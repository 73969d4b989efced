/** The public API of the package `@holdfast/cdk`. */

export { DeploymentConfigError } from './deployment-config-error.ts';
export type {
  BackupPlan,
  BackupRetention,
  BackupSchedules,
  BucketsByTag,
  BucketSelection,
  ExistingVault,
  HoldfastProps,
  ImageBackup,
  ShardSize,
  SourceSelection,
} from './holdfast-props.ts';
export { Holdfast } from './holdfast.ts';
