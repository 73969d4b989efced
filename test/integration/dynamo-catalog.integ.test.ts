import { type AttributeValue, PutItemCommand } from '@aws-sdk/client-dynamodb';
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
        await dynamo.send(new PutItemCommand({ TableName: table, Item: packItem(row) }));
      },
    };
  },
});

/** A pack's item as sweepers and verify leave it; spelled out, so that a change of the layout is noticed. */
function packItem(row: PackRow): Record<string, AttributeValue> {
  const texts = {
    PK: `PACK#${row.packId}`,
    SK: 'PACK',
    GSI2PK: `SWEEP#${row.packId.at(-1)}`,
    GSI2SK: `${row.lockUntil.toISOString()}#${row.packId}`,
    packId: row.packId,
    kind: row.kind,
    retentionClass: row.retentionClass,
    state: row.state,
    runId: row.runId,
    lockUntil: row.lockUntil.toISOString(),
    lockedUntil: row.lockedUntil?.toISOString(),
    versionId: row.versionId,
    ...(row.damaged === true && { GSI1PK: 'DAMAGED', GSI1SK: row.packId }),
  };
  const item: Record<string, AttributeValue> = {};
  for (const [name, text] of Object.entries(texts)) if (text !== undefined) item[name] = { S: text };
  if (row.bytes !== undefined) item['bytes'] = { N: String(row.bytes) };
  if (row.damaged !== undefined) item['damaged'] = { BOOL: row.damaged };
  if (row.holds !== undefined) item['holds'] = { SS: [...row.holds] };
  return item;
}
