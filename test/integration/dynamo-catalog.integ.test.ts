import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { DynamoCatalog, SystemClock, SystemRandom } from '@holdfast/aws';
import type { PackRow } from '@holdfast/engine';
import { catalogContract } from '@holdfast/engine/testing';
import { connect } from './support/emulated-aws.ts';
import { makeCatalogTable } from './support/tables.ts';

const { dynamo } = connect();

catalogContract({
  name: 'DynamoDB',
  make: async () => {
    const table = await makeCatalogTable(dynamo);
    return {
      catalog: new DynamoCatalog(dynamo, table, new SystemClock(), new SystemRandom()),
      plantPack: async (row) => {
        await dynamo.send(new PutCommand({ TableName: table, Item: packItem(row) }));
      },
    };
  },
});

/** A pack's item as sweepers and verify leave it; spelled out, so that a change of the layout is noticed. */
function packItem(row: PackRow): Record<string, unknown> {
  return {
    ...row,
    PK: `PACK#${row.packId}`,
    SK: 'PACK',
    GSI2PK: `SWEEP#${row.packId.at(-1)}`,
    GSI2SK: `${row.lockUntil.toISOString()}#${row.packId}`,
    lockUntil: row.lockUntil.toISOString(),
    lockedUntil: row.lockedUntil?.toISOString(),
  };
}
