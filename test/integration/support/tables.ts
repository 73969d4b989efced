import { CreateTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { type AwsClients, catalogIndexes, catalogKeys, chunkIndexKey } from '@holdfast/aws';
import { patienceMs } from '../../support/patience.ts';
import { uniqueName } from './emulated-aws.ts';

export async function makeCatalogTable(dynamo: AwsClients['dynamo']): Promise<string> {
  const table = uniqueName('catalog');
  const indexes = Object.entries(catalogIndexes);
  const keys = [catalogKeys, ...Object.values(catalogIndexes)].flatMap(({ partition, sort }) => [
    partition,
    sort,
  ]);
  await dynamo.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: keys.map((name) => ({ AttributeName: name, AttributeType: 'S' })),
      KeySchema: keySchema(catalogKeys),
      GlobalSecondaryIndexes: indexes.map(([name, index]) => ({
        IndexName: name,
        KeySchema: keySchema(index),
        Projection: { ProjectionType: 'ALL' },
      })),
    }),
  );
  return settled(dynamo, table);
}

export async function makeChunkIndexTable(dynamo: AwsClients['dynamo']): Promise<string> {
  const table = uniqueName('chunk-index');
  await dynamo.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: chunkIndexKey, AttributeType: 'B' }],
      KeySchema: [{ AttributeName: chunkIndexKey, KeyType: 'HASH' }],
    }),
  );
  return settled(dynamo, table);
}

function keySchema({ partition, sort }: { partition: string; sort: string }) {
  return [
    { AttributeName: partition, KeyType: 'HASH' as const },
    { AttributeName: sort, KeyType: 'RANGE' as const },
  ];
}

async function settled(dynamo: AwsClients['dynamo'], table: string): Promise<string> {
  await waitUntilTableExists(
    { client: dynamo, maxWaitTime: patienceMs / 1000, minDelay: 1 },
    { TableName: table },
  );
  return table;
}
