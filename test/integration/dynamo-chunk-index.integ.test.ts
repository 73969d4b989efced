import { DynamoChunkIndex, SystemClock, SystemRandom } from '@holdfast/aws';
import { chunkIndexContract } from '@holdfast/engine/testing';
import { connect } from './support/emulated-aws.ts';
import { makeChunkIndexTable } from './support/tables.ts';

const { dynamo } = connect();

chunkIndexContract({
  name: 'DynamoDB',
  make: async () =>
    new DynamoChunkIndex(dynamo, await makeChunkIndexTable(dynamo), new SystemClock(), new SystemRandom()),
});
