import { expect, test } from 'vitest';
import { S3ObjectStore, SystemClock } from '@holdfast/aws';
import { UnknownNameError } from '@holdfast/engine';
import { objectStoreContract } from '@holdfast/engine/testing';
import { connect, uniqueName } from './support/emulated-aws.ts';
import { deletePlain, makeVaultBucket, putPlain } from './support/buckets.ts';

const clients = connect();

objectStoreContract({
  name: 'S3',
  make: async () => {
    const bucket = await makeVaultBucket(clients.s3);
    return {
      store: new S3ObjectStore(clients, bucket, new SystemClock()),
      plantVersion: (name, body) => putPlain(clients.s3, bucket, name, body),
      plantMarker: (name) => deletePlain(clients.s3, bucket, name),
    };
  },
});

test('tells the time of the server in whole seconds', async () => {
  const store = new S3ObjectStore(clients, await makeVaultBucket(clients.s3), new SystemClock());

  const now = await store.now();

  expect(now.getMilliseconds()).toBe(0);
  expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(60_000);
});

test('names a bucket that does not exist', async () => {
  const store = new S3ObjectStore(clients, uniqueName('absent'), new SystemClock());

  await expect(store.put('x', new Uint8Array(1))).rejects.toBeInstanceOf(UnknownNameError);
});
