import { type Catalog, type ObjectLock, type ReadServices, type AllServices } from '@holdfast/engine';
import { DynamoCatalog } from '../catalog/dynamo-catalog.ts';
import { DynamoChunkIndex } from '../catalog/dynamo-chunk-index.ts';
import { KmsKeyring } from '../store/kms-keyring.ts';
import type { AwsClients } from '../sdk/make-clients.ts';
import type { S3Clients } from '../sdk/make-service-clients.ts';
import { S3ObjectStore } from '../store/s3-object-store.ts';
import { S3WorkStore } from '../store/s3-work-store.ts';
import { SystemClock, SystemRandom } from '../sdk/system-ports.ts';

export interface VaultNames {
  readonly vaultBucket: string;
  /** The key that wraps new data keys. @default none: the vault's keys are opened with the ARNs that they carry */
  readonly kmsKeyArn?: string;
}

interface CatalogNames extends VaultNames {
  readonly catalogTable: string;
}

export interface DeploymentNames extends CatalogNames {
  readonly workBucket: string;
  readonly chunkIndexTable: string;
  readonly lockMode: ObjectLock['mode'];
}

export type VaultClients = S3Clients & Pick<AwsClients, 'kms'>;

export type DeploymentClients = VaultClients & Pick<AwsClients, 'dynamo'>;

export function makeReadServices(clients: VaultClients, names: VaultNames): ReadServices {
  const clock = new SystemClock();
  return {
    store: new S3ObjectStore(clients, names.vaultBucket, clock),
    keyring: new KmsKeyring(clients.kms, names.kmsKeyArn),
    clock,
    random: new SystemRandom(),
  };
}

export function makeCatalogServices(
  clients: DeploymentClients,
  names: CatalogNames,
): ReadServices & { readonly catalog: Catalog } {
  const services = makeReadServices(clients, names);
  const { clock, random } = services;
  return { ...services, catalog: new DynamoCatalog(clients.dynamo, names.catalogTable, clock, random) };
}

/**
 * Functions open only what they need.
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
