import {
  type AwsClients,
  type CatalogNames,
  DynamoChunkIndex,
  makeCatalogServices,
  S3WorkStore,
} from '@holdfast/aws';
import type { AllServices, ObjectLock } from '@holdfast/engine';

interface DeploymentNames extends CatalogNames {
  readonly workBucket: string;
  readonly chunkIndexTable: string;
  readonly lockMode: ObjectLock['mode'];
}

/** All services of a deployment at once, for a backup out of a test. */
export function makeWriteServices(
  clients: Parameters<typeof makeCatalogServices>[0] & Pick<AwsClients, 's3'>,
  names: DeploymentNames,
): AllServices {
  const services = makeCatalogServices(clients, names);
  const { clock, random } = services;
  return {
    ...services,
    index: new DynamoChunkIndex(clients.dynamo, names.chunkIndexTable, clock, random),
    work: new S3WorkStore(clients.s3, names.workBucket),
    lockMode: names.lockMode,
  };
}
