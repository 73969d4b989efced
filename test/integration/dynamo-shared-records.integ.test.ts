import { DynamoSharedRecords, SystemClock, SystemRandom } from '@holdfast/aws';
import { sharedRecordsContract } from '@holdfast/engine/testing';
import { connect } from './support/emulated-aws.ts';
import { makeCatalogTable } from './support/tables.ts';

const { dynamo } = connect();

sharedRecordsContract({
  name: 'DynamoDB',
  make: async () =>
    new DynamoSharedRecords(dynamo, await makeCatalogTable(dynamo), new SystemClock(), new SystemRandom()),
});
