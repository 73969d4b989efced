import type {
  BlockSource,
  Catalog,
  ChunkIndex,
  FileSource,
  InventoryItem,
  Keyring,
  ObjectStore,
  ReadServices,
  ResourceArn,
  ResourceRow,
  SnapshotStates,
  SnapshotWriter,
  TargetBucket,
  WorkStore,
} from '@holdfast/engine';
import type { DeployedRoles } from '@holdfast/aws/iam';
import type { BlockQuotas, ProtectionFact, SourceFacts } from '@holdfast/aws/inventory';
import type { DeployedConfiguration, Plan, Plans } from '@holdfast/engine/model';
import type { LocalVaultOptions } from '@holdfast/node';
import type { Executions } from './executions.ts';
import type { StackTemplate } from '../doctor/stack-template.ts';
import type { DeployedPlace } from '../doctor/template-values.ts';

/** Roles in the account, and who works with them, read with the caller's own rights. */
export type ConnectedRoles = Pick<DeployedRoles, 'find' | 'findRoleOf'>;

export interface ConnectedDeployment {
  readonly vaultBucket: string;
  readonly region: string;
  /** The deployed plans; `undefined` where the deployment does not tell. */
  findPlans(): Promise<Plans | undefined>;
  /** The tag that opts resources in, and those that are read without it; `undefined` where the deployment does not tell. */
  findSources(): Promise<Pick<DeployedConfiguration, 'tagKey' | 'sources'> | undefined>;
  /** Buckets that restores may write to; `undefined` where the deployment does not tell. */
  findRestoreBuckets(): Promise<readonly string[] | undefined>;
  /** Buckets of the deployment itself, which no restore may write to. */
  listOwnBuckets(): Promise<readonly string[]>;
  /** Version of the program that deployed it; `undefined` where the deployment does not tell. */
  findVersion(): Promise<string | undefined>;
  /** Workers that the deployment has at work at once; `undefined` where it does not tell. */
  findWorkers(): Promise<number | undefined>;
  /** The account's quota for blocks of EBS as the deployment was told it; `undefined` where it takes the default. */
  findBlockQuota(): Promise<number | undefined>;
  /** Blocks of EBS that the account may read and write in a second. */
  readBlockQuotas(): Promise<BlockQuotas>;
  /** Names of the stacks that it may consist of, what holds data first. */
  readonly stacks: readonly [storage: string, pipeline: string, monitoring: string];
  /** The template that a stack was last deployed with; `undefined` where there is no such stack. */
  findTemplate(stack: string): Promise<StackTemplate | undefined>;
  /** Names in AWS of a stack's resources, by their logical ids. */
  listPhysicalIds(stack: string): Promise<ReadonlyMap<string, string>>;
  findPlace(): Promise<DeployedPlace>;
  openRoles(): Promise<ConnectedRoles>;
  /** Functions that may run at once in the account and region. */
  readFunctionsAtOnce(): Promise<{ readonly limit: number; readonly unreserved: number }>;
  /** Subscriptions of the alarms' topic; `undefined` where there is no such topic. */
  readSubscriptions(): Promise<{ readonly confirmed: number; readonly pending: number } | undefined>;
  /** Answers of AWS about how it protects the vault, one after the other. */
  readProtection(): Promise<readonly ProtectionFact[]>;
  /** The signed-in person, as the audit log names them. */
  findCaller(): Promise<string>;
}

interface ConnectedSources {
  kindOf(arn: string): ResourceRow['kind'] | undefined;
  /** @throws {@link NotSupportedError} it has no files that can be read from here. */
  openFiles(resource: Pick<ResourceRow, 'arn' | 'kind'>, plan: Pick<Plan, 'prefixes'>): FileSource;
  /** Volumes of an instance, or the volume itself. */
  listVolumes(
    resource: Pick<ResourceRow, 'arn' | 'kind'>,
    signal?: AbortSignal,
  ): Promise<readonly { readonly volumeId: string; readonly sizeGiB: number }[]>;
  /** Bytes in use on volumes, of which a snapshot tells. */
  findUsedBytes(volumeIds: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
}

/** Parts of an account that may hold data, by the names that people give them. */
export const inventoryParts = ['buckets', 'machines', 'file systems', 'databases', 'tables'] as const;
export type InventoryPart = (typeof inventoryParts)[number];

/** Tags of resources, read and written with the caller's own rights. */
interface ConnectedTags {
  /** ARN of a bucket, instance or volume of this account and region by its name. */
  arnOf(name: string): Promise<ResourceArn>;
  /** @throws {@link UnknownNameError} there is no such resource. */
  look(arn: ResourceArn): Promise<SourceFacts>;
  put(arn: ResourceArn, key: string, value: string): Promise<void>;
}

interface ConnectedInventory {
  /** Lists a part of the account, in the region of the deployment, with the caller's own rights. */
  list(part: InventoryPart, signal?: AbortSignal): AsyncIterable<InventoryItem>;
  /** Buckets and tables of the deployment itself. */
  findOwn(): Promise<ReadonlySet<ResourceArn>>;
}

export interface Connection {
  readonly services: ReadServices & { readonly catalog: Catalog };
  /**
   * The chunk index, which only its rebuild and quotes need.
   * @throws {@link UnknownNameError} the deployment does not name it.
   */
  openChunkIndex(): Promise<ChunkIndex>;
  openWork(bucket: string): Pick<WorkStore, 'get'>;
  /** A bucket that restores write to, with the caller's own rights: none of Holdfast's functions may delete there. */
  openTarget(bucket: string): TargetBucket;
  readonly executions: Executions;
  /** Snapshots in EBS, which images consist of. */
  readonly snapshots: SnapshotStates;
  /** The blocks of those snapshots, read in turn with all workers of the deployment; absent where there are none. */
  readonly openSnapshots?: (() => Promise<BlockSource>) | undefined;
  readonly deployment: ConnectedDeployment;
  /** Resources that are backed up, read with the caller's own rights. */
  readonly sources: ConnectedSources;
  readonly inventory: ConnectedInventory;
  readonly tags: ConnectedTags;
  /** Set for a vault in a directory instead of a deployment. */
  readonly localVault?: LocalVaultOptions | undefined;
  close(): void;
}

/** AWS without a deployment: buckets, and the keys that wrap. */
export interface ConnectedStorage {
  openBucket(name: string): ObjectStore;
  readonly keyring: Keyring;
  /** Writes snapshots of EBS in that region, in the account of that profile. @param profile - whose else the buckets are read with */
  openSnapshotWriter(region: string, profile?: string): Promise<SnapshotWriter>;
  close(): void;
}

export interface ConnectOptions {
  readonly region?: string;
  readonly profile?: string;
  /** A vault in a directory, instead of a deployment. */
  readonly vault?: string;
  readonly keyFile?: string;
  readonly vaultBucket?: string;
  readonly catalogTable?: string;
  readonly chunkIndexTable?: string;
  readonly cycleMachineArn?: string;
  readonly protectMachineArn?: string;
  readonly restoreMachineArn?: string;
  readonly holdMachineArn?: string;
  readonly maintenanceMachineArn?: string;
  readonly storageStack: string;
  readonly pipelineStack: string;
  readonly monitoringStack: string;
}

/** Makes clients for storage alone, without a call to AWS. */
export type ConnectStorage = (
  options: Pick<ConnectOptions, 'region' | 'profile'>,
) => ConnectedStorage | Promise<ConnectedStorage>;

export type Connect = (options: ConnectOptions) => Promise<Connection>;
