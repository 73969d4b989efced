import type {
  Catalog,
  ChunkIndex,
  Keyring,
  ObjectStore,
  ReadServices,
  SnapshotStates,
  WorkStore,
} from '@holdfast/engine';
import type { Plans } from '@holdfast/engine/model';
import type { LocalVaultOptions } from '@holdfast/node';
import type { Executions } from './executions.ts';

/** A deployment as the command line sees it. */
export interface ConnectedDeployment {
  readonly vaultBucket: string;
  /** AWS region, for people. */
  readonly region: string;
  /** The deployed plans; `undefined` where the deployment does not tell. */
  findPlans(): Promise<Plans | undefined>;
  /** Buckets that restores may write to; `undefined` where the deployment does not tell. */
  findRestoreBuckets(): Promise<readonly string[] | undefined>;
  /** Who is signed in: what the audit log calls the person. */
  findCaller(): Promise<string>;
}

/** Everything of the outside world that commands need. */
export interface Connection {
  readonly services: ReadServices & { readonly catalog: Catalog };
  /** The chunk index; only what rebuilds it asks. @throws {@link UnknownNameError} the deployment does not name it. */
  openChunkIndex(): Promise<ChunkIndex>;
  /** Opens the work bucket, of which people read what their executions left. */
  openWork(bucket: string): Pick<WorkStore, 'get'>;
  readonly executions: Executions;
  /** EBS, which keeps what images consist of. */
  readonly snapshots: SnapshotStates;
  readonly deployment: ConnectedDeployment;
  /** Where it is no deployment, but a vault in a directory. */
  readonly localVault?: LocalVaultOptions | undefined;
  /** Closes all connections. */
  close(): void;
}

/** AWS without a deployment: buckets, and the keys that wrap. */
export interface ConnectedStorage {
  openBucket(name: string): ObjectStore;
  readonly keyring: Keyring;
  /** Closes all connections. */
  close(): void;
}

/** Where the deployment is: what flags and variables say, all optional. */
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
}

/** Makes clients for storage alone. Asks AWS nothing yet. */
export type ConnectStorage = (
  options: Pick<ConnectOptions, 'region' | 'profile'>,
) => ConnectedStorage | Promise<ConnectedStorage>;

/** Finds a deployment and makes its clients. */
export type Connect = (options: ConnectOptions) => Promise<Connection>;
