import { type Catalog, type ObjectLock, type ReadServices, type AllServices } from '@holdfast/engine';
import { DynamoCatalog } from '../catalog/dynamo-catalog.ts';
import { DynamoChunkIndex } from '../catalog/dynamo-chunk-index.ts';
import { KmsKeyring } from '../store/kms-keyring.ts';
import type { AwsClients } from '../sdk/make-clients.ts';
import type { S3Clients } from '../sdk/make-service-clients.ts';
import { S3ObjectStore } from '../store/s3-object-store.ts';
import { S3WorkStore } from '../store/s3-work-store.ts';
import { SystemClock, SystemRandom } from '../sdk/system-ports.ts';

/** What has to be known of a vault to read it: bucket and key, nothing else. */
export interface VaultNames {
  readonly vaultBucket: string;
  /** The key that wraps new data keys. @default none: the vault's keys are opened with the ARNs that they carry */
  readonly kmsKeyArn?: string;
}

/** What has to be known besides to find in the catalog what the vault holds. */
interface CatalogNames extends VaultNames {
  readonly catalogTable: string;
}

/** What has to be known of a deployment to write into its vault. */
export interface DeploymentNames extends CatalogNames {
  readonly workBucket: string;
  readonly chunkIndexTable: string;
  readonly lockMode: ObjectLock['mode'];
}

/** Clients that reading a vault takes. */
export type VaultClients = S3Clients & Pick<AwsClients, 'kms'>;

/** Clients that writing into a vault takes. */
export type DeploymentClients = VaultClients & Pick<AwsClients, 'dynamo'>;

/** Everything that reading a vault takes. */
export function makeReadServices(clients: VaultClients, names: VaultNames): ReadServices {
  const clock = new SystemClock();
  return {
    store: new S3ObjectStore(clients, names.vaultBucket, clock),
    keyring: new KmsKeyring(clients.kms, names.kmsKeyArn),
    clock,
    random: new SystemRandom(),
  };
}

/** Everything that reading a vault takes, and its catalog. */
export function makeCatalogServices(
  clients: DeploymentClients,
  names: CatalogNames,
): ReadServices & { readonly catalog: Catalog } {
  const services = makeReadServices(clients, names);
  const { clock, random } = services;
  return { ...services, catalog: new DynamoCatalog(clients.dynamo, names.catalogTable, clock, random) };
}

/**
 * Everything that writing into a vault takes. Functions open what they need, and nothing else.
 * @internal
 */
export function makeWriteServices(clients: DeploymentClients, names: DeploymentNames): AllServices {
  const services = makeCatalogServices(clients, names);
  const { clock, random } = services;
  return {
    ...services,
    index: new DynamoChunkIndex(clients.dynamo, names.chunkIndexTable, clock, random),
    work: new S3WorkStore(clients.s3, names.workBucket),
    lockMode: names.lockMode,
  };
}
