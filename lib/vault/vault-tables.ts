import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';

/** The queryable record of resources, runs, points and packs. Rebuildable from the vault, but not quickly. */
export class CatalogTable extends TableV2 {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      partitionKey: { name: 'PK', type: AttributeType.STRING },
      sortKey: { name: 'SK', type: AttributeType.STRING },
      globalSecondaryIndexes: ['GSI1', 'GSI2'].map((index) => ({
        indexName: index,
        partitionKey: { name: `${index}PK`, type: AttributeType.STRING },
        sortKey: { name: `${index}SK`, type: AttributeType.STRING },
      })),
      // Reports of workers end by themselves; no other row has it.
      timeToLiveAttribute: 'endsAfter',
      billing: Billing.onDemand(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

/** The place of each chunk, one small item a chunk. A loss costs duplicates, never data, hence no recovery. */
export class ChunkIndexTable extends TableV2 {
  constructor(scope: Construct, id: string) {
    super(scope, id, {
      partitionKey: { name: 'id', type: AttributeType.BINARY },
      billing: Billing.onDemand(),
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
