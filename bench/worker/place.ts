import { hash, randomBytes } from 'node:crypto';
import { CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { CreateBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { type AwsClients, catalogIndexes, catalogKeys, chunkIndexKey } from '@holdfast/aws';
import { defaultImageSettings, type DeployedConfiguration, type Plan } from '@holdfast/engine/model';

export const planName = 'worker';

export interface Place {
  /** Nobody makes it: the front serves it. */
  readonly sourceBucket: string;
  /** The environment of the functions that work there. */
  readonly variables: Readonly<Record<string, string>> & { readonly VAULT_BUCKET: string };
}

const plan: Plan = {
  name: planName,
  schedules: {},
  retention: { keepDays: 35, timeZone: 'UTC' } as Plan['retention'],
  rpoHours: 24,
  readTags: false,
  prefixes: [],
  compression: 'default',
  images: defaultImageSettings,
  shard: { files: 10_000, bytes: 2 ** 30 },
};

const hashKey = (AttributeName: string) => ({ AttributeName, KeyType: 'HASH' as const });

/** Buckets, tables and a key of their own, so that nothing is known yet of what is stored. */
export async function makePlace(clients: Pick<AwsClients, 's3' | 'dynamo' | 'kms'>): Promise<Place> {
  const name = `worker-${randomBytes(6).toString('hex')}`;
  const [vault, work] = [`${name}-vault`, `${name}-work`];
  await clients.s3.send(new CreateBucketCommand({ Bucket: vault, ObjectLockEnabledForBucket: true }));
  await clients.s3.send(new CreateBucketCommand({ Bucket: work }));
  const keysOf = ({ partition, sort }: { readonly partition: string; readonly sort: string }) => [
    hashKey(partition),
    { AttributeName: sort, KeyType: 'RANGE' as const },
  ];
  const textKeys = [catalogKeys, ...Object.values(catalogIndexes)].flatMap(({ partition, sort }) => [
    partition,
    sort,
  ]);
  await clients.dynamo.send(
    new CreateTableCommand({
      TableName: `${name}-catalog`,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: textKeys.map((key) => ({ AttributeName: key, AttributeType: 'S' as const })),
      KeySchema: keysOf(catalogKeys),
      GlobalSecondaryIndexes: Object.entries(catalogIndexes).map(([IndexName, index]) => ({
        IndexName,
        KeySchema: keysOf(index),
        Projection: { ProjectionType: 'ALL' as const },
      })),
    }),
  );
  await clients.dynamo.send(
    new CreateTableCommand({
      TableName: `${name}-index`,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: chunkIndexKey, AttributeType: 'B' }],
      KeySchema: [hashKey(chunkIndexKey)],
    }),
  );
  const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}));
  const configuration: DeployedConfiguration = {
    plans: [plan],
    tagKey: 'backup',
    restoreTargets: { buckets: [], roles: [] },
    restoreWorkers: 1,
  };
  const document = JSON.stringify(configuration);
  const key = `configuration/${hash('sha256', document)}.json`;
  await clients.s3.send(new PutObjectCommand({ Bucket: work, Key: key, Body: document }));
  return {
    sourceBucket: `${name}-source`,
    variables: {
      VAULT_BUCKET: vault,
      LOCK_MODE: 'governance',
      WORK_BUCKET: work,
      CATALOG_TABLE: `${name}-catalog`,
      CHUNK_INDEX_TABLE: `${name}-index`,
      KMS_KEY_ARN: KeyMetadata?.Arn ?? '',
      CONFIGURATION: `s3://${work}/${key}`,
    },
  };
}
