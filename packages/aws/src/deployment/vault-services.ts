import type { Catalog, ReadServices } from '@holdfast/engine';
import { DynamoCatalog } from '../catalog/dynamo-catalog.ts';
import { KmsKeyring } from '../store/kms-keyring.ts';
import type { AwsClients } from '../sdk/make-clients.ts';
import type { S3Clients } from '../sdk/make-service-clients.ts';
import { S3ObjectStore } from '../store/s3-object-store.ts';
import { SystemClock, SystemRandom } from '../sdk/system-ports.ts';

export interface CatalogNames {
  readonly vaultBucket: string;
  readonly catalogTable: string;
  /** The key that wraps new data keys. @default none: the vault's keys are opened with the ARNs that they carry */
  readonly kmsKeyArn?: string;
}

/** Services of whoever looks at a deployment; its functions open only what they need. */
export function makeCatalogServices(
  clients: S3Clients & Pick<AwsClients, 'kms' | 'dynamo'>,
  names: CatalogNames,
): ReadServices & { readonly catalog: Catalog } {
  const clock = new SystemClock();
  const random = new SystemRandom();
  return {
    store: new S3ObjectStore(clients, names.vaultBucket, clock),
    keyring: new KmsKeyring(clients.kms, names.kmsKeyArn),
    clock,
    random,
    catalog: new DynamoCatalog(clients.dynamo, names.catalogTable, clock, random),
  };
}
