/** Adapters: the engine's ports on AWS, and what only AWS has. */

// Clients and the machine's own ports
export {
  type AwsClients,
  type ClientOptions,
  type Ec2Clients,
  isLoopback,
  makeClients,
  makeCloudWatchClient,
  makeDynamoClient,
  makeEc2Clients,
  makeKmsClient,
  makeS3Clients,
  makeStepFunctionsClient,
  makeTaggingClient,
  type S3Clients,
} from './make-clients.ts';
export { SystemClock, SystemRandom } from './system-ports.ts';
export { toEngineError } from './sdk-errors.ts';

// The vault, its catalog and its keys
export { S3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts';
export { S3WorkStore } from './s3-work-store.ts';
export { DynamoCatalog } from './dynamo-catalog.ts';
export { DynamoChunkIndex } from './dynamo-chunk-index.ts';
export { catalogIndexes, catalogKeys, chunkIndexAttributes, chunkIndexKey } from './table-schema.ts';
export { KmsKeyring } from './kms-keyring.ts';

// What is protected, and where it is restored to
export { S3FileSource, type S3FileSourceOptions } from './s3-file-source.ts';
export { S3RestoreTarget, type S3RestoreTargetOptions } from './s3-restore-target.ts';
export { Ec2Images, type OrderedVolume, type VolumeOrder, type VolumeSnapshot } from './ec2-images.ts';
export { fitTags, type MachineConfiguration, type VolumeConfiguration } from './ec2-machine.ts';
export {
  type DiscoveredGroup,
  type DiscoveryClients,
  type TaggedResource,
  TaggedResources,
} from './tagged-resources.ts';
export { openSource, type SourceOpener } from './open-source.ts';
export { recordDiscovered, type RecordingProgress } from './record-discovered.ts';
export { checkTargetBucket } from './check-target-bucket.ts';
export { bucketOfArn, instanceOfArn, volumeOfArn } from './resource-arns.ts';

// The deployment around the vault
export {
  makeAuditServices,
  type DeploymentNames,
  makeCatalogServices,
  makeReadServices,
  makeWriteServices,
  type VaultNames,
} from './vault-services.ts';
export { readDeployedConfiguration } from './read-deployed-configuration.ts';
export { Executions, type FailedExecution } from './executions.ts';
export { StateMachine } from './state-machine.ts';
export { CloudWatchMetrics, type MetricValue } from './cloudwatch-metrics.ts';
export { countMessages } from './sqs-queues.ts';
export { storageClassOf } from './storage-class.ts';
