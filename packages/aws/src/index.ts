/** Adapters: the engine's ports on AWS, and what only AWS has. */

// Clients and the machine's own ports
export { type AwsClients, makeClients } from './sdk/make-clients.ts';
export type { ClientOptions } from './sdk/client-options.ts';
export type { Ec2Clients } from './sdk/make-ec2-clients.ts';
export {
  makeCloudWatchClient,
  makeDynamoClient,
  makeKmsClient,
  makeS3Clients,
  makeStepFunctionsClient,
  makeTaggingClient,
  type S3Clients,
} from './sdk/make-service-clients.ts';
export { SystemClock, SystemRandom } from './sdk/system-ports.ts';
export { answerOf, toEngineError } from './sdk/sdk-errors.ts';

// The vault, its catalog and its keys
export { S3ObjectStore, type S3ObjectStoreOptions } from './store/s3-object-store.ts';
export { S3WorkStore } from './store/s3-work-store.ts';
export { DynamoCatalog } from './catalog/dynamo-catalog.ts';
export { DynamoChunkIndex } from './catalog/dynamo-chunk-index.ts';
export { DynamoSharedRecords } from './catalog/dynamo-shared-records.ts';
export { KmsKeyring } from './store/kms-keyring.ts';

// Sources and restore targets
export { S3TargetBucket } from './targets/s3-target-bucket.ts';
export { S3RestoreTarget, type S3RestoreTargetOptions } from './targets/s3-restore-target.ts';
export type { Ec2Images, OrderedVolume, VolumeOrder, Ec2Snapshot } from './images/ec2-images.ts';
export type { Ec2Launches, InstanceState, RegisteredImage } from './images/ec2-launches.ts';
export { judgeLaunch, type LaunchFacts } from './images/judge-launch.ts';
export { registerRequest, runRequest } from './images/launch-requests.ts';
export {
  fitTags,
  MachineConfiguration,
  type MachineAttributes,
  type VolumeConfiguration,
  withoutUserData,
} from './images/ec2-machine.ts';
export type {
  DiscoveredGroup,
  DiscoveryClients,
  TaggedResource,
  TaggedResources,
} from './sources/tagged-resources.ts';
export { openSource, type SourceOpener } from './sources/open-source.ts';
export { recordDiscovered, type RecordingProgress } from './sources/record-discovered.ts';
export { checkTargetBucket } from './targets/check-target-bucket.ts';
export { bucketOfArn, instanceOfArn, kindOfArn, volumeOfArn } from './sdk/resource-arns.ts';

// The deployment around the vault
export { type CatalogNames, makeCatalogServices } from './deployment/vault-services.ts';
export { readDeployedConfiguration } from './deployment/read-deployed-configuration.ts';
export { EndedExecutions, type FailedExecution } from './deployment/ended-executions.ts';
export { StateMachine } from './deployment/state-machine.ts';
export { CloudWatchMetrics, type MetricValue } from './deployment/cloudwatch-metrics.ts';
export { countMessages } from './deployment/sqs-queues.ts';

// Only for tests of the repository
/** @internal */
export { isLoopback } from './sdk/client-options.ts';
/** @internal */
export { catalogEnd, catalogIndexes, catalogKeys, chunkIndexKey } from './catalog/table-schema.ts';
/** @internal */
export { S3FileSource, type S3FileSourceOptions } from './sources/s3-file-source.ts';
