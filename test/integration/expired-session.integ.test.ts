import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { openSource } from '@holdfast/aws';
import {
  backUpFiles,
  CredentialsRefusedError,
  newId,
  openVault,
  type ResourceArn,
  type RunId,
  verifyPoints,
} from '@holdfast/engine';
import { expect, onTestFinished } from 'vitest';
import { findGap, testUnless } from '../support/gaps.ts';
import { makeBucket, makeVaultBucket } from './support/buckets.ts';
import { connect } from './support/emulated-aws.ts';
import { makeCatalogTable, makeChunkIndexTable } from './support/tables.ts';
import { makeWriteServices } from '../support/write-services.ts';

const test = testUnless(await findGap('gateway'));
const clients = connect();
const faults = `${process.env['AWS_ENDPOINT_URL'] ?? ''}/_gateway/faults`;

/** The session is over for one bucket, after some more calls. A HEAD is told nothing but the status, as S3 does. */
async function expireSession(bucket: string, afterCalls: number): Promise<() => Promise<void>> {
  const id = `session of ${bucket}`;
  const action = {
    kind: 'error',
    status: 400,
    code: 'ExpiredToken',
    message: 'The provided token has expired.',
  };
  const rule = { id, match: { service: 's3', bucket }, action, skip: afterCalls };
  const answer = await fetch(faults, { method: 'POST', body: JSON.stringify(rule) });
  expect(answer.ok).toBe(true);
  return async () => {
    await fetch(`${faults}/${encodeURIComponent(id)}`, { method: 'DELETE' });
  };
}

test('a verification that outlives its session ends with that, whenever it is, and finds no damage', async () => {
  const { KeyMetadata } = await clients.kms.send(new CreateKeyCommand({}));
  const vaultBucket = await makeVaultBucket(clients.s3);
  const services = makeWriteServices(clients, {
    vaultBucket,
    workBucket: await makeBucket(clients.s3),
    catalogTable: await makeCatalogTable(clients.dynamo),
    chunkIndexTable: await makeChunkIndexTable(clients.dynamo),
    kmsKeyArn: KeyMetadata?.Arn ?? '',
    lockMode: 'governance',
  });
  const bucket = await makeBucket(clients.s3);
  for (let index = 0; index < 20; index += 1)
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: `file ${index}`, Body: `${index}` }));
  const resourceArn = `arn:aws:s3:::${bucket}` as ResourceArn;
  const source = openSource(
    { s3: clients.s3, clock: services.clock, random: services.random },
    { arn: resourceArn, kind: 's3-bucket' },
    { prefixes: [] },
  );
  const runId = newId<RunId>(services.random);
  const request = {
    runId,
    resourceArn,
    resourceKind: 's3-bucket',
    plan: 'daily',
    type: 'full',
    keepDays: 30,
  } as const;
  const { root } = await backUpFiles(services, { ...request, readTags: false }, { source });
  const keys = await openVault(services);
  const verify = async () =>
    Array.fromAsync(verifyPoints({ store: services.store, keys }, [{ resourceArn, pointId: root.point }]));
  const [whole] = await verify();

  expect(whole).toMatchObject({ outcome: { damagedFileCount: 0, lostRanges: [], damagedObjects: [] } });
  for (let calls = 0; ; calls += 1) {
    const renew = await expireSession(vaultBucket, calls);
    onTestFinished(renew);
    const outcome = await verify().catch((error: unknown) => error);
    await renew();
    if (!Array.isArray(outcome)) {
      expect(outcome, `after ${calls} calls`).toBeInstanceOf(CredentialsRefusedError);
      continue;
    }
    // So many calls it takes: the session has not been over before its end.
    expect(calls).toBeGreaterThan(3);
    expect(outcome).toEqual([whole]);
    return;
  }
});
