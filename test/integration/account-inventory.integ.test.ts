import { CreateTableCommand, DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SystemClock } from '@holdfast/aws';
import { AccountInventory, makeInventoryClients } from '@holdfast/aws/inventory';
import type { InventoryItem } from '@holdfast/engine';
import { makeBucket } from './support/buckets.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';
import { makeVolume, startMachine } from './support/machines.ts';

const clients = connect();
const more = makeInventoryClients();
const gibibyte = 2 ** 30;
let inventory: AccountInventory;

beforeAll(async () => {
  const { Account = '' } = await clients.sts.send(new GetCallerIdentityCommand({}));
  const place = { region: await clients.s3.config.region(), account: Account, partition: 'aws' };
  inventory = new AccountInventory({ ...clients, ...more }, place, new SystemClock());
});
afterAll(() => {
  for (const client of Object.values(more)) client.destroy();
});

async function find(items: AsyncIterable<InventoryItem>, end: string): Promise<InventoryItem | undefined> {
  return (await Array.fromAsync(items)).find(({ arn }) => arn.endsWith(end));
}

test('lists buckets, tagged or not', async () => {
  const bucket = await makeBucket(clients.s3);

  expect(await find(inventory.listBuckets(), `:${bucket}`)).toMatchObject({
    arn: `arn:aws:s3:::${bucket}`,
    kind: 's3-bucket',
  });
});

test('lists instances with their volumes and size, and volumes that no instance has', async () => {
  const instance = await startMachine(clients.ec2, {});
  const volume = await makeVolume(clients.ec2, {});

  const found = await Array.fromAsync(inventory.listImages());

  const machine = found.find(({ arn }) => arn.endsWith(`:instance/${instance}`));
  expect(machine?.consistsOf?.length).toBeGreaterThan(0);
  expect(machine?.bytes).toBeGreaterThanOrEqual(gibibyte);
  const alone = found.filter(({ kind }) => kind === 'ebs-volume').map(({ arn }) => arn);
  expect(alone.some((arn) => arn.endsWith(`:volume/${volume}`))).toBe(true);
  for (const part of machine?.consistsOf ?? []) expect(alone).not.toContain(part);
});

test('lists tables', async () => {
  const TableName = uniqueName('inventory');
  await more.dynamo.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  );

  const table = await find(inventory.listTables(), `:table/${TableName}`);
  await more.dynamo.send(new DeleteTableCommand({ TableName }));

  expect(table).toMatchObject({ kind: 'dynamodb-table' });
});
