import { expect, onTestFinished, test } from 'vitest';
import { S3ObjectStore, SystemClock } from '@holdfast/aws';
import {
  ObjectArchivedError,
  ObjectLockMissingError,
  ObjectNotFoundError,
  UnknownNameError,
  utf8,
} from '@holdfast/engine';
import { objectStoreContract } from '@holdfast/engine/testing';
import { findGap, titleWith } from '../support/gaps.ts';
import { patienceMs } from '../support/patience.ts';
import { connect, uniqueName } from './support/emulated-aws.ts';
import { deletePlain, makeBucket, makeVaultBucket, putPlain } from './support/buckets.ts';

const clients = connect();
const noGateway = await findGap('gateway');

/** Sets how long thaws take that have not ended. */
async function setThaws(thawMs: number): Promise<void> {
  const url = `${process.env['AWS_ENDPOINT_URL'] ?? ''}/_gateway/s3-archive/settings`;
  const answer = await fetch(url, { method: 'PUT', body: JSON.stringify({ thawMs }) });
  if (!answer.ok) throw new Error(await answer.text());
}

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
  expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(patienceMs);
});

test('names a bucket that does not exist', async () => {
  const store = new S3ObjectStore(clients, uniqueName('absent'), new SystemClock());

  await expect(store.put('x', new Uint8Array(1))).rejects.toBeInstanceOf(UnknownNameError);
});

test('takes a version id that S3 never gave out for a version that is gone', async () => {
  const store = new S3ObjectStore(clients, await makeVaultBucket(clients.s3), new SystemClock());
  await store.put('here', utf8('x'));

  await expect(store.get('here', { versionId: 'v1' })).rejects.toBeInstanceOf(ObjectNotFoundError);
  await expect(store.head('here', { versionId: 'v1' })).rejects.toBeInstanceOf(ObjectNotFoundError);
});

const archiveTitle = titleWith(noGateway, 'reads an object of class %s after a thaw');
test.skipIf(noGateway !== undefined).each(['GLACIER', 'DEEP_ARCHIVE'])(archiveTitle, async (storageClass) => {
  await setThaws(patienceMs);
  onTestFinished(async () => setThaws(2_000));
  const store = new S3ObjectStore(clients, await makeVaultBucket(clients.s3), new SystemClock());
  const { versionId } = await store.put('cold', utf8('x'), { storageClass });
  expect((await store.head('cold')).thaw).toEqual({ state: 'frozen' });
  await expect(store.get('cold')).rejects.toBeInstanceOf(ObjectArchivedError);

  await store.thaw('cold', versionId, { days: 2, speed: 'standard' });
  expect((await store.head('cold')).thaw).toEqual({ state: 'thawing' });
  await store.thaw('cold', versionId, { days: 2, speed: 'standard' });
  await setThaws(0);
  const { thaw } = await store.head('cold', { versionId });
  await store.thaw('cold', versionId, { days: 9, speed: 'bulk' });

  expect(thaw).toEqual({ state: 'thawed', until: expect.any(Date) });
  expect((await store.head('cold')).thaw).toEqual(thaw);
  expect(Buffer.from(await store.get('cold', { versionId })).toString()).toBe('x');
});

test('says that a legal hold needs a bucket with Object Lock', async () => {
  const bucket = await makeBucket(clients.s3);
  await putPlain(clients.s3, bucket, 'open', new Uint8Array(1));
  const store = new S3ObjectStore(clients, bucket, new SystemClock());

  await expect(store.setLegalHold('open', 'null', true)).rejects.toBeInstanceOf(ObjectLockMissingError);
});
