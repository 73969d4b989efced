import { DynamoCallRates, SystemClock, SystemRandom } from '@holdfast/aws';
import { callRatesContract } from '@holdfast/engine/testing';
import { connect } from './support/emulated-aws.ts';
import { makeCatalogTable } from './support/tables.ts';

const { dynamo } = connect();

callRatesContract({
  name: 'DynamoDB',
  make: async () =>
    new DynamoCallRates(dynamo, await makeCatalogTable(dynamo), new SystemClock(), new SystemRandom()),
});
